"""What a new study learns from earlier ones: which they are, and what they had found when it was made."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from app.search.engine import Lesson, Observation
from app.services.principal import Principal
from app.storage import lessons, reader
from app.storage.domain import definition_from
from app.storage.json_text import from_text, to_text
from app.storage.rows import StudyRow
from studyhall.errors import FieldError, InvalidInput
from studyhall.parameters import CategoricalParameter, ConstantParameter, FloatParameter, IntParameter, Parameter
from studyhall.space import Space
from studyhall.study import StudyDefinition
from studyhall.trial import TrialState
from studyhall.wire.studies import CreateStudy

LATEST: Final = 2000
"""Trials of an earlier study that are looked at."""
KEPT: Final = 80
"""Of these: the best half of so many, and an even share of the others."""
SEARCHED: Final = 200
"""Studies that are looked at to find some that overlap."""
MOST_FOUND: Final = 3
FEWEST_TRIALS: Final = 5
LEAST_OVERLAP: Final = 0.5
"""The share of parameters that a study must have in common to be found."""


class Taught(NamedTuple):
    """What one earlier study teaches, ready to be kept."""

    study: str
    trials: str


def teachers(connection: reader.Connection, *, principal: Principal, request: CreateStudy) -> list[Taught]:
    """What the earlier studies that a new one names, or looks for, have found by now.

    Raises:
        InvalidInput: there is no such study, or it has nothing to teach this one.
    """
    transfer = request.transfer
    if not transfer.studies and not transfer.find:
        return []
    if reader.study_row(connection, principal.project, request.name) is not None:
        return []  # the name is taken: it is refused, or given back as it is
    found, faults = {}, []
    for index, name in enumerate(transfer.studies):
        row = reader.study_row(connection, principal.project, name)
        fault = _fault(row, request)
        trials = [] if row is None or fault else _trials(connection, row, request)
        if not trials:
            faults.append(FieldError(f"/transfer/studies/{index}", fault or _untold(request)))
        else:
            found[name] = Taught(name, to_text(trials))
    if faults:
        raise InvalidInput(errors=faults)
    if transfer.find:
        for row in _overlapping(connection, principal, request):
            if row.name not in found and (trials := _trials(connection, row, request)):
                found[row.name] = Taught(row.name, to_text(trials))
    return list(found.values())


def lessons_of(connection: reader.Connection, study_id: str, definition: StudyDefinition) -> tuple[Lesson, ...]:
    """What was kept of earlier studies, as engines read it; nothing where the objectives are others by now."""
    found = []
    for name, text in lessons.lessons_of(connection, study_id):
        trials = from_text(text)
        metrics = [objective.metric for objective in definition.objectives]
        observations = tuple(
            Observation(number, TrialState.COMPLETED, parameters, tuple(told[metric] for metric in metrics))
            for number, (parameters, told) in enumerate(trials)
            if all(metric in told for metric in metrics)
        )
        found.append(Lesson(name, observations))
    return tuple(found)


def _fault(row: StudyRow | None, request: CreateStudy) -> str | None:
    if row is None:
        return "there is no study of this name in the project"
    if not _overlap(definition_from(row.definition).space, request.space):
        return "has no parameter in common with this study's space"
    return None


def _untold(request: CreateStudy) -> str:
    metrics = " and ".join(f"'{objective.metric}'" for objective in request.objectives)
    return f"has no completed trial that reports {metrics} and meets the constraints"


def _trials(connection: reader.Connection, row: StudyRow, request: CreateStudy) -> list[tuple[object, object]]:
    """(parameters, metrics of the objectives) of some of its trials, in the order of their numbers."""
    told: list[tuple[object, dict[str, float]]] = []
    for parameters, text in lessons.completed(connection, row.id, LATEST):
        metrics = from_text(text)
        if all(o.metric in metrics for o in request.objectives) and request.meets_constraints(metrics):
            told.append((from_text(parameters), {o.metric: metrics[o.metric] for o in request.objectives}))
    if len(told) <= KEPT:
        return list(told)
    merit = [0] * len(told)  # the sum of ranks in all objectives
    for objective in request.objectives:
        values = [metrics[objective.metric] for _, metrics in told]
        order = sorted(range(len(told)), key=values.__getitem__, reverse=objective.goal == "maximize")
        for rank, i in enumerate(order):
            merit[i] += rank
    order = sorted(range(len(told)), key=merit.__getitem__)
    best, rest = order[: KEPT // 2], order[KEPT // 2 :]
    even = [rest[i * len(rest) // (KEPT // 2)] for i in range(KEPT // 2)]
    return [told[i] for i in sorted(best + even)]


def _overlapping(connection: reader.Connection, principal: Principal, request: CreateStudy) -> Sequence[StudyRow]:
    """Earlier studies with the same objectives and much of the same space: the most alike first, then the newest."""
    sought = [(objective.metric, objective.goal) for objective in request.objectives]
    alike = []
    for row in lessons.earlier_studies(connection, principal.project, SEARCHED):
        definition = definition_from(row.definition)
        same = [(objective.metric, objective.goal) for objective in definition.objectives] == sought
        overlap = _overlap(definition.space, request.space)
        if same and row.completed >= FEWEST_TRIALS and overlap >= LEAST_OVERLAP:
            alike.append((overlap, row))
    return [row for _, row in sorted(alike, key=lambda found: -found[0])[:MOST_FOUND]]


def _overlap(earlier: Space, space: Space) -> float:
    """The share of all their parameters that both have, of one type and with values in common; from 0 to 1."""
    ours, theirs = dict(_free(space)), dict(_free(earlier))
    shared = sum(_shares_values(ours[name], theirs[name]) for name in ours.keys() & theirs.keys())
    return shared / max(len(ours.keys() | theirs.keys()), 1)


def _free(space: Space) -> Iterator[tuple[str, Parameter]]:
    return ((p.name, p) for p in space.scalars if not isinstance(p, ConstantParameter))


def _shares_values(one: Parameter, other: Parameter) -> bool:
    if isinstance(one, (FloatParameter, IntParameter)):
        return type(other) is type(one) and one.low <= other.high and other.low <= one.high
    if isinstance(one, CategoricalParameter):
        return isinstance(other, CategoricalParameter) and any(choice in other.choices for choice in one.choices)
    kept = {"default", "prior", "when", "name"}
    return one.model_dump(exclude=kept) == other.model_dump(exclude=kept)
