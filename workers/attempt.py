"""One attempt at a trial: watches its process, keeps its lease, passes its reports on, and sees it to its end."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from studyhall.errors import Conflict, MeasurementConflict, StudyhallError
from studyhall.tracing import AttemptTrace
from studyhall.trial import Measurement
from studyhall.wire.claims import ClaimedTrial, Heartbeat, Report, Told
from workers.attempt_log import AttemptLog
from workers.checkpoints import Manifest
from workers.children import Child
from workers.frames import Garbled
from workers.log_sender import LogSender
from workers.messages import Done, Kept, NotFeasible, Reported, Saved, Start, StopNow, Verdict, WentWrong
from workers.messages import Told as ToldTrial
from workers.outcome import Evidence, Outcome, StopAsked, judge
from workers.server import TEMPORARY, Patience, Server, insist
from workers.store import remove

logger = logging.getLogger(__name__)

FIRST_BEAT_S: Final = 1.0
"""A shorter trial needs no heartbeat: its claim is as fresh."""
REPORTS_AT_ONCE: Final = 500
LAST_OUTPUT_S: Final = 1.0
LAST_ARTIFACTS_S: Final = 60.0
"""For a server that was away to come back and take what a trial keeps, before the trial ends without that."""
NEVER_MIND: Final = 2**31
"""Told to a trial whose reports nobody takes any more, so that it does not wait for answers."""


@dataclass(frozen=True)
class Patiences:
    """How long things may take, in seconds."""

    grace_s: float = 10.0
    """Between asking a trial to stop and terminating it."""
    shutdown_s: float = 5.0
    """The same, when the worker itself is going away."""
    kill_after_s: float = 5.0
    """Between terminating and killing it."""
    exit_s: float = 10.0
    """Between a trial's last word and the end of its process, which runs what was registered for its exit."""
    timeout_s: float = 86_400.0
    """For a whole attempt; a task may ask for less."""
    outage_s: float = 1800.0
    """How long a trial goes on without a server."""


class Keeping(Protocol):
    """Where what a trial wants to keep goes; both may take their time and raise OSError or ValueError."""

    def keep(self, kept: Kept) -> None:
        """Keeps an artifact."""

    def save(self, saved: Saved, curve: tuple[Measurement, ...]) -> None:
        """Keeps a checkpoint with the curve up to it."""


class Attempt:
    """Runs one claimed trial in one child.

    Args:
        keeping: where its artifacts and checkpoints go.
        memory_mb: what its processes may use together when its task does not say, in MiB.
        resumed: what is known of the checkpoint it goes on from.
        trace: is told of its steps.
    """

    def __init__(
        self,
        claimed: ClaimedTrial,
        token: str,
        *,
        child: Child,
        server: Server,
        log: AttemptLog,
        patiences: Patiences,
        keeping: Keeping,
        memory_mb: int,
        resumed: Manifest | None = None,
        trace: AttemptTrace | None = None,
    ) -> None:
        self.claimed, self.token = claimed, token
        self._child, self._server, self._log, self._patiences, self._keeping = child, server, log, patiences, keeping
        self._log_sender = LogSender(server, claimed.trial.id, claimed.attempt, token)
        self._trace = trace or AttemptTrace(claimed)
        self._verdict: Verdict | None = None
        self._stop: StopAsked | None = None
        self._lost: str | None = None
        self._timed_out = self._is_storing = False
        self._unsent: list[Kept] = []
        self._curve: list[Measurement] = []
        self.checkpoint: int | None = None
        """The step of the last checkpoint of this attempt, where others may go on from it."""
        self._untold: list[tuple[int, Measurement]] = []
        self._takes_reports = True
        self._news, self._decided = asyncio.Event(), asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._copying: asyncio.Task[None] | None = None
        self._timers: list[asyncio.TimerHandle] = []
        for measurement in resumed.measurements if resumed else ():
            self._add(0, measurement)  # what an earlier attempt had told: this one's curve is whole
        task = claimed.study.task
        self._memory_mb = (task and task.resources.memory_mb) or memory_mb
        self._allowed_s = min(patiences.timeout_s, (task and task.timeout_s) or patiences.timeout_s)

    @property
    def untold(self) -> list[Measurement]:
        """The measurements that the server is not known to have."""
        return [measurement for _, measurement in self._untold]

    async def run(self, start: Start) -> Outcome:
        """Starts the trial and answers how it ended; what is left of its processes goes with `gone`."""
        self._child.limit_memory(self._memory_mb)
        self._child.tell(start)
        self._trace.begin()
        listening, copying = self._begin(self._listen()), self._begin(self._copy_log())
        self._copying = copying
        self._begin(self._watch_end(listening, copying))
        self._begin(self._log_sender.run())
        talking = [self._begin(self._pass_reports_on()), self._begin(self._beat())]
        self._later(self._allowed_s, self._time_out)
        await self._decided.wait()
        for task in talking:
            task.cancel()  # what was not told yet goes with the ending
        return judge(
            Evidence(
                objectives=[objective.metric for objective in self.claimed.study.objectives],
                verdict=self._verdict,
                ended=None if self._child.is_alive else await self._child.ended(),
                latest=_latest_of(self._curve),
                stop=self._stop,
                timeout_s=self._allowed_s if self._timed_out else None,
                lost=self._lost,
                log=self._log.tail,
            )
        )

    async def gone(self) -> None:
        """Waits until nothing is left of the trial's processes, which it ends if need be."""
        self._later(self._patiences.exit_s, self._child.kill)
        try:
            await self._child.ended()
            if self._copying is not None:  # it is None if the trial was given back before it began
                await asyncio.wait([self._copying], timeout=LAST_OUTPUT_S)
                await self._log_sender.finish()
        finally:
            for timer in self._timers:
                timer.cancel()
            for task in self._tasks:
                task.cancel()
            self._child.let_go()

    def stop(self, reason: str) -> None:
        """Asks the trial to end soon, with what it has; after the grace it is terminated, and then killed."""
        self._ask_to_stop(StopAsked(reason), self._patiences.grace_s)

    def give_back(self, reason: str) -> None:
        """Asks the trial to end soon, to be run again by another worker."""
        self._ask_to_stop(StopAsked(reason, release=True), self._patiences.shutdown_s)

    def _ask_to_stop(self, stop: StopAsked, grace_s: float) -> None:
        if self._stop is None:
            self._stop = stop
            resume = stop.release or self.claimed.study.keeps_checkpoints
            self._child.tell(StopNow(reason=stop.reason, resume=resume))
            self._later(grace_s, self._terminate)

    def kill(self, reason: str) -> None:
        """Ends the trial now, to be run again by another worker."""
        self.give_back(reason)
        self._child.kill()
        self._decided.set()

    def abandon(self, reason: str) -> None:
        """Ends the trial at once: its lease is gone and nobody wants its result."""
        self._lost = self._lost or reason
        self._child.kill()
        self._decided.set()

    async def _listen(self) -> None:
        try:
            async for message in self._child.messages():
                match message:
                    case Reported():
                        self._hear_report(message)
                    case Kept() | Saved():
                        await self._store(message)
                    case Done() | NotFeasible() | WentWrong():
                        await self._send_rest()
                        self._hear_verdict(message)
        except Garbled as error:
            self._hear_verdict(WentWrong(kind="user_error", message=f"the trial's process wrote nonsense: {error}"))

    async def _store(self, kept: Kept | Saved) -> None:
        self._is_storing = True
        try:
            if isinstance(kept, Kept):
                await asyncio.to_thread(self._keeping.keep, kept)
                await self._send_artifact(kept)
            else:
                await asyncio.to_thread(self._keeping.save, kept, tuple(self._curve))
                self.checkpoint = kept.step if self.claimed.study.keeps_checkpoints else None
        except (OSError, ValueError) as error:
            self._hear_verdict(WentWrong(kind="infrastructure", message=f"{kept.path} cannot be kept: {error}"))
        finally:
            self._is_storing = False

    async def _send_artifact(self, kept: Kept) -> None:
        # The store has it already: a server that is away, or takes no artifacts, costs the trial nothing.
        try:
            await self._send_files(kept)
        except TEMPORARY:
            self._unsent.append(kept)

    async def _send_files(self, kept: Kept) -> None:
        held = (self.claimed.attempt, self.token)
        for name, path in await asyncio.to_thread(_files_of, kept):
            try:
                await self._server.send_artifact(self.claimed.trial.id, held, name, path)
            except TEMPORARY:
                raise
            except StudyhallError as error:
                logger.warning("trial %s: the server did not take '%s': %s", self.claimed.trial.id, name, error)
        await asyncio.to_thread(remove, Path(kept.path))

    async def _send_rest(self) -> None:
        """What the server could not take while it was away: after the trial's end it takes nothing."""
        self._is_storing = True
        try:
            async with asyncio.timeout(LAST_ARTIFACTS_S):
                for kept in self._unsent:
                    await insist(partial(self._send_files, kept))
        except TimeoutError:
            logger.warning("trial %s: the server is away; what it keeps is in the store only", self.claimed.trial.id)
        finally:
            self._is_storing = False

    def _hear_report(self, message: Reported) -> None:
        measurement = Measurement(step=message.step, metrics=message.metrics, elapsed_s=message.elapsed_s)
        self._trace.step(message.step, message.metrics)
        self._add(message.report, measurement)

    def _add(self, report: int, measurement: Measurement) -> None:
        self._curve.append(measurement)
        if self._takes_reports:
            self._untold.append((report, measurement))
            self._news.set()

    def _hear_verdict(self, verdict: Verdict) -> None:
        self._verdict = self._verdict or verdict
        self._decided.set()

    async def _watch_end(self, listening: asyncio.Task[None], copying: asyncio.Task[None]) -> None:
        await self._child.ended()
        # All its processes are gone and their ends closed: what they had said is there to be read, to the last line.
        await asyncio.wait([listening, copying], timeout=LAST_OUTPUT_S)
        if self._is_storing:  # what it wanted kept may take longer to copy, and its result is the word after that
            await asyncio.wait([listening], timeout=self._allowed_s)
        self._decided.set()

    async def _copy_log(self) -> None:
        while piece := await self._child.log.read(65_536):
            self._log.write(piece)
            self._log_sender.take(piece)

    async def _pass_reports_on(self) -> None:
        patience = Patience()
        while self._takes_reports:
            await self._news.wait()
            self._news.clear()
            while batch := self._untold[:REPORTS_AT_ONCE]:
                try:
                    self._obey(await self._server.report(self.claimed.trial.id, self._report_of(batch)))
                except TEMPORARY as error:
                    self._answer_up_to(self._untold[-1][0])  # the trial shall not wait for a server that is away
                    await patience.pause(error)
                    continue
                except MeasurementConflict:
                    pass  # the first value stands
                except StudyhallError as error:
                    self._refuse_reports(error)
                patience = Patience()
                del self._untold[: len(batch)]
                self._answer_up_to(batch[-1][0])

    def _report_of(self, batch: list[tuple[int, Measurement]]) -> Report:
        measurements = tuple(measurement for _, measurement in batch)
        return Report(
            attempt=self.claimed.attempt, token=self.token, measurements=measurements, checkpoint=self.checkpoint
        )

    def _refuse_reports(self, error: StudyhallError) -> None:
        self._takes_reports = False
        if isinstance(error, Conflict):
            self.abandon(error.message)
            return
        logger.warning("trial %s: the server takes no more of its reports: %s", self.claimed.trial.id, error)
        self._untold.clear()
        self._answer_up_to(NEVER_MIND)

    def _answer_up_to(self, report: int) -> None:
        self._child.tell(ToldTrial(report=report))

    def _obey(self, told: Told) -> None:
        if told.directive == "stop":
            self.stop(told.reason or "the server asked for it")
        elif told.give_back is not None:
            self._ask_to_stop(StopAsked(told.give_back, release=True), self._patiences.grace_s)

    async def _beat(self) -> None:
        loop, patience, beat_s = asyncio.get_running_loop(), Patience(), self.claimed.lease.heartbeat_s
        heard_at = loop.time()
        await asyncio.sleep(min(FIRST_BEAT_S, beat_s))
        while True:
            asked_at = loop.time()
            wait_s = 0.0 if self._stop else min(beat_s, 60.0)
            beat = Heartbeat(attempt=self.claimed.attempt, token=self.token, wait_s=wait_s)
            try:
                self._obey(await self._server.heartbeat(self.claimed.trial.id, beat))
            except TEMPORARY as error:
                if loop.time() - heard_at > self._patiences.outage_s:
                    self.abandon(f"there was no server for {self._patiences.outage_s:g} s")
                await patience.pause(error)
                continue
            except StudyhallError as error:
                self.abandon(error.message)
                return
            heard_at, patience = loop.time(), Patience()
            if self._stop or heard_at - asked_at < wait_s / 2:
                await asyncio.sleep(beat_s)  # this server answers at once: it is not asked all the time

    def _time_out(self) -> None:
        self._timed_out = True
        self._terminate()

    def _terminate(self) -> None:
        self._child.terminate()
        self._later(self._patiences.kill_after_s, self._child.kill)

    def _begin(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.append(task)
        return task

    def _later(self, delay_s: float, action: Callable[[], None]) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(delay_s, action))


def _files_of(kept: Kept) -> list[tuple[str, Path]]:
    home = Path(kept.path)
    if home.is_file():
        return [(kept.name, home)]
    found = [path for path in sorted(home.rglob("*")) if path.is_file() and not path.is_symlink()]
    return [(f"{kept.name}/{path.relative_to(home).as_posix()}", path) for path in found]


def _latest_of(curve: list[Measurement]) -> dict[str, float]:
    latest: dict[str, float] = {}
    for measurement in curve:
        latest |= measurement.metrics
    return latest
