"""Studies put away: out of the lists, read-only, and taken back at any time; by people, or when they are old."""

from functools import partial
from typing import Final

import structlog

from app.services.lookup import study_of
from app.services.principal import Principal
from app.services.retention import DAY_S, Retention
from app.storage import reader
from app.storage.database import Database
from app.storage.domain import study_from
from app.storage.graves import bury, empty, graves
from app.storage.rows import StudyRow
from app.storage.transaction import Transaction
from studyhall.errors import StudyBusy
from studyhall.study import Study, StudyState

log = structlog.get_logger(__name__)

PAGE: Final = 100
"""Studies that are put away, or deleted, for one look at the database."""


def archive_study(tx: Transaction, principal: Principal, name: str) -> Study:
    """Puts a study away that has ended.

    Raises:
        StudyBusy: it has not ended.
    """
    study = study_of(tx, principal, name, archived=True)
    if not StudyState(study.state).has_ended:
        raise StudyBusy(f"the study is {study.state}; stop it before it is archived")
    if study.archived_at is None:
        _put_away(tx, study, reason="user")
    return study_from(study)


def unarchive_study(tx: Transaction, principal: Principal, name: str) -> Study:
    """Takes a study back, as it was."""
    study = study_of(tx, principal, name, archived=True)
    if study.archived_at is not None:
        tx.change(study, archived_at=None)
        tx.record(study, "study.unarchived")
    return study_from(study)


async def archive_old(database: Database, retention: Retention, now: float) -> dict[str, int]:
    """Puts away what ended long ago, and deletes what was put away long ago; how many studies."""
    done = {"archived": 0, "deleted": 0}
    if retention.archive_days is not None:
        before = now - retention.archive_days * DAY_S
        while ids := await database.read(partial(reader.studies_ended_before, before=before, limit=PAGE)):
            done["archived"] += await database.write(partial(_archive, ids=ids, before=before))
    if retention.studies_days is not None:
        before = now - retention.studies_days * DAY_S
        while ids := await database.read(partial(reader.studies_archived_before, before=before, limit=PAGE)):
            done["deleted"] += await database.write(partial(_delete, ids=ids, before=before))
    return {what: count for what, count in done.items() if count}


async def empty_graves(database: Database) -> int:
    """Deletes what deleted studies have left, in pieces between which others are answered; how many studies."""
    emptied = 0
    while ids := await database.read(partial(graves, limit=PAGE)):
        for id in ids:
            while not await database.write(partial(empty, id=id)):
                pass
            emptied += 1
    return emptied


def _put_away(tx: Transaction, study: StudyRow, *, reason: str) -> None:
    tx.change(study, archived_at=tx.now)
    tx.record(study, "study.archived", reason=reason)


def _archive(tx: Transaction, ids: list[str], before: float) -> int:
    # Judged again under the lock: somebody may have resumed it, or another server put it away.
    old = [
        study
        for id in ids
        if (study := tx.study(id)) and study.archived_at is None and study.ended_at and study.ended_at < before
    ]
    for study in old:
        _put_away(tx, study, reason="age")
    return len(old)


def _delete(tx: Transaction, ids: list[str], before: float) -> int:
    old = [study for id in ids if (study := tx.study(id)) and study.archived_at and study.archived_at < before]
    for study in old:
        told = {"subject": study.id, "name": study.name, "reason": "age"}
        tx.audit(project=study.project, key_id="", action="study.deleted", **told)
        bury(tx, study)
    return len(old)
