"""Pages of what a project has: studies, trials and what belongs to them, workers, keys."""

from typing import Any

from app.services.fleet import OFFLINE_AFTER_S
from app.services.principal import Principal
from app.services.reading import find_study, find_trial, get_study
from app.storage import reader
from app.storage.reader import TrialFilter
from studyhall.study import Study
from studyhall.trial import Attempt, RecordedMeasurement, Trial
from studyhall.wire.fleet import TrainableInfo, Worker
from studyhall.wire.pages import Page
from studyhall.wire.server import Audited, Key


def studies(
    connection: reader.Connection,
    *,
    principal: Principal,
    limit: int,
    cursor: str | None,
    state: tuple[str, ...] = (),
    name: str | None = None,
    label: str | None = None,
    archived: bool = False,
) -> Page[Study]:
    """Studies, newest first; for a guest the one that is shared."""
    if principal.study is not None:
        return Page[Study].model_construct(items=(get_study(connection, principal=principal, name=principal.study),))
    filters: dict[str, Any] = {"state": state, "name": name, "label": label, "archived": archived}
    return reader.studies_page(connection, principal.project, limit=limit, cursor=cursor, **filters)


def trials(
    connection: reader.Connection,
    *,
    principal: Principal,
    name: str,
    filter: TrialFilter,
    limit: int,
    cursor: str | None,
) -> tuple[Page[Trial], int]:
    """Trials of a study, and the sequence number they hold for."""
    study = find_study(connection, principal, name)
    return reader.trials_page(connection, study.id, filter, limit=limit, cursor=cursor), study.sequence


def measurements(
    connection: reader.Connection,
    *,
    principal: Principal,
    trial_id: str,
    attempt: int | None,
    limit: int,
    cursor: str | None,
) -> Page[RecordedMeasurement]:
    """Measurements of a trial, by attempt and step."""
    find_trial(connection, principal, trial_id)
    return reader.measurements_page(connection, trial_id, attempt=attempt, limit=limit, cursor=cursor)


def attempts(connection: reader.Connection, *, principal: Principal, trial_id: str) -> list[Attempt]:
    """The attempts of a trial, first to last."""
    find_trial(connection, principal, trial_id)
    return reader.attempts_of(connection, trial_id)


def workers(connection: reader.Connection, *, principal: Principal, now: float) -> list[Worker]:
    """The workers of a project, by name."""
    return reader.workers(connection, principal.project, now=now, offline_after_s=OFFLINE_AFTER_S)


def trainables(connection: reader.Connection, *, principal: Principal) -> list[TrainableInfo]:
    """What the project's workers can run."""
    return reader.trainables(connection, principal.project)


def keys(connection: reader.Connection, *, principal: Principal) -> list[Key]:
    """The keys of a project, oldest first."""
    return reader.keys(connection, principal.project)


def audit(connection: reader.Connection, *, principal: Principal, limit: int, cursor: str | None) -> Page[Audited]:
    """Who did what in a project, newest first."""
    return reader.audit_page(connection, principal.project, limit=limit, cursor=cursor)
