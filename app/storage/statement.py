"""SQL that is written in SQLAlchemy Core, compiled once per database and run on the bare driver.

Why: the writes of a trial are the hot path, and compiling and wrapping each execution costs more than SQLite itself
(measured: 1.3 to 1.6 times the CPU of the whole request). Reads that are not hot use Core in the ordinary way.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any, Protocol

from sqlalchemy import BindParameter, ClauseElement, Dialect, Table, bindparam, literal_column
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.dialects.sqlite import pysqlite
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.visitors import replacement_traverse

Row = tuple[Any, ...]
Values = Mapping[str, Any]

_DIALECTS: dict[str, Dialect] = {
    "sqlite": pysqlite.dialect(paramstyle="named"),
    "postgresql": psycopg.dialect(),  # type: ignore[no-untyped-call]  # likewise
}
_POSITIONAL: dict[str, Dialect] = {
    "sqlite": pysqlite.dialect(paramstyle="qmark"),
    "postgresql": psycopg.dialect(paramstyle="format"),  # type: ignore[no-untyped-call]  # likewise
}


def _literal(element: object, **_: object) -> ColumnElement[Any] | None:
    """What stands in the text for a constant; a parameter that callers name has no value yet and stays one."""
    if not isinstance(element, BindParameter) or element.value is None:
        return None
    return literal_column(str(element.compile(compile_kwargs={"literal_binds": True})), element.type)


class Cursor(Protocol):
    """What we use of a DB-API cursor."""

    rowcount: int

    def execute(self, operation: str, parameters: Any = ..., /) -> Any: ...
    def executemany(self, operation: str, parameters: Any, /) -> Any: ...
    def fetchall(self) -> list[Row]: ...


class Statement:
    """One statement for both databases; parameters are named.

    Constants are written into the text: a plan that is made once can use a partial index only where it can see that
    the index's condition holds. As parameters they cost SQLite a new plan at each execution, PostgreSQL likewise.
    """

    def __init__(self, statement: ClauseElement) -> None:
        spelled: Any = replacement_traverse(statement, {}, _literal)
        compiled = {name: spelled.compile(dialect=dialect) for name, dialect in _DIALECTS.items()}
        self._texts = {name: str(each) for name, each in compiled.items()}
        # SQLAlchemy adds one of its own to SQLite's LIMIT; those that callers name have no value yet.
        self._constants = {name: value for name, value in compiled["sqlite"].params.items() if value is not None}

    def text(self, dialect: str) -> str:
        """The SQL text in the placeholders of a database's driver."""
        return self._texts[dialect]

    def bound(self, values: Values) -> Values:
        """The parameters of one execution."""
        return {**self._constants, **values} if self._constants else values


class Session:
    """A bare driver connection inside a transaction."""

    def __init__(self, cursor: Cursor, dialect: str) -> None:
        self._cursor = cursor
        self.dialect = dialect

    def rows(self, statement: Statement, values: Values) -> list[Row]:
        """All rows of a query."""
        self._cursor.execute(statement.text(self.dialect), statement.bound(values))
        return self._cursor.fetchall()

    def insert(self, insertion: "Insertion", rows: Sequence[object]) -> None:
        """Inserts rows, given by objects whose fields are named as the columns."""
        values = list(map(insertion.values, rows))
        text = insertion.text(self.dialect)
        if len(values) == 1:
            self._cursor.execute(text, values[0])
        else:
            self._cursor.executemany(text, values)

    def run(self, statement: Statement, many: Sequence[Values]) -> int:
        """Runs a statement once per set of values; the number of rows changed in all."""
        text = statement.text(self.dialect)
        if len(many) == 1:
            self._cursor.execute(text, statement.bound(many[0]))
        else:
            self._cursor.executemany(text, [statement.bound(values) for values in many])
        return self._cursor.rowcount


class Insertion:
    """Inserts whole rows of a table; by position, which spares a dictionary a row."""

    def __init__(self, table: Table) -> None:
        statement = _insert(table)
        compiled = {name: statement.compile(dialect=dialect) for name, dialect in _POSITIONAL.items()}
        self._texts = {name: str(each) for name, each in compiled.items()}
        self.values = attrgetter(*(column.name for column in table.columns))
        """The values of one row, in the order of the text's placeholders."""

    def text(self, dialect: str) -> str:
        """The SQL text in the placeholders of a database's driver."""
        return self._texts[dialect]


@lru_cache(maxsize=64)
def insertion(table: Table) -> Insertion:
    """Inserts rows whose columns are all given."""
    return Insertion(table)


@lru_cache(maxsize=64)
def insert(table: Table) -> Statement:
    """Inserts rows by column name; a column that the database numbers is left to it."""
    return Statement(_insert(table))


def _insert(table: Table) -> Any:
    names = [column.name for column in table.columns if not _is_serial(column)]
    return table.insert().values({name: bindparam(name) for name in names})


@lru_cache(maxsize=512)
def update(table: Table, changed: frozenset[str], guarded: tuple[str, ...]) -> Statement:
    """Updates some columns of the row whose `guarded` columns still have the values bound as `was_NAME`."""
    statement = table.update().values({name: bindparam(name) for name in sorted(changed)})
    for name in guarded:
        statement = statement.where(table.c[name] == bindparam(f"was_{name}"))
    return Statement(statement)


def _is_serial(column: ColumnElement[Any]) -> bool:
    return getattr(column, "autoincrement", None) is True
