"""Queries for what attempts leave behind: their logs, and the records of their artifacts."""

from collections.abc import Iterable

from sqlalchemy import select

from app.storage import tables
from app.storage.reader import LONGEST_PAGE, Connection
from app.storage.rows import ArtifactRow

_L, _A = tables.logs.c, tables.artifacts.c


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
