"""What the search believes, told to people: predictions at points, and why a trial was suggested.

The model runs in the engine process, as for suggestions; what a suggestion promised is arithmetic on what was stored.
"""

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from app.search.engine import Observation
from app.services.claiming import device_seconds, seeded
from app.services.convergence import promise
from app.services.engine_pool import EngineFailed, EngineLate, HistoryChanges, SuggestRequest
from app.services.histories import changes_after
from app.services.lookup import no_trial
from app.services.principal import Principal
from app.services.reading import find_study, find_trial
from app.storage import reader
from app.storage.database import Database
from app.storage.domain import definition_from, trial_from
from app.storage.rows import StudyRow
from studyhall.errors import Conflict, Unavailable
from studyhall.explanation import Difference, Explanation, Odds, Predictions, PredictPoints
from studyhall.study import Objective, StudyDefinition
from studyhall.trial import Prediction, Trial, TrialState
from studyhall.words import Parameters

FEWEST_RESULTS: Final = 3
MOST_DIFFERENCES: Final = 20


class Predictor(Protocol):
    """Whoever runs the model; `engine_pool.EnginePool` is one."""

    async def predict(self, request: SuggestRequest) -> tuple[Prediction, ...]: ...


@dataclass(frozen=True, slots=True)
class _Asked:
    """A study, and what an engine may see of it."""

    row: StudyRow
    definition: StudyDefinition
    changes: HistoryChanges

    @property
    def results(self) -> list[Observation]:
        """The trials that the model learns from."""
        told = (TrialState.COMPLETED, TrialState.PRUNED)
        return [o for o in self.changes.observations if o.state in told and o.values is not None]


class Explaining:
    """Answers for one server process.

    Args:
        predictor: runs the model; None: engines run elsewhere, and nothing is predicted here.
    """

    def __init__(self, database: Database, predictor: Predictor | None) -> None:
        self._database = database
        self._predictor = predictor

    async def predict(self, principal: Principal, study: str, asked: PredictPoints) -> Predictions:
        """What the model expects at points of a study's space.

        Raises:
            NotFound: there is no such study.
            InvalidInput: a point is not in the space, or not complete.
            Conflict: there are too few results to learn from.
            Unavailable: no engine runs here, or it did not answer in time.
        """
        known = await self._database.read(partial(_read_study, principal=principal, name=study))
        for index, point in enumerate(asked.points):
            known.definition.space.check(point, at=f"/points/{index}")
        if len(known.results) < FEWEST_RESULTS:
            raise Conflict(f"{len(known.results)} trials have results; the model learns from {FEWEST_RESULTS} on")
        predictions = await self._predictions(known, asked.points)
        return Predictions(predictions=tuple(predictions), results=len(known.results), sequence=known.changes.sequence)

    async def explain(self, principal: Principal, trial_id: str) -> Explanation:
        """Why a trial was suggested; without a model's view of today where there is none to ask.

        Raises:
            NotFound: there is no such trial.
        """
        trial, known, earlier = await self._database.read(partial(_read_trial, principal=principal, trial_id=trial_id))
        best = _best(known, trial.number)
        now, differences = await self._today(known, trial, best)
        return Explanation(
            trial=trial.id,
            number=trial.number,
            algorithm=known.definition.algorithm.name,
            source=trial.source,
            why=trial.why,
            results=len(earlier),
            odds=odds(trial, known.definition, earlier),
            now=now,
            compared_with=None if best is None or now is None else best.number,
            differences=differences,
        )

    async def _today(
        self, known: _Asked, trial: Trial, best: Observation | None
    ) -> tuple[Prediction | None, tuple[Difference, ...]]:
        """What is expected of a trial today by all other trials, and which of its parameters make the difference."""
        space = known.definition.space
        others = sum(o.number != trial.number for o in known.results)
        if others < FEWEST_RESULTS or not space.contains(trial.parameters):
            return None, ()
        changed = [] if best is None else _one_by_one(known.definition, trial.parameters, best.parameters)
        points = [trial.parameters, *(point for _, point in changed)]
        try:
            now, *with_best = await self._predictions(known, points, hidden=(trial.number,))
        except (Conflict, Unavailable):
            return None, ()
        differences = [
            Difference(
                parameter=name,
                value=trial.parameters[name],
                value_of_best=point[name],
                mean={metric: now.mean[metric] - there.mean[metric] for metric in now.mean},
            )
            for (name, point), there in zip(changed, with_best, strict=True)
        ]
        return now, tuple(sorted(differences, key=lambda d: -max(map(abs, d.mean.values()))))

    async def _predictions(
        self, known: _Asked, points: Sequence[Parameters], *, hidden: tuple[int, ...] = ()
    ) -> tuple[Prediction, ...]:
        if self._predictor is None:
            raise Unavailable("no engine runs beside this server; ask one that has engines")
        try:
            return await self._predictor.predict(_request(known, points, hidden, self._changes(known)))
        except EngineLate as late:
            raise Unavailable(f"the model was too slow ({late}); ask for fewer points") from late
        except EngineFailed as failed:
            raise Conflict(f"the model cannot say: {failed}") from failed

    def _changes(self, known: _Asked) -> Callable[[int], Awaitable[HistoryChanges]]:
        async def changes(sequence: int) -> HistoryChanges:
            query = partial(changes_after, study_id=known.row.id, definition=known.definition, after=sequence)
            return await self._database.read(query)

        return changes


def odds(trial: Trial, definition: StudyDefinition, earlier: Sequence[Observation]) -> tuple[Odds, ...]:
    """What a suggestion promised, against the best of what was known.

    Args:
        earlier: the results there were when the trial was suggested.
    """
    if trial.predicted is None:
        return ()
    found = []
    allowed = [o for o in earlier if o.state is TrialState.COMPLETED and definition.meets_constraints(o.metrics)]
    for index, objective in enumerate(definition.objectives):
        values = [o.values[index] for o in allowed if o.values is not None]
        if objective.metric in trial.predicted.mean:
            found.append(_odds(trial, objective, values))
    return tuple(found)


def _odds(trial: Trial, objective: Objective, values: Sequence[float]) -> Odds:
    assert trial.predicted is not None  # noqa: S101 - the caller has looked
    mean, deviation = trial.predicted.mean[objective.metric], trial.predicted.deviation[objective.metric]
    outcome = trial.metrics.get(objective.metric) if trial.state is TrialState.COMPLETED else None
    surprise = (outcome - mean) / deviation if outcome is not None and deviation > 0 else None
    odds = Odds(metric=objective.metric, mean=mean, deviation=deviation, best=None, outcome=outcome)
    if surprise is not None and math.isfinite(surprise):
        odds = odds.model_copy(update={"surprise": surprise})
    if not values:
        return odds
    best = min(values) if objective.goal == "minimize" else max(values)
    found = promise(mean, deviation, best=best, goal=objective.goal)
    if found is None:
        return odds.model_copy(update={"best": best})
    parts = {**found._asdict(), "improvement": found.by_mean + found.by_doubt}
    return odds.model_copy(update={"best": best, **parts})


def _one_by_one(definition: StudyDefinition, own: Parameters, best: Parameters) -> list[tuple[str, Parameters]]:
    """The parameters with other values than the best trial's, each with the point where only that one is like it."""
    found = []
    for name, value in own.items():
        if name in best and best[name] != value:
            point = {**own, name: best[name]}
            if definition.space.contains(point):
                found.append((name, point))
    return found[:MOST_DIFFERENCES]


def _best(known: _Asked, but: int) -> Observation | None:
    """The best trial of a study with one objective, but for one; None with several objectives."""
    (objective, *others) = known.definition.objectives
    candidates = [
        (o.values[0], o)
        for o in known.results
        if o.values is not None
        and o.number != but
        and o.state is TrialState.COMPLETED
        and known.definition.meets_constraints(o.metrics)
    ]
    if others or not candidates:
        return None
    sign = 1 if objective.goal == "minimize" else -1
    return min(candidates, key=lambda pair: (sign * pair[0], pair[1].number))[1]


def _request(
    known: _Asked,
    points: Sequence[Parameters],
    hidden: tuple[int, ...],
    changes: Callable[[int], Awaitable[HistoryChanges]],
) -> SuggestRequest:
    row, definition = known.row, known.definition
    return SuggestRequest(
        study_id=row.id,
        space_version=row.space_version,
        space=definition.space,
        objectives=definition.objectives,
        constraints=definition.constraints,
        algorithm=seeded(row, definition),
        count=1,
        number=row.next_number,
        max_trials=row.max_trials,
        parallelism=row.parallelism,
        max_device_seconds=device_seconds(definition),
        changes_after=changes,
        hidden=hidden,
        points=tuple(points),
    )


def _read_study(connection: reader.Connection, *, principal: Principal, name: str) -> _Asked:
    row = find_study(connection, principal, name)
    definition = definition_from(row.definition)
    return _Asked(row, definition, changes_after(connection, study_id=row.id, definition=definition, after=0))


def _read_trial(
    connection: reader.Connection, *, principal: Principal, trial_id: str
) -> tuple[Trial, _Asked, list[Observation]]:
    stored = find_trial(connection, principal, trial_id)
    row = reader.study_by_id(connection, stored.study_id)
    if row is None:
        raise no_trial()
    definition = definition_from(row.definition)
    known = _Asked(row, definition, changes_after(connection, study_id=row.id, definition=definition, after=0))
    ended = reader.ended_before(connection, row.id, stored.created_at)
    return trial_from(stored), known, [o for o in known.results if o.number in ended]
