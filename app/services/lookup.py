"""Finding what a request names, as far as the one who asks may see it. What others own does not exist."""

from app.services.principal import Principal
from app.storage.rows import StudyRow, TrialRow
from app.storage.transaction import Transaction
from studyhall.errors import NotFound


def study_of(tx: Transaction, principal: Principal, name: str) -> StudyRow:
    """A study by id or name, locked.

    Raises:
        NotFound: there is none in this project.
    """
    study = tx.study(name) if name.startswith("st_") else None
    if study is None:
        study = tx.study_named(principal.project, name)
    if study is None or study.project != principal.project:
        raise no_study()
    return study


def trial_of(tx: Transaction, principal: Principal, id: str) -> tuple[StudyRow, TrialRow]:
    """A trial by id with its study, locked.

    Raises:
        NotFound: there is none in this project.
    """
    trial = tx.trial(id)
    if trial is None:
        raise no_trial()
    study = tx.study_of(trial)
    if study.project != principal.project:
        raise no_trial()
    return study, trial


def no_study() -> NotFound:
    """The same words whether it does not exist or belongs to others."""
    return NotFound("there is no such study; GET /v1/studies lists those there are")


def no_trial() -> NotFound:
    """The same words whether it does not exist or belongs to others."""
    return NotFound("there is no such trial; GET /v1/studies/STUDY/trials lists those there are")
