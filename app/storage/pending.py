"""What a transaction has added and changed, and the database has not been told: rows by table, told set-wise."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import Table

from app.storage import tables
from app.storage.rows import (
    AnswerRow,
    ArtifactRow,
    AttemptRow,
    EventRow,
    KeyRow,
    LessonRow,
    LevelRow,
    LogRow,
    MeasurementRow,
    StudyRow,
    TrialRow,
    WebhookRow,
    WorkerRow,
)
from app.storage.statement import Edit, Session, insertion, update

Row = (
    StudyRow
    | TrialRow
    | AttemptRow
    | MeasurementRow
    | LogRow
    | ArtifactRow
    | LessonRow
    | LevelRow
    | EventRow
    | WorkerRow
    | KeyRow
    | WebhookRow
    | AnswerRow
)


class Overtaken(Exception):
    """Another server changed a row under us in spite of its lock; the transaction is undone and run again."""


class Pending:
    """Insertions and changes, gathered until they are written."""

    def __init__(self) -> None:
        self._inserts: dict[Table, list[Row]] = defaultdict(list)
        self._changed: dict[Row, set[str]] = {}

    def add(self, table: Table, row: Row) -> None:
        """A row is new."""
        self._inserts[table].append(row)

    def change(self, row: Row, names: Iterable[str]) -> None:
        """Columns of a row have new values."""
        self._changed.setdefault(row, set()).update(names)

    def write(self, session: Session, was: dict[TrialRow, tuple[int, str]]) -> None:
        """Writes what has gathered, parents before children.

        Args:
            was: attempt and state of each trial in the database; brought up to date.

        Raises:
            Overtaken: when a trial is not as it was read.
        """
        if not self._inserts and not self._changed:
            return
        fresh = {id(row) for rows in self._inserts.values() for row in rows}
        edits = [
            insertion(table).edit(self._inserts.pop(table), session.dialect)
            for table in _PARENTS_FIRST
            if table in self._inserts
        ]
        groups: dict[tuple[type, frozenset[str]], list[Row]] = defaultdict(list)
        for row, names in self._changed.items():
            if id(row) not in fresh:
                groups[type(row), frozenset(names)].append(row)
        updates = [_update(kind, names, rows, was, session.dialect) for (kind, names), rows in groups.items()]
        counts = session.write([*edits, *updates])[len(edits) :]
        for ((kind, _), rows), count in zip(groups.items(), counts, strict=True):
            if count != len(rows):
                raise Overtaken(f"{len(rows)} rows of {_TABLES[kind][0].name} were to change and {count} did")
        was.update({row: (row.attempt, row.state) for row in self._changed if isinstance(row, TrialRow)})
        self._changed.clear()


def _update(
    kind: type, names: frozenset[str], rows: Sequence[Row], was: dict[TrialRow, tuple[int, str]], dialect: str
) -> Edit:
    table, guarded = _TABLES[kind]
    many = []
    for row in rows:
        values = {name: getattr(row, name) for name in names}
        if isinstance(row, TrialRow):
            attempt, state = was[row]
            values |= {"was_id": row.id, "was_attempt": attempt, "was_state": state}
        else:
            values |= {f"was_{name}": getattr(row, name) for name in guarded}
        many.append(values)
    return update(table, names, guarded).edit(many, dialect)


_PARENTS_FIRST: Final = (
    tables.studies,
    tables.trials,
    tables.attempts,
    tables.measurements,
    tables.logs,
    tables.artifacts,
    tables.lessons,
    tables.levels,
    tables.events,
    tables.workers,
    tables.keys,
    tables.webhooks,
    tables.answers,
)

_TABLES: Final[dict[type, tuple[Table, tuple[str, ...]]]] = {
    StudyRow: (tables.studies, ("id",)),
    TrialRow: (tables.trials, ("id", "attempt", "state")),
    AttemptRow: (tables.attempts, ("trial_id", "attempt")),
    WorkerRow: (tables.workers, ("project", "name")),
    KeyRow: (tables.keys, ("id",)),
    WebhookRow: (tables.webhooks, ("id",)),
    MeasurementRow: (tables.measurements, ("trial_id", "attempt", "step")),
    ArtifactRow: (tables.artifacts, ("trial_id", "attempt", "name")),
}
