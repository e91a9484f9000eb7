"""The services of one server process, put together: database, signals, suggesting, sweeper.

Routes call `write` and `read` with the verbs of this package; only what waits lives here itself.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from hashlib import blake2b
from typing import TypeVar

import structlog

from app.meters import Meters
from app.services.analysing import Analysing, Analyst
from app.services.analysis_pool import AnalysisPool
from app.services.archiving import archive_old, empty_graves
from app.services.claiming import Handed, answer, claim_trials, touches
from app.services.explaining import Explaining
from app.services.fleet import FORGOTTEN_AFTER_S
from app.services.keys import ON_FIRST_KEY, KeysInUse, create_first_key
from app.services.principal import Principal
from app.services.retention import Retention, forget_outputs
from app.services.shared_reading import SharedReading
from app.services.signals import ANY, Signals
from app.services.suggesting import Pool, Suggesting
from app.services.sweeping import JUMP_S, Watch, sweep
from app.services.telling import heartbeat
from app.services.webhooks import Post, Webhooks
from app.storage import output, reader
from app.storage.contents import Contents, contents_beside
from app.storage.database import Database
from app.storage.object_contents import ObjectContents
from app.storage.prefetch import NOTHING, Touches
from app.storage.rows import KeyRow
from app.storage.transaction import Transaction
from studyhall.errors import StudyhallError
from studyhall.wire.claims import Claim, Claimed, Heartbeat, Told
from studyhall.wire.results import Event, Feed
from studyhall.wire.server import Key

log = structlog.get_logger(__name__)
T = TypeVar("T")

SWEEP_S = 5.0
TIDY_EVERY_S = 3600.0
FEED_PAUSE_S = 0.5
"""Between two looks at all studies of a project: any change of any study wakes whoever waits for that."""
LONGEST_LOOK_S = 5.0
"""A long-poll looks again after this time even when nothing woke it; a net under the signals, not the mechanism."""


class Services:
    """Everything a route needs.

    Args:
        pool: runs the engines; None: other processes on the same database do (`studyhall engine`).
        clock: seconds since 1970, None for the database's own; tests move theirs.
        sweep_s: seconds between two rounds of the sweeper.
        contents: where the contents of artifacts are; by default beside the database.
        retention: how long logs and artifacts are kept; by default for good.
        post, origins: send webhooks, and say whom they may call; by default there are none.
        analyst: computes analyses; None: a process of its own, once somebody asks.
    """

    def __init__(
        self,
        url: str,
        pool: Pool | None,
        *,
        clock: Callable[[], float] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sweep_s: float = SWEEP_S,
        contents: Contents | ObjectContents | None = None,
        retention: Retention | None = None,
        analyst: Analyst | None = None,
        post: Post | None = None,
        origins: Collection[str] = (),
    ) -> None:
        self.signals = Signals()
        self.meters = Meters()
        self.database = Database(url, self.signals.committed, clock=clock, meters=self.meters)
        self.suggesting = Suggesting(self.database, pool, monotonic=monotonic, meters=self.meters)
        self.signals.on_moved = self.suggesting.trials_moved
        if pool is not None:
            self.signals.on_demand = self.suggesting.wanted_elsewhere
        self.clock = clock or time.time
        self.analysing = Analysing(self.database, analyst or AnalysisPool(), clock=self.clock, monotonic=monotonic)
        self.explaining = Explaining(self.database, pool)
        self.shared = SharedReading(self.database, monotonic=monotonic)
        self.webhooks = Webhooks(self.database, post, origins=origins, clock=self.clock)
        self.contents: Contents | ObjectContents = contents or contents_beside(url)
        self._retention = retention or Retention()
        self._monotonic = monotonic
        self._sweep_s = sweep_s
        self.watch = Watch(monotonic(), monotonic())
        self._tasks: list[asyncio.Task[None]] = []
        self._keys = KeysInUse(monotonic)

    async def start(self) -> None:
        """Begins to sweep and to wake those who wait."""
        self.watch.forgive(self._monotonic())  # from now on workers can be heard
        self.signals.start()
        self._tasks = [
            asyncio.create_task(self._sweep_for_ever(), name="sweeper"),
            asyncio.create_task(self._for_ever(self.tidy, TIDY_EVERY_S), name="tidying"),
            asyncio.create_task(self._for_ever(self.bury, self._sweep_s), name="burying"),
            asyncio.create_task(self.webhooks.tell_for_ever(), name="webhooks"),
        ]

    async def stop(self) -> None:
        """Answers those who wait, stops the tasks, finishes what is queued and closes the database."""
        self.signals.close()
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self.suggesting.close()
        await self.analysing.close()
        await asyncio.to_thread(self.database.close)

    async def write(
        self, verb: Callable[[Transaction], T | StudyhallError], touches: Touches = NOTHING, *, urgent: bool = False
    ) -> T:
        """Runs a verb in the next transaction of the writer.

        A verb may give an error as its value: then what it wrote stays, and the error is raised here.

        Args:
            urgent: it renews or ends a lease, and is the last to be turned away.
        """
        result = await self.database.write(verb, touches, urgent=urgent)
        if isinstance(result, StudyhallError):
            raise result
        return result

    async def read(self, query: Callable[[reader.Connection], T]) -> T:
        """Runs a query that changes nothing."""
        return await self.database.read(query)

    async def claim(self, principal: Principal, request: Claim) -> tuple[Claimed | None, Handed]:
        """Trials for a worker, waiting up to `wait_s` for some; and what the last look for them has found."""
        deadline = self._monotonic() + request.wait_s
        with self.signals.on_opening(_opening(request)) as waiter:
            while True:
                claimed, handed = await self.write(
                    partial(_claim, principal=principal, request=request), touches(principal, request)
                )
                left = deadline - self._monotonic()
                if claimed is not None or handed.study_state in ("completed", "failed") or self.signals.is_closing:
                    return claimed, handed
                with ExitStack() as demands:
                    for study_id, count in handed.wanting.items():
                        demands.enter_context(self.suggesting.demand(study_id, count))
                    if left <= 0:
                        return None, handed
                    await waiter.wait(min(left, LONGEST_LOOK_S))

    async def heartbeat(self, principal: Principal, trial_id: str, request: Heartbeat) -> Told:
        """Renews a lease; with `wait_s` waits for a directive other than to go on."""
        deadline = self._monotonic() + request.wait_s
        verb = partial(heartbeat, principal=principal, trial_id=trial_id, told=request)
        with self.signals.on_recall(trial_id) as waiter:
            while True:
                told = await self.write(verb, Touches(trials=(trial_id,)), urgent=True)
                left = deadline - self._monotonic()
                if told.directive != "continue" or left <= 0 or self.signals.is_closing:
                    return told
                await waiter.wait(min(left, LONGEST_LOOK_S))

    async def events(self, study_id: str, after: int, *, wait_s: float, limit: int) -> tuple[list[Event], int]:
        """What happened in a study after a sequence number, waiting for it; and the number to ask with next."""
        deadline = self._monotonic() + wait_s
        with self.signals.on_change(study_id) as waiter:
            while True:
                found = await self.read(partial(reader.events_after, study_id=study_id, after=after, limit=limit))
                left = deadline - self._monotonic()
                if found or left <= 0 or self.signals.is_closing:
                    return found, found[-1].sequence if found else after
                await waiter.wait(min(left, LONGEST_LOOK_S))

    async def sequence_beyond(self, project: str, study_id: str, after: int, *, wait_s: float) -> int | None:
        """How far a study is, waiting until that is beyond `after`; None for one that is gone. For many at once."""
        deadline = self._monotonic() + wait_s
        query = partial(reader.sequence_of, project=project, study_id=study_id)
        with self.signals.on_change(study_id) as waiter:
            while True:
                sequence = await self.shared.read(("sequence", study_id), query)
                left = deadline - self._monotonic()
                if sequence is None or sequence > after or left <= 0 or self.signals.is_closing:
                    return sequence
                await waiter.wait(min(left, LONGEST_LOOK_S))

    async def feed(self, project: str, after: str | None, *, wait_s: float) -> Feed:
        """How far each study of a project is, waiting until that is not what the cursor `after` stands for."""
        deadline = self._monotonic() + wait_s
        with self.signals.on_change(ANY) as waiter:
            while True:
                found = await self.shared.read(("feed", project), partial(reader.sequences, project=project))
                left = deadline - self._monotonic()
                if (cursor := cursor_of(found)) != after or left <= 0 or self.signals.is_closing:
                    return Feed(sequences=found, cursor=cursor)
                if await waiter.wait(min(left, LONGEST_LOOK_S)):
                    await asyncio.sleep(min(left, FEED_PAUSE_S))  # other projects' fleets wake it, too

    async def find_key(self, key_id: str) -> KeyRow | None:
        """A stored key, for the authenticator."""
        return await self.read(partial(reader.key_row, key_id=key_id))

    def key_used(self, key_id: str) -> None:
        """Notes that a key is in use; written down with the next sweep, to the hour."""
        self._keys.note(key_id)

    async def create_first_key(self) -> Key | None:
        """The admin key of a new database; None when there are keys already."""
        return await self.write(create_first_key, ON_FIRST_KEY)

    async def sweep(self) -> int:
        """One round of the sweeper; how many leases it ended."""
        ended = await self.write(partial(sweep, watch=self.watch, monotonic=self._monotonic()))
        self.meters.leases_lost.inc(ended)
        self.meters.sweeps.labels("done").inc()
        if used := self._keys.take():
            await self.write(lambda tx: tx.use_keys(used))
        return ended

    async def bury(self) -> int:
        """Deletes what is left of deleted studies, this server's and others'; how many studies."""
        return await empty_graves(self.database)

    async def tidy(self) -> int:
        """Forgets outputs, studies, workers and contents that have outlived their time; how many contents."""
        forgotten = await forget_outputs(self.database, self._retention, self.clock())
        if any(forgotten.values()):
            log.info("outputs_forgotten", **forgotten)
        if put_away := await archive_old(self.database, self._retention, self.clock()):
            log.info("studies_put_away", **put_away)
        silent = self.clock() - FORGOTTEN_AFTER_S
        if forgotten_workers := await self.write(lambda tx: tx.forget_workers(silent)):
            log.info("workers_forgotten", count=forgotten_workers)
        gone = 0
        old = await asyncio.to_thread(lambda: list(self.contents.old()))
        for start in range(0, len(old), 500):
            hashes = old[start : start + 500]
            for sha256 in set(hashes) - await self.read(partial(output.needed, hashes=hashes)):
                gone += await asyncio.to_thread(self.contents.forget, sha256)
        return gone

    async def _sweep_for_ever(self) -> None:
        swept_at = self._monotonic()
        while True:
            slept_at = self._monotonic()
            await asyncio.sleep(self._sweep_s)
            now = self._monotonic()
            if now - slept_at > 2 * self._sweep_s or slept_at - swept_at > JUMP_S:
                # This process was held up, with its machine or by it, and has heard nobody: whom should it judge?
                self.watch.forgive(now)
            swept_at = now
            try:
                await self.sweep()
            except StudyhallError as error:
                self.meters.sweeps.labels("failed").inc()
                # Workers cannot renew their leases either; once the database is back they get the time to do so.
                self.watch.forgive(self._monotonic())
                log.warning("sweep_failed", error=str(error))
            except Exception:  # the edge of a task: the next round may succeed, and nothing else ends leases
                self.meters.sweeps.labels("failed").inc()
                log.exception("sweep_failed")

    async def _for_ever(self, task: Callable[[], Awaitable[int]], every_s: float) -> None:
        """Beside the sweeper, which must not wait for it: there may be much to forget."""
        while True:
            await asyncio.sleep(every_s)
            try:
                await task()
            except StudyhallError as error:
                log.warning("task_failed", task=task.__name__, error=str(error))
            except Exception:  # the edge of a task: the next round may succeed
                log.exception("task_failed", task=task.__name__)


def _claim(tx: Transaction, *, principal: Principal, request: Claim) -> tuple[Claimed | None, Handed]:
    handed = claim_trials(tx, principal, request)
    return answer(tx, handed) if handed.trials else None, handed


def _opening(request: Claim) -> str:
    return request.study if request.study is not None and request.study.startswith("st_") else ANY


def cursor_of(sequences: Mapping[str, int]) -> str:
    """A name for how far some studies are: equal for equal ones, on every server and after every restart."""
    text = ",".join(f"{study}:{sequence}" for study, sequence in sorted(sequences.items()))
    return blake2b(text.encode(), digest_size=8).hexdigest()
