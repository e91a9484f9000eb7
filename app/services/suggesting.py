"""Getting suggestions out of the engine process and into the study, as waiting trials.

Claims that find nothing say how many trials they lack (`demand`); one task a study turns all demand that has gathered
into one call of the engine, conditioned on what is running. While many workers are busy a few suggestions are kept
ready, and made anew when results come in. Nothing is locked while an engine thinks. When it is late or fails, chance
answers, marked `fallback`: a claim is late by the limit at most, and a study never stands still.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import structlog

from app.meters import Meters
from app.search.engine import Suggestion
from app.search.random import draw
from app.services.claiming import add_trial, budget_left, device_seconds, room, seeded
from app.services.convergence import weigh
from app.services.engine_pool import EngineFailed, EngineLate, HistoryChanges, SuggestRequest
from app.services.histories import changes_after
from app.services.moves import settle
from app.services.repeats import identity_of
from app.storage import reader
from app.storage.database import Database
from app.storage.domain import definition_from
from app.storage.json_text import to_text
from app.storage.prefetch import Touches
from app.storage.rows import StudyRow
from app.storage.transaction import Transaction
from studyhall import tracing
from studyhall.errors import SpaceInfeasible
from studyhall.study import StudyDefinition
from studyhall.trial import Prediction, TrialState

log = structlog.get_logger(__name__)

PATIENCE = 3
"""How often a suggestion is thrown away because another server was faster, before it is kept all the same."""
MOST_AT_ONCE = 64
MOST_AHEAD = 8
WORKERS_PER_SUGGESTION = 4
FORGOTTEN_AFTER_S = 600.0
ELSEWHERE_S = 6.0
LOOK_S = 0.05


class Pool(Protocol):
    """Whoever runs engines; `engine_pool.EnginePool` is one."""

    @property
    def alive(self) -> int: ...
    async def suggest(self, request: SuggestRequest) -> tuple[Suggestion, ...]: ...
    async def predict(self, request: SuggestRequest) -> tuple[Prediction, ...]: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask the engine for: `missing` new trials, and others in the place of the `stale` ones."""

    missing: int
    stale: tuple[int, ...] = ()

    @property
    def count(self) -> int:
        """How many suggestions that takes."""
        return self.missing + len(self.stale)


@dataclass(frozen=True, slots=True)
class _Batch:
    """Suggestions on their way into a study."""

    plan: Plan
    suggestions: tuple[Suggestion, ...]
    number: int
    """The number that the first new trial was to get."""
    sequence: int
    """What was known: the study's sequence number."""
    source: str | None = None
    """Overrides the suggestions' own source."""


@dataclass(slots=True)
class _Followed:
    """A study that somebody has waited for, and when its stale suggestions may next be made anew."""

    demand: dict[int, int] = field(default_factory=dict)
    """How many trials each waiting claim lacks."""
    task: asyncio.Task[None] | None = None
    is_stirred: bool = False
    refresh_at: float = 0.0
    wanted_at: float = 0.0

    @property
    def wanted(self) -> int:
        return sum(self.demand.values())


class Suggesting:
    """Keeps waiting trials coming, for those who wait for them and a few ahead of demand.

    Args:
        pool: runs the engines; None: they run in other processes on the same PostgreSQL database, which are told what
            is wanted. Should none of them answer in time, chance does.
    """

    def __init__(
        self,
        database: Database,
        pool: Pool | None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        meters: Meters | None = None,
    ) -> None:
        self._meters = meters or Meters()
        self._database = database
        self._pool = pool
        self._monotonic = monotonic
        self._followed: dict[str, _Followed] = {}
        self._tickets = itertools.count()

    @property
    def engines(self) -> int | None:
        """How many engine processes live beside this server; None: others run them."""
        return None if self._pool is None else self._pool.alive

    @contextmanager
    def demand(self, study_id: str, count: int) -> Iterator[None]:
        """While entered, `count` more trials of a study are wanted."""
        followed = self._followed.setdefault(study_id, _Followed())
        followed.wanted_at = self._monotonic()
        ticket = next(self._tickets)
        followed.demand[ticket] = count
        self._stir(study_id, followed)
        try:
            yield
        finally:
            del followed.demand[ticket]

    def trials_moved(self, study_ids: Iterable[str]) -> None:
        """Trials of these studies were claimed or have ended: suggestions may be missing, or stale."""
        for study_id in study_ids:
            followed = self._followed.get(study_id)
            if followed is not None:
                self._stir(study_id, followed)

    def wanted_elsewhere(self, demand: dict[str, int]) -> None:
        """A server without engines waits for trials; it says so again if it still does when this is forgotten."""
        for study_id, count in demand.items():
            entered = self.demand(study_id, count)
            entered.__enter__()
            asyncio.get_running_loop().call_later(ELSEWHERE_S, entered.__exit__, None, None, None)

    async def close(self) -> None:
        """Stops asking engines."""
        tasks = [followed.task for followed in self._followed.values() if followed.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _stir(self, study_id: str, followed: _Followed) -> None:
        followed.is_stirred = True
        if followed.task is None:
            followed.task = asyncio.create_task(self._serve(study_id, followed), name=f"suggest {study_id}")

    async def _serve(self, study_id: str, followed: _Followed) -> None:
        try:
            while followed.is_stirred:
                followed.is_stirred = False
                while await self._serve_once(study_id, followed):
                    pass
        except Exception:  # the edge of a task: whoever waits gets 204 and asks again, which starts a new one
            log.exception("suggesting_failed", study=study_id)
        finally:
            followed.task = None
        if not followed.demand and self._monotonic() - followed.wanted_at > FORGOTTEN_AFTER_S:
            self._followed.pop(study_id, None)

    async def _serve_once(self, study_id: str, followed: _Followed) -> bool:
        """One call of the engine for all that is wanted; False when there is nothing to do (any more)."""
        for tries in range(1, PATIENCE + 1):
            found = await self._database.read(partial(_study, study_id=study_id))
            if found is None or found[0].state != "active":
                return False
            study, unclaimed = found
            plan = make_plan(study, unclaimed, wanted=followed.wanted)
            if plan.count == 0 or (plan.missing == 0 and not self._may_refresh(study_id, followed)):
                return False
            began = self._monotonic()
            batch = await self._suggest(study, plan)
            # Making suggestions anew takes at most half of an engine's time; what nobody has claimed is no hurry.
            followed.refresh_at = self._monotonic() + (self._monotonic() - began)
            if batch is None:
                return False
            verb = partial(insert_suggestions, study_id=study_id, batch=batch, insist=tries == PATIENCE)
            if await self._database.write(verb, Touches(studies=(study_id,))):
                break
        return True

    def _may_refresh(self, study_id: str, followed: _Followed) -> bool:
        wait_s = followed.refresh_at - self._monotonic()
        if wait_s > 0:
            asyncio.get_running_loop().call_later(wait_s, self.trials_moved, (study_id,))
        return wait_s <= 0

    async def _suggest(self, study: StudyRow, plan: Plan) -> _Batch | None:
        definition = definition_from(study.definition)
        if self._pool is None:
            return await self._wait_for_others(study, definition, plan)
        algorithm = definition.algorithm.name
        try:
            with (
                self._meters.suggestion_s.labels(algorithm).time(),
                tracing.span(
                    f"suggest {algorithm}",
                    {
                        "studyhall.study": study.name,
                        "studyhall.count": plan.count,
                        "studyhall.results": study.completed,
                    },
                    parent=study.traceparent,
                ),
            ):
                suggestions = await self._pool.suggest(self._request(study, definition, plan))
        except (EngineLate, EngineFailed) as error:
            log.warning("engine_fallback", study=study.id, algorithm=algorithm, error=str(error))
            self._meters.fallbacks.labels(algorithm, "late" if isinstance(error, EngineLate) else "failed").inc()
            return _by_chance(study, definition, plan.missing, str(error))
        self._meters.suggestions.labels(algorithm).inc(len(suggestions))
        return _Batch(plan, tuple(suggestions), study.next_number, study.sequence)

    async def _wait_for_others(self, study: StudyRow, definition: StudyDefinition, plan: Plan) -> _Batch | None:
        """Tells engine processes what is wanted and waits for it; chance answers when they do not."""
        if plan.missing == 0:
            return None  # what is kept ready is their business too
        await self._database.write(partial(_announce, study_id=study.id, count=plan.missing))
        deadline = self._monotonic() + ELSEWHERE_S
        while self._monotonic() < deadline:
            await asyncio.sleep(LOOK_S)
            now = await self._database.read(partial(reader.study_by_id, study_id=study.id))
            if now is None or now.state != "active" or now.next_number > study.next_number:
                return None
        self._meters.fallbacks.labels(definition.algorithm.name, "absent").inc()
        return _by_chance(study, definition, plan.missing, "no engine process answered")

    def _request(self, study: StudyRow, definition: StudyDefinition, plan: Plan) -> SuggestRequest:
        return SuggestRequest(
            study_id=study.id,
            space_version=study.space_version,
            space=definition.space,
            objectives=definition.objectives,
            constraints=definition.constraints,
            algorithm=seeded(study, definition),
            count=plan.count,
            number=min((*plan.stale, study.next_number)),
            max_trials=study.max_trials,
            parallelism=study.parallelism,
            max_device_seconds=device_seconds(definition),
            changes_after=partial(self._changes_after, study.id, definition),
            hidden=plan.stale,
        )

    async def _changes_after(self, study_id: str, definition: StudyDefinition, sequence: int) -> HistoryChanges:
        query = partial(changes_after, study_id=study_id, definition=definition, after=sequence)
        return await self._database.read(query)


def make_plan(study: StudyRow, unclaimed: Sequence[tuple[int, int]], *, wanted: int) -> Plan:
    """What a study needs now.

    Those who wait come first; then what is kept ready, anew where results have come in since.

    Args:
        unclaimed: (number, sequence it was suggested at) of waiting trials that are suggestions.
        wanted: trials that claims are waiting for.
    """
    missing = min(wanted, room(study)) - study.waiting
    if missing > 0:
        return Plan(min(missing, budget_left(study), MOST_AT_ONCE))
    missing = min(ahead(study) - study.waiting, budget_left(study), MOST_AT_ONCE)
    stale = tuple(number for number, suggested_at in unclaimed if suggested_at < study.last_result)
    return Plan(max(0, missing), stale[:MOST_AT_ONCE])


def ahead(study: StudyRow) -> int:
    """How many suggestions a study keeps ready."""
    chosen = definition_from(study.definition).algorithm.ahead
    # With few workers a suggestion made before their results would cost the search more than it saves in waiting.
    # One more than runs now: the worker whose trial has just ended counts too.
    return min((study.running + 1) // WORKERS_PER_SUGGESTION, MOST_AHEAD) if chosen is None else chosen


def insert_suggestions(tx: Transaction, *, study_id: str, batch: _Batch, insist: bool) -> bool:
    """Makes waiting trials of suggestions; False when the study has moved on and they should be made anew.

    Args:
        insist: keep them all the same.
    """
    study = tx.study(study_id)
    if study is None or study.state != "active":
        return True
    if study.next_number != batch.number and batch.plan.missing and not insist:
        return False
    weigh(tx, study, batch.suggestions)
    if study.converging:
        settle(tx, study)
        if study.state != "active":
            return True
    anew = batch.suggestions[: len(batch.plan.stale)]
    for number, suggestion in zip(batch.plan.stale, anew, strict=False):
        _replace(tx, study, number, suggestion, batch)
    for suggestion in batch.suggestions[len(anew) :][: budget_left(study)]:
        trial = add_trial(tx, study, suggestion, TrialState.WAITING, source=batch.source, at=batch.sequence)
        tx.record(study, "trial.suggested", trial)
    tx.openings.add(study.id)
    if len(batch.suggestions) < batch.plan.count:
        tx.change(study, exhausted=True)
        tx.record(study, "study.exhausted")
        settle(tx, study)
    return True


def _announce(tx: Transaction, *, study_id: str, count: int) -> None:
    tx.demand[study_id] = count


def _replace(tx: Transaction, study: StudyRow, number: int, suggestion: Suggestion, batch: _Batch) -> None:
    trial = tx.numbered(study, number)
    if trial is None or trial.state != TrialState.WAITING or trial.attempt > 0:
        return  # somebody has claimed it meanwhile
    predicted, parameters = suggestion.predicted, to_text(suggestion.parameters)
    tx.change(
        trial,
        parameters=parameters,
        source=suggestion.source,
        why=suggestion.why,
        identity=identity_of(study, parameters),
        predicted=None if predicted is None else predicted.model_dump_json(),
        suggested_at=batch.sequence,
        parent=suggestion.parent,
    )
    tx.record(study, "trial.suggested", trial)


def _by_chance(study: StudyRow, definition: StudyDefinition, count: int, error: str) -> _Batch | None:
    """Random suggestions for those who wait; what is only stale stays as it is."""
    if count == 0:
        return None
    why = f"random: {error}"[:300]
    try:
        points = [draw(definition.space, study.seed, study.next_number + n) for n in range(count)]
    except SpaceInfeasible:
        log.warning("no_feasible_point", study=study.id)
        return None
    suggestions = tuple(Suggestion(point, "initial", why) for point in points)
    return _Batch(Plan(count), suggestions, study.next_number, study.sequence, source="fallback")


def _study(connection: reader.Connection, *, study_id: str) -> tuple[StudyRow, list[tuple[int, int]]] | None:
    row = reader.study_by_id(connection, study_id)
    return None if row is None else (row, reader.unclaimed(connection, study_id) if row.waiting else [])
