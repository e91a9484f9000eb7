"""SQL that is written in SQLAlchemy Core, compiled once per database and run on the bare driver.

Why: the writes of a trial are the hot path, and compiling and wrapping each execution costs more than SQLite itself
(measured: 1.3 to 1.6 times the CPU of the whole request). Reads that are not hot use Core in the ordinary way.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from operator import attrgetter
from typing import Any, Protocol

from sqlalchemy import (
    BindParameter,
    Boolean,
    ClauseElement,
    Dialect,
    String,
    Table,
    Text,
    bindparam,
    func,
    literal_column,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, psycopg
from sqlalchemy.dialects.sqlite import pysqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.visitors import iterate, replacement_traverse

from app.storage.json_text import to_text

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


class Among(FunctionElement[bool]):
    """`column IN list`, where the list is one parameter of any length: one text, whatever a batch asks for."""

    type = Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> "Among":
        """Itself: SQLAlchemy would compare it with 1 on SQLite, which then uses no index."""
        return self

    @property
    def list_name(self) -> str:
        """The name of the parameter."""
        return str(list(self.clauses)[1].key)


@compiles(Among, "sqlite")
def _among_json(element: Among, compiler: SQLCompiler, **_: Any) -> str:
    column, names = element.clauses
    listed = f"json_each({compiler.process(names)})"
    return f"{compiler.process(column)} IN (SELECT value FROM {listed})"  # noqa: S608  # two texts of SQLAlchemy's


@compiles(Among, "postgresql")
def _amongarray(element: Among, compiler: SQLCompiler, **_: Any) -> str:
    column, names = element.clauses
    return f"{compiler.process(column)} = ANY({compiler.process(names)})"


def among(column: ColumnElement[Any], name: str) -> Among:
    """Whether a column is one of the values of a list parameter."""
    return Among(column, array(name, column))


def array(name: str, column: ColumnElement[Any]) -> BindParameter[Any]:
    """A list parameter of values of a column."""
    # Without a length: a cast to VARCHAR(32) cuts off what is too long, where the column itself refuses it.
    return bindparam(name, type_=ARRAY(Text() if isinstance(column.type, String) else column.type))


class Cursor(Protocol):
    """What we use of a DB-API cursor."""

    rowcount: int

    @property
    def connection(self) -> Any: ...
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
        self._lists = [each.list_name for each in iterate(statement) if isinstance(each, Among)]

    def text(self, dialect: str) -> str:
        """The SQL text in the placeholders of a database's driver."""
        return self._texts[dialect]

    def bound(self, values: Values, dialect: str) -> Values:
        """The parameters of one execution."""
        if self._lists and dialect == "sqlite":  # which has no arrays
            values = {**values, **{name: to_text(values[name]) for name in self._lists}}
        return {**self._constants, **values} if self._constants else values


Ask = tuple[Statement, Values]
"""A query with its parameters."""
Edit = tuple[str, Sequence[Any]]
"""The text of a statement that writes, and the parameters of each of its executions."""


class Session:
    """A bare driver connection inside a transaction.

    PostgreSQL is sent what belongs together in one go (a pipeline): each statement on its own is a round trip, which
    costs both sides more than the statement itself.
    """

    def __init__(self, cursor: Cursor, dialect: str) -> None:
        self._cursor = cursor
        self.dialect = dialect

    def rows(self, statement: Statement, values: Values) -> list[Row]:
        """All rows of a query."""
        self._cursor.execute(statement.text(self.dialect), statement.bound(values, self.dialect))
        return self._cursor.fetchall()

    def gather(self, asks: Sequence[Ask]) -> list[list[Row]]:
        """All rows of each of several queries, which are run in this order."""
        if self.dialect == "sqlite" or len(asks) == 1:
            return [self.rows(*ask) for ask in asks]
        connection = self._cursor.connection
        with connection.pipeline():
            cursors = [
                connection.execute(ask.text(self.dialect), ask.bound(values, self.dialect)) for ask, values in asks
            ]
        return [cursor.fetchall() for cursor in cursors]

    def write(self, edits: Sequence[Edit]) -> list[int]:
        """Runs edits in this order; the number of rows that each has changed."""
        if self.dialect == "sqlite":
            return [_run(self._cursor, *edit) for edit in edits]
        connection = self._cursor.connection
        cursors = [connection.cursor() for _ in edits]
        with connection.pipeline():
            for cursor, edit in zip(cursors, edits, strict=True):
                _run(cursor, *edit)
        return [cursor.rowcount for cursor in cursors]

    def run(self, statement: Statement, many: Sequence[Values]) -> int:
        """Runs a statement once per set of values; the number of rows changed in all."""
        return _run(
            self._cursor, statement.text(self.dialect), [statement.bound(values, self.dialect) for values in many]
        )


def _run(cursor: Cursor, text: str, many: Sequence[Any]) -> int:
    if len(many) == 1:
        cursor.execute(text, many[0])
    else:
        cursor.executemany(text, many)
    return cursor.rowcount


class Insertion:
    """Inserts whole rows of a table; by position, which spares a dictionary a row."""

    def __init__(self, table: Table) -> None:
        statement = _insert(table)
        compiled = {name: statement.compile(dialect=dialect) for name, dialect in _POSITIONAL.items()}
        self._texts = {name: str(each) for name, each in compiled.items()}
        self._table = table
        self._values = attrgetter(*(column.name for column in table.columns))

    def edit(self, rows: Sequence[object], dialect: str) -> Edit:
        """The insertion of rows, given by objects whose fields are named as the columns."""
        values = list(map(self._values, rows))
        if dialect == "sqlite" or len(values) == 1:
            return self._texts[dialect], values
        return self._at_once, [list(map(list, zip(*values, strict=True)))]

    @cached_property
    def _at_once(self) -> str:
        columns = [column for column in self._table.columns if not _is_serial(column)]
        arrays = select(text("*")).select_from(func.unnest(*(array(column.name, column) for column in columns)))
        statement = self._table.insert().from_select([column.name for column in columns], arrays)
        return str(statement.compile(dialect=_POSITIONAL["postgresql"]))


class Update:
    """Updates some columns of rows whose `guarded` columns still have the values that are given as `was_NAME`."""

    def __init__(self, table: Table, changed: frozenset[str], guarded: tuple[str, ...]) -> None:
        names = sorted(changed)
        statement = table.update().values({name: bindparam(name) for name in names})
        for name in guarded:
            statement = statement.where(table.c[name] == bindparam(f"was_{name}"))
        self._by_row = Statement(statement)
        self._table, self._names, self._guarded = table, names, guarded

    def edit(self, many: Sequence[Values], dialect: str) -> Edit:
        """The update of rows, given by their new values and those of the guarded columns."""
        if dialect == "sqlite" or len(many) == 1:
            return self._by_row.text(dialect), many
        return self._at_once, [{name: [values[name] for values in many] for name in many[0]}]

    @cached_property
    def _at_once(self) -> str:
        column = self._table.c
        given = {name: column[name] for name in self._names} | {f"was_{name}": column[name] for name in self._guarded}
        arrays = func.unnest(*(array(name, each) for name, each in given.items()))
        new = arrays.table_valued(*given).render_derived(name="new")
        statement = self._table.update().values({name: new.c[name] for name in self._names})
        for name in self._guarded:
            statement = statement.where(column[name] == new.c[f"was_{name}"])
        return str(statement.compile(dialect=_DIALECTS["postgresql"]))


@lru_cache(maxsize=64)
def insertion(table: Table) -> Insertion:
    """Inserts rows whose columns are all given."""
    return Insertion(table)


@lru_cache(maxsize=64)
def insert(table: Table) -> Statement:
    """Inserts rows by column name; a column that the database numbers is left to it."""
    return Statement(_insert(table))


@lru_cache(maxsize=512)
def update(table: Table, changed: frozenset[str], guarded: tuple[str, ...]) -> Update:
    """Updates some columns of rows."""
    return Update(table, changed, guarded)


def _insert(table: Table) -> Any:
    names = [column.name for column in table.columns if not _is_serial(column)]
    return table.insert().values({name: bindparam(name) for name in names})


def _is_serial(column: ColumnElement[Any]) -> bool:
    return getattr(column, "autoincrement", None) is True
