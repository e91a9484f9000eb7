"""A slot: one trial after the other. It claims, runs and tells, and the answer to what it tells is the next trial."""

import asyncio
import logging
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from studyhall import tracing
from studyhall.errors import StudyhallError
from studyhall.study import Task
from studyhall.tracing import AttemptTrace
from studyhall.trial_context import trial_seed
from studyhall.wire.claims import Capabilities, ClaimedTrial, NextClaim
from workers.attempt import Attempt
from workers.attempt_log import AttemptLog
from workers.checkpoints import Resumed
from workers.children import Child, Children, NurseryFailed
from workers.claiming import Claiming, Held, lease_kept
from workers.configuration import Configuration
from workers.executor import Undelivered
from workers.keeping import AttemptKeeping, Places, Scratch
from workers.machine import Share
from workers.messages import Start
from workers.outcome import Completed, Failed, Infeasible, Outcome, Released, in_a_word, to_wire
from workers.server import TEMPORARY, Server
from workers.spool import Ending, deliver
from workers.teachers import with_teacher

logger = logging.getLogger(__name__)

HEAD_START_S: Final = 0.1
"""How long a trial has the machine for its first steps before its successor's process is made."""
STAY_S: Final = 10.0
"""How long a slot goes from one trial of a study straight to the next: then all studies have their turn again."""
LAST_WORD_S: Final = 5.0
"""How long a worker that is going away waits for the answer to its last word."""
SHUTTING_DOWN: Final = "the worker is shutting down"


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
        self._claiming = Claiming(crew.configuration, crew.server)
        self._spare: asyncio.Task[Child] | None = None
        self._attempt: Attempt | None = None
        self._trace: AttemptTrace | None = None
        self._leaving: list[asyncio.Task[None]] = []
        self._stays_until = 0.0
        self._claims = True
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
                held = held or await self._claim()
                if held is None:
                    return
                if not self._ending.is_set():
                    held = await self._run(held)
            if held is not None:
                await self._tell(held, Released(SHUTTING_DOWN))
        finally:
            await self._see_off(0)
            await self._drop_spare()

    async def run_only(self, held: Held) -> None:
        """Runs a trial that somebody else has claimed, and claims no other.

        Raises:
            NurseryFailed: no trial can be started on this machine.
        """
        self._claims = False
        try:
            await self._run(held)
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

    async def _claim(self) -> Held | None:
        held = await self._claiming.next(lambda: self._capabilities, self._ending)
        self._stays_until = asyncio.get_running_loop().time() + STAY_S
        return held

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
            with lease_kept(self._server, held):  # a nursery that starts anew may import for longer
                child = await self._take_child()
        except NurseryFailed as error:
            await self._tell(held, Released(str(error)))
            raise
        scratch: Scratch | None = None
        try:
            scratch = self._places.scratch(held.claimed)
            resumed, inherited = await self._fetch(held, scratch.path)
            task = await self._settled_task(held.claimed)
            log = AttemptLog(self._places.log(held.claimed))
        except OSError as error:
            child.let_go()
            if scratch is not None:
                scratch.remove()
            return await self._tell(held, Failed("infrastructure", f"the worker has no place for a trial: {error}"))
        self._attempt = attempt = Attempt(
            held.claimed,
            held.token,
            child=child,
            server=self._server,
            log=log,
            patiences=self._configuration.patiences,
            keeping=AttemptKeeping(self._places, held.claimed),
            memory_mb=self._configuration.memory_of_trial_mb,
            resumed=resumed.manifest if resumed else None,
            trace=self._trace,
        )
        try:
            outcome = await self._run_attempt(
                attempt, self._start_of(held.claimed, task, scratch.path, resumed, inherited)
            )
        finally:
            self._attempt = None
            self._leaving.append(asyncio.create_task(_leave(attempt, log, scratch)))
        following = await self._tell(held, outcome, attempt)
        if _needs_no_checkpoint(held.claimed, outcome):
            self._leaving.append(asyncio.create_task(self._forget_checkpoints(held.claimed)))
        # What is left of a trial on a CPU may take its time to go; on a GPU its memory must be free.
        await self._see_off(2 if self._share.device == "cpu" else 0)
        return following

    async def _fetch(self, held: Held, scratch: Path) -> tuple[Resumed | None, Path | None]:
        """Brings the checkpoint to go on from, and, where there is none, what the trial's parent has kept."""
        with lease_kept(self._server, held):  # large ones take longer to come than a lease lasts
            resumed = await asyncio.to_thread(self._places.resumed, held.claimed, scratch)
            return resumed, None if resumed else await asyncio.to_thread(self._inherited, held.claimed, scratch)

    def _inherited(self, claimed: ClaimedTrial, scratch: Path) -> Path | None:
        try:
            return self._places.inherited(claimed, scratch)
        except OSError as error:  # inheriting saves time; a trial that cannot is trained all the same
            logger.warning("trial %s starts afresh: its parent's artifacts cannot be read: %s", claimed.trial.id, error)
            return None

    async def _forget_checkpoints(self, claimed: ClaimedTrial) -> None:
        try:
            await asyncio.to_thread(self._places.checkpoints(claimed).forget)
        except OSError as error:
            logger.warning("the checkpoints of trial %s stay: %s", claimed.trial.id, error)

    async def _run_attempt(self, attempt: Attempt, start: Start) -> Outcome:
        if self._ending.is_set():
            return Released(SHUTTING_DOWN)
        # The next child is made while this one trains, but not while it takes its first steps.
        preparing = asyncio.get_running_loop().call_later(HEAD_START_S, self._prepare_successor)
        try:
            return await attempt.run(start)
        finally:
            preparing.cancel()
            self._prepare_successor()

    def _prepare_successor(self) -> None:
        if self._claims and not self._ending.is_set():
            self._prepare_child()

    async def _see_off(self, most: int) -> None:
        """Waits until at most so many ended trials still have processes."""
        while len(self._leaving) > most:
            await self._leaving.pop(0)

    async def _settled_task(self, claimed: ClaimedTrial) -> Task:
        task = claimed.study.task
        assert task is not None  # noqa: S101 - refused before
        return await with_teacher(task, claimed, server=self._server, places=self._places)

    def _start_of(
        self, claimed: ClaimedTrial, task: Task, scratch: Path, resumed: Resumed | None, inherited: Path | None
    ) -> Start:
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
            inherit_from=str(inherited) if inherited else None,
            elapsed_s=resumed.manifest.elapsed_s if resumed else 0.0,
            checkpoint_every_s=self._configuration.checkpoint_every_s,
            checkpoint_every=claimed.study.checkpoint_every,
            is_strict=self._configuration.is_strict,
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
            checkpoint=attempt.checkpoint if attempt else None,
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
        if self._ending.is_set() or not self._claims:
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


def _needs_no_checkpoint(claimed: ClaimedTrial, outcome: Outcome) -> bool:
    """Whether nobody will go on from this trial: it has a result, and it is not one of those that may yet go on."""
    if isinstance(outcome, Completed):
        return not (claimed.study.checkpoint_every or (outcome.pruned and claimed.study.keeps_checkpoints))
    return isinstance(outcome, Infeasible)


async def _leave(attempt: Attempt, log: AttemptLog, scratch: Scratch) -> None:
    with log:
        await attempt.gone()
    await asyncio.to_thread(scratch.remove)
