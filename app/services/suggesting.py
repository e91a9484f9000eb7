"""Getting suggestions out of the engine process and into the study, as waiting trials.

Claims that find nothing say how many trials they lack (`demand`); one task a study turns all demand that has gathered
into one call of the engine, conditioned on what is running. Nothing is locked while an engine thinks. When it is late
or fails, chance answers, marked `fallback`: a claim is late by the limit at most, and a study never stands still.
"""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import structlog

from app.search.engine import Observation, Suggestion
from app.search.random import draw
from app.services.claiming import add_trial, budget_left, room, seeded
from app.services.engine_pool import EngineFailed, EngineLate, HistoryChanges, SuggestRequest
from app.services.moves import settle
from app.storage import reader
from app.storage.database import Database
from app.storage.domain import definition_from
from app.storage.rows import StudyRow
from app.storage.transaction import Touches, Transaction
from studyhall.errors import SpaceInfeasible
from studyhall.study import StudyDefinition
from studyhall.trial import TrialState

log = structlog.get_logger(__name__)

PATIENCE = 3
"""How often a suggestion is thrown away because another server was faster, before it is kept all the same."""
MOST_AT_ONCE = 64
LINES_A_READ = 20_000


class Pool(Protocol):
    """Whoever runs engines; `engine_pool.EnginePool` is one."""

    async def suggest(self, request: SuggestRequest) -> tuple[Suggestion, ...]: ...


@dataclass(slots=True)
class _Demand:
    count: int


@dataclass(frozen=True, slots=True)
class _Batch:
    """Suggestions on their way into a study."""

    suggestions: tuple[Suggestion, ...]
    asked: int
    number: int
    sequence: int
    source: str | None = None
    """Overrides the suggestions' own source."""


class Suggesting:
    """Keeps waiting trials coming for those who wait for them."""

    def __init__(self, database: Database, pool: Pool) -> None:
        self._database = database
        self._pool = pool
        self._demand: dict[str, set[int]] = {}
        self._counts: dict[int, _Demand] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._next = 0

    @contextmanager
    def demand(self, study_id: str, count: int) -> Iterator[None]:
        """While entered, `count` more trials of a study are wanted."""
        self._next += 1
        ticket = self._next
        self._counts[ticket] = _Demand(count)
        self._demand.setdefault(study_id, set()).add(ticket)
        self._start(study_id)
        try:
            yield
        finally:
            del self._counts[ticket]
            self._demand[study_id].discard(ticket)
            if not self._demand[study_id]:
                del self._demand[study_id]

    async def close(self) -> None:
        """Stops asking engines."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _start(self, study_id: str) -> None:
        if study_id not in self._tasks:
            self._tasks[study_id] = asyncio.create_task(self._serve(study_id), name=f"suggest {study_id}")

    def _wanted(self, study_id: str) -> int:
        return sum(self._counts[ticket].count for ticket in self._demand.get(study_id, ()))

    async def _serve(self, study_id: str) -> None:
        try:
            while await self._serve_once(study_id):
                pass
        except Exception:  # the edge of a task: whoever waits gets 204 and asks again, which starts a new one
            log.exception("suggesting_failed", study=study_id)
        finally:
            self._tasks.pop(study_id, None)

    async def _serve_once(self, study_id: str) -> bool:
        """One call of the engine for all demand; False when there is nothing to do (any more)."""
        for tries in range(1, PATIENCE + 1):
            study = await self._database.read(partial(_study, study_id=study_id))
            if study is None or study.state != "active":
                return False
            count = min(self._wanted(study_id) - study.waiting, room(study), budget_left(study), MOST_AT_ONCE)
            if count <= 0:
                return False
            batch = await self._suggest(study, count)
            if batch is None:
                return False
            verb = partial(insert_suggestions, study_id=study_id, batch=batch, insist=tries == PATIENCE)
            if await self._database.write(verb, Touches(studies=(study_id,))):
                break
        return True

    async def _suggest(self, study: StudyRow, count: int) -> _Batch | None:
        definition = definition_from(study.definition)
        try:
            suggestions = await self._pool.suggest(self._request(study, definition, count))
        except (EngineLate, EngineFailed) as error:
            log.warning("engine_fallback", study=study.id, algorithm=definition.algorithm.name, error=str(error))
            return _by_chance(study, definition, count, str(error))
        return _Batch(tuple(suggestions), count, study.next_number, study.sequence)

    def _request(self, study: StudyRow, definition: StudyDefinition, count: int) -> SuggestRequest:
        return SuggestRequest(
            study_id=study.id,
            space_version=study.space_version,
            space=definition.space,
            objectives=definition.objectives,
            constraints=definition.constraints,
            algorithm=seeded(study, definition),
            count=count,
            number=study.next_number,
            max_trials=study.max_trials,
            parallelism=study.parallelism,
            changes_after=partial(self._changes_after, study.id, definition),
        )

    async def _changes_after(self, study_id: str, definition: StudyDefinition, sequence: int) -> HistoryChanges:
        return await self._database.read(partial(_changes, study_id=study_id, definition=definition, after=sequence))


def insert_suggestions(tx: Transaction, *, study_id: str, batch: _Batch, insist: bool) -> bool:
    """Makes waiting trials of suggestions; False when the study has moved on and they should be made anew.

    Args:
        insist: keep them all the same.
    """
    study = tx.study(study_id)
    if study is None or study.state != "active":
        return True
    if study.next_number != batch.number and not insist:
        return False
    for suggestion in batch.suggestions[: budget_left(study)]:
        trial = add_trial(tx, study, suggestion, TrialState.WAITING, source=batch.source, at=batch.sequence)
        tx.record(study, "trial.suggested", trial)
    tx.openings.add(study.id)
    if len(batch.suggestions) < batch.asked:
        tx.change(study, exhausted=True)
        tx.record(study, "study.exhausted")
        settle(tx, study)
    return True


def _by_chance(study: StudyRow, definition: StudyDefinition, count: int, error: str) -> _Batch | None:
    why = f"random: {error}"[:300]
    try:
        points = [draw(definition.space, study.seed, study.next_number + n) for n in range(count)]
    except SpaceInfeasible:
        log.warning("no_feasible_point", study=study.id)
        return None
    suggestions = tuple(Suggestion(point, "initial", why) for point in points)
    return _Batch(suggestions, count, study.next_number, study.sequence, source="fallback")


def _study(connection: reader.Connection, *, study_id: str) -> StudyRow | None:
    return reader.study_by_id(connection, study_id)


def _changes(
    connection: reader.Connection, *, study_id: str, definition: StudyDefinition, after: int
) -> HistoryChanges:
    lines: list[reader.TrialLine] = []
    while True:
        page = reader.lines_after(connection, study_id, lines[-1].sequence if lines else after, LINES_A_READ)
        lines += page
        if len(page) < LINES_A_READ:
            break
    return HistoryChanges(
        observations=tuple(observation_of(line, definition) for line in lines if not _is_hidden(line)),
        removed=tuple(line.number for line in lines if _is_hidden(line)),
        sequence=max((line.sequence for line in lines), default=after),
    )


def _is_hidden(line: reader.TrialLine) -> bool:
    # A cancelled trial says nothing about its configuration.
    return bool(line.excluded) or line.state == TrialState.CANCELLED


def observation_of(line: reader.TrialLine, definition: StudyDefinition) -> Observation:
    """A stored trial as an engine may see it."""
    metrics: dict[str, float] = json.loads(line.metrics) if line.metrics else {}
    values = tuple(metrics[o.metric] for o in definition.objectives if o.metric in metrics)
    seconds = None if line.finished_at is None or line.started_at is None else line.finished_at - line.started_at
    return Observation(
        number=line.number,
        state=TrialState(line.state),
        parameters=json.loads(line.parameters),
        values=values if len(values) == len(definition.objectives) else None,
        metrics=metrics,
        seconds=seconds,
    )
