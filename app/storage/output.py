"""Queries for what attempts leave behind: their logs, and the records of their artifacts."""

from collections.abc import Iterable
from typing import Literal

from sqlalchemy import select

from app.storage import sql, tables
from app.storage.reader import LONGEST_PAGE, Connection
from app.storage.rows import ArtifactRow
from app.storage.transaction import Transaction

_L, _A, _T = tables.logs.c, tables.artifacts.c, tables.trials.c


def log_after(connection: Connection, trial_id: str, attempt: int, after: int, *, pieces: int) -> str:
    """The text of an attempt's log from a character on, as far as so many pieces reach."""
    query = select(_L.start, _L.text).where(_L.trial_id == trial_id, _L.attempt == attempt, _L.until > after)
    found = connection.execute(query.order_by(_L.start).limit(pieces)).all()
    return "".join(text[max(0, after - start) :] for start, text in found)


def artifacts_of(connection: Connection, trial_id: str) -> list[ArtifactRow]:
    """The artifacts of all attempts at a trial, the latest attempt first, by name; there are few."""
    query = select(*tables.artifacts.columns).where(_A.trial_id == trial_id).order_by(_A.attempt.desc(), _A.name)
    return [ArtifactRow(*row) for row in connection.execute(query.limit(LONGEST_PAGE))]


def artifact(connection: Connection, trial_id: str, attempt: int | None, name: str) -> ArtifactRow | None:
    """An artifact by name; without an attempt that of the latest one which has it."""
    query = select(*tables.artifacts.columns).where(_A.trial_id == trial_id, _A.name == name)
    if attempt is not None:
        query = query.where(_A.attempt == attempt)
    found = connection.execute(query.order_by(_A.attempt.desc()).limit(1)).first()
    return None if found is None else ArtifactRow(*found)


def needed(connection: Connection, hashes: Iterable[str]) -> set[str]:
    """Those of some contents that an artifact still has."""
    query = select(_A.sha256).distinct().where(_A.sha256.in_(list(hashes)))
    return {row[0] for row in connection.execute(query)}


def outlived(
    connection: Connection, *, kind: Literal["artifacts", "logs"], before: float, after: str, limit: int
) -> list[tuple[str, str]]:
    """(trial, study) of the trials that ended before a time and still have outputs, by trial id, from one on."""
    has = _A.trial_id if kind == "artifacts" else _L.trial_id
    query = select(_T.id, _T.study_id).distinct().join(tables.trials, _T.id == has)
    query = query.where(has > after, _T.finished_at < before).order_by(_T.id).limit(limit)
    if kind == "logs":
        query = query.where(_L.start == 0)  # of its many pieces, the first
    return [(row[0], row[1]) for row in connection.execute(query)]


def forget(tx: Transaction, *, kind: Literal["artifacts", "logs"], trials: Iterable[str]) -> None:
    """Deletes the logs of some trials, or the records of their artifacts."""
    tx.run(sql.FORGET_OUTPUTS[kind], [{"trial_id": id} for id in trials])


def best_of(connection: Connection, study_id: str, *, goal: str, limit: int) -> set[str]:
    """The ids of a study's best trials, or of all on its front."""
    mine = _T.study_id == study_id
    order = _T.value if goal == "minimize" else _T.value.desc()
    counted = (mine, _T.value.is_not(None), _T.excluded.is_(False))
    best = connection.execute(select(_T.id).where(*counted).order_by(order, _T.number).limit(limit))
    front = connection.execute(select(_T.id).where(mine, _T.on_front))
    return {row[0] for row in best} | {row[0] for row in front}
