"""What is read of studies and trials, put together from several queries on one connection."""

import json
from dataclasses import asdict
from typing import Any

from app.analysis.series import course
from app.services.fitting import no_worker
from app.services.lookup import no_study, no_trial
from app.services.principal import Principal
from app.storage import reader, trial_history
from app.storage.domain import counts_from, definition_from, planned_trials, study_from, trial_from
from app.storage.rows import StudyRow, TrialRow
from studyhall.architecture.network import Network, network_of
from studyhall.errors import Conflict, FieldError, InvalidInput
from studyhall.parameters import Parameter
from studyhall.study import Objective, Study, StudyDefinition, StudyState
from studyhall.trial import Trial, TrialState
from studyhall.wire.results import Best, History, Summary

RECENT_S = 300.0
RECENT_TRIALS = 2000


def find_study(connection: reader.Connection, principal: Principal, name: str) -> StudyRow:
    """A study by id or name.

    Raises:
        NotFound: there is none in this project.
    """
    row = reader.study_row(connection, principal.project, name)
    if row is None or principal.study not in (None, row.id):
        raise no_study()
    return row


def find_trial(connection: reader.Connection, principal: Principal, trial_id: str) -> TrialRow:
    """A trial by id.

    Raises:
        NotFound: there is none in this project.
    """
    row = reader.trial_row(connection, principal.project, trial_id)
    if row is None or principal.study not in (None, row.study_id):
        raise no_trial()
    return row


def get_study(connection: reader.Connection, *, principal: Principal, name: str) -> Study:
    """A study as the server tells it."""
    return study_from(find_study(connection, principal, name))


def parameters(connection: reader.Connection, *, principal: Principal, name: str) -> tuple[Parameter, ...]:
    """All parameters that a trial of a study may have, those of its architecture too."""
    return definition_from(find_study(connection, principal, name).definition).space.scalars


def get_trial(connection: reader.Connection, *, principal: Principal, trial_id: str) -> Trial:
    """A trial as the server tells it."""
    return trial_from(find_trial(connection, principal, trial_id))


class NoNetwork(Conflict):
    """The trial's study searches no architecture; its network is known to its worker only."""

    code = "no-network"


def get_network(connection: reader.Connection, *, principal: Principal, trial_id: str) -> Network:
    """The network that a trial's parameters describe.

    Raises:
        NoNetwork: its study has no architecture, or had another one when the trial was made.
    """
    row = find_trial(connection, principal, trial_id)
    study = reader.study_by_id(connection, row.study_id)
    if study is None:
        raise no_trial()
    architecture = definition_from(study.definition).space.architecture
    if architecture is None:
        raise NoNetwork
    try:
        graph = architecture.graph(json.loads(row.parameters))
    except KeyError as missing:
        raise NoNetwork(f"the trial is of an earlier version of the space: it has no {missing}") from missing
    return network_of(graph, trial=row.id, number=row.number)


def best(connection: reader.Connection, *, principal: Principal, name: str) -> tuple[Best, int]:
    """The best trial, or the front for several objectives; and the sequence number it holds for."""
    row = find_study(connection, principal, name)
    if len(definition_from(row.definition).objectives) > 1:
        return Best.model_construct(trials=tuple(reader.front(connection, row.id))), row.sequence
    found = None if row.best_trial is None else reader.trial_row(connection, principal.project, row.best_trial)
    return Best.model_construct(trials=() if found is None else (trial_from(found),)), row.sequence


def pareto(connection: reader.Connection, *, principal: Principal, name: str) -> tuple[Best, int]:
    """The Pareto front; of one objective, the best trial."""
    return best(connection, principal=principal, name=name)


def summary(connection: reader.Connection, *, principal: Principal, name: str, now: float) -> Summary:
    """A study at a glance."""
    row = find_study(connection, principal, name)
    top = None if row.best_trial is None else reader.trial_row(connection, principal.project, row.best_trial)
    elapsed_s = (row.ended_at or now) - row.created_at
    return Summary.model_construct(
        id=row.id,
        name=row.name,
        state=StudyState(row.state),
        reason=row.reason,
        sequence=row.sequence,
        trials=counts_from(row).model_dump(),
        max_trials=row.max_trials,
        planned_trials=planned_trials(row),
        best=None if top is None else trial_from(top),
        trials_per_minute=_pace(connection, row, now),
        elapsed_s=elapsed_s,
        device_seconds=row.device_seconds,
        no_worker=no_worker(connection, row, now),
    )


def _pace(connection: reader.Connection, row: StudyRow, now: float) -> float | None:
    """Trials finished a minute: lately while the study runs, over all once it has ended."""
    if row.ended_at is not None:
        finished, since, until = counts_from(row).finished, row.created_at, row.ended_at
    else:
        since, until = max(row.created_at, now - RECENT_S), now
        ended, first, finished = reader.last_ends(connection, row.id, most=RECENT_TRIALS, since=since)
        if ended == RECENT_TRIALS and first is not None and first > since:  # more have ended than were looked at
            finished, since = ended, first
    return None if until - since < 1.0 else round(finished / (until - since) * 60.0, 3)


def history(
    connection: reader.Connection, *, principal: Principal, name: str, objective: str | None, max_points: int
) -> tuple[History, int]:
    """The course of the search by an objective, as columns; and the sequence number it holds for.

    `value` is what a trial reported, also where it does not count for the best: stopped early, a broken constraint.
    Only for the points that are kept, since it stands in JSON. Of several objectives a named one has a best.

    Raises:
        NotFound: there is no such study.
        InvalidInput: the study has no such objective.
    """
    row = find_study(connection, principal, name)
    definition = definition_from(row.definition)
    chosen = _objective(definition, objective)
    if objective is None or len(definition.objectives) == 1:
        rows = trial_history.value_history(connection, row.id)
    else:
        rows = [
            (number, state, _counted(definition, chosen, state, metrics), at)
            for number, state, metrics, at in trial_history.metrics_history(connection, row.id)
        ]
    found = course(rows, chosen.goal, max_points)
    points = list(zip(found.number, found.value, strict=True))
    told = reader.metrics_of(connection, row.id, [number for number, value in points if value is None])
    columns: dict[str, Any] = {key: tuple(of) if isinstance(of, list) else of for key, of in asdict(found).items()}
    columns["value"] = tuple(told.get(n, {}).get(chosen.metric) if value is None else value for n, value in points)
    # What counts for the best breaks none.
    columns["feasible"] = tuple(
        value is not None or (definition.meets_constraints(told[n]) if n in told else None) for n, value in points
    )
    return History.model_construct(
        metric=chosen.metric, goal=chosen.goal, sequence=row.sequence, **columns
    ), row.sequence


def _objective(definition: StudyDefinition, name: str | None) -> Objective:
    if name is None:
        return definition.objectives[0]
    for objective in definition.objectives:
        if objective.metric == name:
            return objective
    known = ", ".join(objective.metric for objective in definition.objectives)
    raise InvalidInput(errors=[FieldError("/query/objective", f"is not an objective of this study; it has: {known}")])


def _counted(definition: StudyDefinition, objective: Objective, state: str, metrics: str | None) -> float | None:
    """The value of a trial that may be the best."""
    if state != TrialState.COMPLETED or metrics is None:
        return None
    told = json.loads(metrics)
    return told.get(objective.metric) if definition.meets_constraints(told) else None
