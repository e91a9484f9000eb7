"""Engine processes: started, asked, watched, and replaced when they hang, crash or grow.

An engine may take any time and any memory. Whoever asks is answered after `limit_s` at the latest: with suggestions,
with EngineLate or with EngineFailed. A process that is late is killed and another one started; it held only copies.

One study always goes to the same process, so that its history is sent once and then only what has changed.
"""

import asyncio
import contextlib
import os
import sys
import zlib
from asyncio.subprocess import PIPE, Process
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import structlog
from pydantic import ValidationError

from app.search.engine import Lesson, Observation, Suggestion
from app.services.engine_messages import LENGTH_BYTES, LONGEST_FRAME, Answer, Ask, Load, Message, frame
from studyhall.space import Space
from studyhall.study import Algorithm, Objective
from studyhall.trial import Prediction
from studyhall.words import Parameters

log = structlog.get_logger(__name__)

LOAD_S = 60.0
"""Importing an engine may take this long; it is not a question's fault, so nobody is killed for it before."""
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 30.0
MOST_STUDIES = 64
"""How many studies a process keeps copies of."""
_LONGEST_LINE = 2000


class EngineLate(Exception):
    """The engine did not answer in time."""


class EngineFailed(Exception):
    """The engine could not answer; its message says why."""


@dataclass(frozen=True, slots=True)
class HistoryChanges:
    """What has changed in a study's history after a sequence number, and the number it has reached."""

    observations: tuple[Observation, ...]
    removed: tuple[int, ...]
    """Numbers of trials that an engine may not see any more."""
    sequence: int
    lessons: tuple[Lesson, ...] = ()
    """Of earlier studies; only among the changes after 0, for they never change."""


@dataclass(frozen=True, slots=True)
class SuggestRequest:
    """Everything an engine needs to know to suggest; `algorithm` has its seed."""

    study_id: str
    space_version: int
    space: Space
    objectives: tuple[Objective, ...]
    constraints: tuple[str, ...]
    algorithm: Algorithm
    count: int
    number: int
    max_trials: int | None
    parallelism: int | None
    max_device_seconds: float | None
    changes_after: Callable[[int], Awaitable[HistoryChanges]]
    hidden: tuple[int, ...] = ()
    """Waiting trials that the suggestions are to replace; the engine does not see them."""
    points: tuple[Parameters, ...] = ()
    """Where predictions are wanted instead of suggestions."""


class EnginePool:
    """Several engine processes behind one question.

    Args:
        processes: how many.
        limit_s: how long one question may take.
        memory_mb: address space of one process; 0: no limit.
        command: what starts one; tests bring engines of their own.
    """

    def __init__(
        self,
        *,
        processes: int = 1,
        limit_s: float = 5.0,
        memory_mb: int = 0,
        command: tuple[str, ...] = (sys.executable, "-m", "app.engine"),
    ) -> None:
        program = (*command, "--parent", str(os.getpid()), "--memory-mb", str(memory_mb))
        self._limit_s = limit_s
        self._engines = [_EngineProcess(program) for _ in range(processes)]

    @property
    def alive(self) -> int:
        """How many of the processes run now."""
        return sum(engine.is_alive for engine in self._engines)

    async def start(self) -> None:
        """Starts the processes; does not wait until they are ready."""
        for engine in self._engines:
            await engine.start()

    async def stop(self) -> None:
        """Ends the processes, whatever they are doing."""
        await asyncio.gather(*(engine.stop() for engine in self._engines))

    async def suggest(self, request: SuggestRequest) -> tuple[Suggestion, ...]:
        """Suggestions for a study.

        Returns: `count` of them; fewer when the space is exhausted.

        Raises:
            EngineLate: no answer within `limit_s`, be it for this question or for those before it.
            EngineFailed: the engine raised, crashed, or suggested what is not in the space.
        """
        return _inside(request.space, (await self._ask(request)).suggestions)

    async def predict(self, request: SuggestRequest) -> tuple[Prediction, ...]:
        """What the model expects at the request's points, in their order.

        Raises:
            EngineLate: as `suggest`.
            EngineFailed: the engine raised, crashed, or has too few results to learn from.
        """
        predictions = (await self._ask(request)).predictions
        if len(predictions) != len(request.points):
            raise EngineFailed("the engine did not predict every point")
        return predictions

    async def _ask(self, request: SuggestRequest) -> Answer:
        engine = self._engines[zlib.crc32(request.study_id.encode()) % len(self._engines)]
        answer = asyncio.create_task(engine.answer(request, self._limit_s))
        answer.add_done_callback(_forget)
        done, _ = await asyncio.wait({answer}, timeout=self._limit_s)
        if not done:
            # The question goes on for itself: it may be waiting for its turn, or for an import to end.
            raise EngineLate(f"no suggestion within {self._limit_s:g} s")
        return answer.result()


def _forget(answer: "asyncio.Task[Answer]") -> None:
    if not answer.cancelled():
        answer.exception()


@dataclass(slots=True)
class _Copy:
    """What the process has been told of a study."""

    space_version: int
    sequence: int


@dataclass(slots=True)
class _Child:
    """One life of the process."""

    process: Process
    listener: "asyncio.Task[None]"
    copies: OrderedDict[str, _Copy] = field(default_factory=OrderedDict)
    loaded: set[str] = field(default_factory=set)


class _EngineProcess:
    """A process that answers one question at a time, and its successors."""

    def __init__(self, program: tuple[str, ...]) -> None:
        self._program = program
        self._turn = asyncio.Lock()
        self._child: _Child | None = None
        self._pause_s = 0.0
        self._stopped = False

    @property
    def is_alive(self) -> bool:
        return self._child is not None and self._child.process.returncode is None

    async def start(self) -> None:
        async with self._turn:
            await self._living()

    async def stop(self) -> None:
        self._stopped = True
        await self._end()  # ends the question in progress; those that wait for their turn are refused
        async with self._turn:
            await self._end()  # a process that was just being started

    async def answer(self, request: SuggestRequest, limit_s: float) -> Answer:
        async with self._turn:
            child = await self._living()
            copy, ask = await self._prepare(child, request)
            try:
                await self._load(child, request.algorithm)
                answer = await self._talk(child, Message(ask=ask), limit_s)
            except BaseException as error:
                await self._end()
                if isinstance(error, TimeoutError):
                    raise EngineLate(f"no suggestion within {limit_s:g} s") from None
                raise
            if answer.is_last:
                await self._end()
            child.copies[request.study_id] = copy
            child.copies.move_to_end(request.study_id)
            self._pause_s = 0.0
        if answer.error is not None:
            raise EngineFailed(answer.error)
        return answer

    async def _load(self, child: _Child, algorithm: Algorithm) -> None:
        if algorithm.name in child.loaded:
            return
        answer = await self._talk(child, Message(load=Load(algorithm=algorithm)), LOAD_S)
        if answer.error is None:  # otherwise the question itself will fail, and say so
            child.loaded.add(algorithm.name)

    async def _prepare(self, child: _Child, request: SuggestRequest) -> tuple[_Copy, Ask]:
        """What to ask, and what the process will know of the study once it has heard it."""
        copy = child.copies.get(request.study_id)
        is_known = copy is not None and copy.space_version == request.space_version
        changes = await request.changes_after(copy.sequence if copy is not None and is_known else 0)
        ask = Ask(
            study=request.study_id,
            space=None if is_known else request.space,
            algorithm=request.algorithm,
            objectives=request.objectives,
            constraints=request.constraints,
            count=request.count,
            number=request.number,
            max_trials=request.max_trials,
            parallelism=request.parallelism,
            max_device_seconds=request.max_device_seconds,
            changed=changes.observations,
            removed=changes.removed,
            lessons=changes.lessons,
            points=request.points,
            hidden=request.hidden,
            forget=_least_recent(child.copies, keep=request.study_id),
        )
        return _Copy(request.space_version, changes.sequence), ask

    async def _talk(self, child: _Child, message: Message, limit_s: float) -> Answer:
        """One question and its answer.

        Raises:
            TimeoutError: too slow.
            EngineFailed: the process has ended, or talks nonsense.
        """
        process = child.process
        assert process.stdin is not None  # noqa: S101  # it was started with both pipes
        assert process.stdout is not None  # noqa: S101
        try:
            async with asyncio.timeout(limit_s):
                process.stdin.write(frame(message))
                await process.stdin.drain()
                length = int.from_bytes(await process.stdout.readexactly(LENGTH_BYTES), "big")
                if length > LONGEST_FRAME:
                    raise EngineFailed("the engine's answer is too long")
                return Answer.model_validate_json(await process.stdout.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError, RuntimeError):
            # RuntimeError is what uvloop says of a pipe that is closed already.
            raise EngineFailed(f"the engine process ended ({await _how(process)})") from None
        except ValidationError:
            raise EngineFailed("the engine's answer cannot be read") from None

    async def _living(self) -> _Child:
        if self._stopped:
            raise EngineFailed("the server is going down")
        if self._child is not None and self.is_alive:
            return self._child
        if self._child is not None:
            await self._end()
        await asyncio.sleep(self._pause_s)
        process = await asyncio.create_subprocess_exec(
            *self._program, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment_of_child(os.environ)
        )
        self._child = _Child(process, asyncio.create_task(listen_to(process), name="engine stderr"))
        if self._stopped:
            raise EngineFailed("the server is going down")
        log.info("engine_started", pid=process.pid)
        return self._child

    async def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        self._pause_s = min(max(2 * self._pause_s, FIRST_PAUSE_S), LONGEST_PAUSE_S)
        with contextlib.suppress(ProcessLookupError):
            child.process.kill()
        await child.process.wait()
        if child.process.stdin is not None:
            child.process.stdin.close()
        await child.listener
        if not self._stopped:
            log.warning("engine_ended", pid=child.process.pid, how=await _how(child.process))


def environment_of_child(environment: Mapping[str, str]) -> dict[str, str]:
    """Our environment without its secrets. One thread each: more of them only take the processor from the trials."""
    kept = {name: value for name, value in environment.items() if not name.startswith("STUDYHALL_")}
    return kept | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def _least_recent(copies: OrderedDict[str, _Copy], *, keep: str) -> tuple[str, ...]:
    extra = len(copies) - MOST_STUDIES
    forgotten = tuple(study for study in copies if study != keep)[: max(0, extra)]
    for study in forgotten:
        del copies[study]
    return forgotten


def _inside(space: Space, suggestions: tuple[Suggestion, ...]) -> tuple[Suggestion, ...]:
    if not all(space.contains(suggestion.parameters) for suggestion in suggestions):
        raise EngineFailed("the engine suggested parameters that are not in the space")
    return suggestions


async def _how(process: Process) -> str:
    code = await process.wait()
    return f"signal {-code}" if code < 0 else f"exit status {code}"


async def listen_to(process: Process) -> None:
    """Puts what the process prints into the log; nobody else reads it, and a full pipe would stop it."""
    assert process.stderr is not None  # noqa: S101  # it was started with the pipe
    while line := await process.stderr.read(_LONGEST_LINE):
        log.warning("engine_said", pid=process.pid, text=line.decode(errors="replace").rstrip())
