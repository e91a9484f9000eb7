"""Finding what a request names, as far as the one who asks may see it. What others own does not exist."""

from app.services.principal import Principal
from app.storage.rows import StudyRow, TrialRow
from app.storage.transaction import Transaction
from studyhall.errors import NotFound, StudyArchived


def study_of(tx: Transaction, principal: Principal, name: str, *, archived: bool = False) -> StudyRow:
    """A study by id or name, locked.

    Args:
        archived: also one that is put away; for verbs that change nothing in it.

    Raises:
        NotFound: there is none in this project.
        StudyArchived: it is put away.
    """
    study = tx.study(name) if name.startswith("st_") else None
    if study is None:
        study = tx.study_named(principal.project, name)
    if study is None or study.project != principal.project:
        raise no_study()
    return study if archived else _open(study)


def trial_of(tx: Transaction, principal: Principal, id: str) -> tuple[StudyRow, TrialRow]:
    """A trial by id with its study, locked.

    Raises:
        NotFound: there is none in this project.
        StudyArchived: its study is put away.
    """
    trial = tx.trial(id)
    if trial is None:
        raise no_trial()
    study = tx.study_of(trial)
    if study.project != principal.project:
        raise no_trial()
    return _open(study), trial


def _open(study: StudyRow) -> StudyRow:
    if study.archived_at is not None:
        raise StudyArchived
    return study


def no_study() -> NotFound:
    """The same words whether it does not exist or belongs to others."""
    return NotFound("there is no such study; GET /v1/studies lists those there are")


def no_trial() -> NotFound:
    """The same words whether it does not exist or belongs to others."""
    return NotFound("there is no such trial; GET /v1/studies/STUDY/trials lists those there are")
