"""Deleted studies on their way out: nobody's any more from the moment of their deletion, and emptied piece by piece.

Why not at once: 100,000 trials with their measurements, events and indexes take a writer many seconds, in which nobody
else is answered; PostgreSQL ends such a statement, so that the study could not be deleted at all.
"""

from typing import Any, Final

from sqlalchemy import bindparam, func, select

from app.storage import tables
from app.storage.reader import Connection
from app.storage.rows import StudyRow
from app.storage.statement import Statement, among
from app.storage.transaction import Transaction

GRAVE: Final = "(deleted)"
"""The project of a deleted study: no key is of it."""
MOST_TRIALS: Final = 200
MOST_ROWS: Final = 5000
"""About so much is deleted in one transaction, for which others wait."""

_S, _T, _E, _L = tables.studies.c, tables.trials.c, tables.events.c, tables.levels.c
_OF: Final[Any] = bindparam("of_study")
_TRIALS: Final = Statement(
    select(_T.id, _T.points).where(_T.study_id == _OF).order_by(_T.number).limit(bindparam("limit"))
)
_DELETE_TRIALS: Final = Statement(tables.trials.delete().where(among(_T.id, "ids")))
_FIRST_EVENT: Final = select(func.min(_E.sequence)).where(_E.study_id == _OF).scalar_subquery()
_DELETE_EVENTS: Final = Statement(
    tables.events.delete().where(_E.study_id == _OF, _E.sequence < _FIRST_EVENT + bindparam("limit"))
)
_FIRST_LEVEL: Final = select(func.min(_L.level)).where(_L.study_id == _OF).scalar_subquery()
_DELETE_LEVELS: Final = Statement(tables.levels.delete().where(_L.study_id == _OF, _L.level == _FIRST_LEVEL))


_END: Final = [Statement(table.delete().where(table.c.study_id == _OF)) for table in (tables.keys, tables.webhooks)]


def bury(tx: Transaction, study: StudyRow) -> None:
    """Takes a study from its project and its name from it, and ends its share links and webhooks."""
    for statement in _END:
        tx.run(statement, [{"of_study": study.id}])
    ended = {"state": "completed", "claimable": False, "ended_at": None, "archived_at": None}
    tx.change(study, project=GRAVE, name=study.id, **ended)
    tx.touch(study)


def graves(connection: Connection, limit: int) -> list[str]:
    """The studies that are still to be emptied."""
    return list(connection.execute(select(_S.id).where(_S.project == GRAVE).limit(limit)).scalars())


def empty(tx: Transaction, id: str) -> bool:
    """Deletes a piece of what a buried study has, and at last the study; whether nothing is left."""
    study = tx.study(id)
    if study is None or study.project != GRAVE:
        return True
    of = {"of_study": id}
    if trials := _piece(tx.query(_TRIALS, of | {"limit": MOST_TRIALS})):
        tx.run(_DELETE_TRIALS, [{"ids": trials}])
    elif not tx.run(_DELETE_EVENTS, [of | {"limit": MOST_ROWS}]) and not tx.run(_DELETE_LEVELS, [of]):
        tx.delete_study(study)
        return True
    return False


def _piece(trials: list[tuple[str, int]]) -> list[str]:
    """The first trials with so many measurements, together, as go at once; one at least."""
    piece: list[str] = []
    rows = 0
    for id, points in trials:
        rows += points
        if piece and rows > MOST_ROWS:
            break
        piece.append(id)
    return piece
