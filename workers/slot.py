"""A slot: one trial after the other. It claims, runs and tells, and the answer to what it tells is the next trial."""

import asyncio
import contextlib
import logging
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from studyhall import tracing
from studyhall.errors import Conflict, StudyhallError
from studyhall.tracing import AttemptTrace
from studyhall.trial_context import trial_seed
from studyhall.wire import Capabilities, Claim, ClaimedTrial, Heartbeat, NextClaim
from workers.attempt import Attempt
from workers.attempt_log import AttemptLog
from workers.checkpoints import Resumed
from workers.children import Child, Children, NurseryFailed
from workers.configuration import Configuration
from workers.executor import Undelivered
from workers.keeping import AttemptKeeping, Places
from workers.machine import Share
from workers.messages import Start
from workers.outcome import Completed, Failed, Infeasible, Outcome, Released, in_a_word, to_wire
from workers.server import TEMPORARY, NothingNow, Patience, Server
from workers.spool import Ending, deliver

logger = logging.getLogger(__name__)

ASIDE_S: Final = 30.0
"""How long a slot waits after the server has said that it gives this worker nothing."""
HEAD_START_S: Final = 0.1
"""How long a trial has the machine for its first steps before its successor's process is made."""
STAY_S: Final = 10.0
"""How long a slot goes from one trial of a study straight to the next: then all studies have their turn again."""
LAST_WORD_S: Final = 5.0
"""How long a worker that is going away waits for the answer to its last word."""
SHUTTING_DOWN: Final = "the worker is shutting down"


class Held(NamedTuple):
    """A trial that this slot holds, and the token of its lease."""

    claimed: ClaimedTrial
    token: str


@dataclass(frozen=True)
class Crew:
    """What the slots of a worker share.

    Args:
        capabilities: what one slot can run.
    """

    configuration: Configuration
    server: Server
    children: Children
    spool: Undelivered
    places: Places
    capabilities: Capabilities


class Slot:
    """Runs trials until it is told to end.

    Args:
        share: what it has of the machine.
    """

    def __init__(self, crew: Crew, share: Share) -> None:
        self._configuration, self._server, self._children = crew.configuration, crew.server, crew.children
        self._spool, self._places, self._capabilities = crew.spool, crew.places, crew.capabilities
        self._share = share
        self._spare: asyncio.Task[Child] | None = None
        self._attempt: Attempt | None = None
        self._trace: AttemptTrace | None = None
        self._leaving: list[asyncio.Task[None]] = []
        self._stays_until = 0.0
        self._ending = asyncio.Event()

    async def run(self) -> None:
        """Claims and runs until `end`, or until there was nothing to do for as long as the configuration allows.

        Raises:
            StudyhallError: the server does not want this worker.
            NurseryFailed: no trial can be started on this machine.
        """
        held: Held | None = None
        try:
            while not self._ending.is_set():
                self._prepare_child()
                held = held or await self._claim_or_end()
                if held is None:
                    return
                if not self._ending.is_set():
                    held = await self._run(held)
            if held is not None:
                await self._tell(held, Released(SHUTTING_DOWN))
        finally:
            await self._see_off(0)
            await self._drop_spare()

    def end(self) -> None:
        """Asks the running trial to stop, gives it back, and claims no other."""
        self._ending.set()
        if self._attempt is not None:
            self._attempt.give_back(SHUTTING_DOWN)

    def kill(self) -> None:
        """Ends the running trial now."""
        self.end()
        if self._attempt is not None:
            self._attempt.kill(SHUTTING_DOWN)

    async def _claim_or_end(self) -> Held | None:
        claiming = asyncio.create_task(self._claim())
        ending = asyncio.create_task(self._ending.wait())
        await asyncio.wait([claiming, ending], return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        if claiming.done():
            return claiming.result()
        claiming.cancel()
        return None

    async def _claim(self) -> Held | None:
        loop, token, patience = asyncio.get_running_loop(), uuid.uuid4().hex, Patience()
        idle_since = loop.time()
        while True:
            try:
                claimed = await self._server.claim(self._claim_with(token))
                self._stays_until = loop.time() + STAY_S
                return Held(claimed.trials[0], token)
            except NothingNow as nothing:
                patience, pause_s = Patience(), nothing.retry_after_s or 0.0
                if nothing.is_pending:
                    idle_since = loop.time()
            except TEMPORARY as error:
                await patience.pause(error)  # the same token again: an answer that was lost is given once more
                continue
            except Conflict as error:
                logger.warning("no trial for this worker: %s", error)
                patience, pause_s = Patience(), ASIDE_S
            idle_s = self._configuration.exit_when_idle_s
            if idle_s is not None and loop.time() - idle_since >= idle_s:
                return None
            await asyncio.sleep(pause_s if idle_s is None else min(pause_s, idle_s))

    @property
    def _patience_s(self) -> float:
        """How long a claim may wait: no longer than this worker is to stay without work."""
        idle_s = self._configuration.exit_when_idle_s
        return self._configuration.wait_s if idle_s is None else min(self._configuration.wait_s, idle_s)

    def _claim_with(self, token: str) -> Claim:
        return Claim(
            token=token,
            worker=self._configuration.name,
            study=self._configuration.study,
            wait_s=self._patience_s,
            lease_s=self._configuration.lease_s,
            capabilities=self._capabilities,
        )

    async def _run(self, held: Held) -> Held | None:
        self._trace = AttemptTrace(held.claimed)
        try:
            with self._trace.active():
                return await self._run_traced(held)
        finally:
            self._trace.end()

    async def _run_traced(self, held: Held) -> Held | None:
        refusal = self._configuration.allow.refusal(held.claimed.study.task, self._capabilities.trainables)
        if refusal is not None:
            return await self._tell(held, Failed("entrypoint_not_allowed", refusal))
        try:
            child = await self._take_child()
        except NurseryFailed as error:
            await self._tell(held, Released(str(error)))
            raise
        try:
            scratch = self._places.scratch(held.claimed)
            resumed = await self._fetch_checkpoint(held, scratch)
            log = AttemptLog(self._places.log(held.claimed))
        except OSError as error:
            child.let_go()
            return await self._tell(held, Failed("infrastructure", f"the worker has no place for a trial: {error}"))
        self._attempt = attempt = Attempt(
            held.claimed,
            held.token,
            child=child,
            server=self._server,
            log=log,
            patiences=self._configuration.patiences,
            keeping=AttemptKeeping(self._places, held.claimed),
            memory_mb=self._configuration.memory_mb,
            resumed=resumed.manifest if resumed else None,
            trace=self._trace,
        )
        try:
            outcome = await self._run_attempt(attempt, self._start_of(held.claimed, scratch, resumed))
        finally:
            self._attempt = None
            self._leaving.append(asyncio.create_task(_leave(attempt, log, scratch)))
        following = await self._tell(held, outcome, attempt)
        if isinstance(outcome, Completed | Infeasible):
            self._leaving.append(asyncio.create_task(self._forget_checkpoints(held.claimed)))
        # What is left of a trial on a CPU may take its time to go; on a GPU its memory must be free.
        await self._see_off(2 if self._share.device == "cpu" else 0)
        return following

    async def _fetch_checkpoint(self, held: Held, scratch: Path) -> Resumed | None:
        beating = asyncio.create_task(self._keep_lease(held))  # large ones take longer to come than a lease lasts
        try:
            return await asyncio.to_thread(self._places.resumed, held.claimed, scratch)
        finally:
            beating.cancel()

    async def _keep_lease(self, held: Held) -> None:
        beat = Heartbeat(attempt=held.claimed.attempt, token=held.token)
        while True:
            await asyncio.sleep(held.claimed.lease.heartbeat_s)
            with contextlib.suppress(StudyhallError):  # the attempt itself hears what the server has to say
                await self._server.heartbeat(held.claimed.trial.id, beat)

    async def _forget_checkpoints(self, claimed: ClaimedTrial) -> None:
        try:
            await asyncio.to_thread(self._places.checkpoints(claimed).forget)
        except OSError as error:
            logger.warning("the checkpoints of trial %s stay: %s", claimed.trial.id, error)

    async def _run_attempt(self, attempt: Attempt, start: Start) -> Outcome:
        if self._ending.is_set():
            return Released(SHUTTING_DOWN)
        # The next child is made while this one trains, but not while it takes its first steps.
        preparing = asyncio.get_running_loop().call_later(HEAD_START_S, self._prepare_child)
        try:
            return await attempt.run(start)
        finally:
            preparing.cancel()
            if not self._ending.is_set():
                self._prepare_child()

    async def _see_off(self, most: int) -> None:
        """Waits until at most so many ended trials still have processes."""
        while len(self._leaving) > most:
            await self._leaving.pop(0)

    def _start_of(self, claimed: ClaimedTrial, scratch: Path, resumed: Resumed | None) -> Start:
        task = claimed.study.task
        assert task is not None  # noqa: S101 - refused before
        return Start(
            trial=claimed.trial.id,
            number=claimed.trial.number,
            attempt=claimed.attempt,
            seed=trial_seed(claimed.study.seed, claimed.trial.number),
            parameters=claimed.trial.parameters,
            task=task,
            architecture=claimed.study.architecture,
            objectives=tuple(objective.metric for objective in claimed.study.objectives),
            device=self._share.device,
            threads=self._configuration.threads,
            workdir=str(scratch),
            resume_from=str(resumed.directory) if resumed else None,
            resume_step=resumed.manifest.step if resumed else -1,
            elapsed_s=resumed.manifest.elapsed_s if resumed else 0.0,
            checkpoint_every_s=self._configuration.checkpoint_every_s,
            import_from=self._configuration.import_from,
            environment=self._configuration.trial_environment(scratch, self._share) | tracing.to_environment(),
        )

    async def _tell(self, held: Held, outcome: Outcome, attempt: Attempt | None = None) -> Held | None:
        claimed, token = held
        logger.info("trial %d of %s: %s", claimed.trial.number, claimed.study.name, outcome)
        if self._trace is not None:
            self._trace.note(*in_a_word(outcome), failed=isinstance(outcome, Failed))
        next_token = uuid.uuid4().hex
        next_claim = NextClaim(token=next_token, worker=self._configuration.name, lease_s=self._configuration.lease_s)
        told = to_wire(
            outcome,
            attempt=claimed.attempt,
            token=token,
            next_claim=next_claim if self._stays() else None,
        )
        if told is None:
            return None
        ending = Ending.of(claimed.trial.id, told, tuple(attempt.untold) if attempt else ())
        try:
            async with asyncio.timeout(LAST_WORD_S if self._ending.is_set() else None):
                answer = await deliver(self._server, ending)
        except (*TEMPORARY, TimeoutError):
            self._spool.put(ending)
            return None
        except StudyhallError as error:
            logger.warning("trial %s: the server refuses its ending: %s", claimed.trial.id, error)
            return None
        return Held(answer.trials[0], next_token) if answer and answer.trials else None

    def _stays(self) -> bool:
        if self._ending.is_set():
            return False
        return self._configuration.study is not None or asyncio.get_running_loop().time() < self._stays_until

    def _prepare_child(self) -> None:
        if self._spare is None:
            self._spare = asyncio.create_task(self._children.new_child())

    async def _take_child(self) -> Child:
        for _ in range(3):
            self._prepare_child()
            assert self._spare is not None  # noqa: S101 - just prepared
            child, self._spare = await self._spare, None
            if child.is_alive:
                return child
            child.let_go()
        raise NurseryFailed("the processes for trials die before they begin; the worker's stderr says why")

    async def _drop_spare(self) -> None:
        if self._spare is not None:
            try:
                (await self._spare).let_go()
            except (NurseryFailed, OSError) as error:
                logger.debug("there is no spare child to drop: %s", error)


async def _leave(attempt: Attempt, log: AttemptLog, scratch: Path) -> None:
    with log:
        await attempt.gone()
    await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)
