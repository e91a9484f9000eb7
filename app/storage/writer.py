"""Group commit: one thread owns the connection that writes, takes every request that has gathered, commits once.

No timer: while one commit runs, the next batch gathers, so a lone request pays no delay. Nobody is answered before
the commit has returned. A verb that refuses (a domain error) has changed nothing, so it does not disturb its batch;
when anything else goes wrong the batch is undone, tried again if that may help, then each of its verbs is run alone.
A commit whose answer was lost with the connection is not tried again: it may have been done, so its requests are told
that the database is away, and their repetition, by token or Idempotency-Key, finds out.

Why a thread and not a transaction a request: on SQLite lock waits are polled and unfair (measured p99 1.3 s at 64
writers, 13 ms with one writer); on PostgreSQL every write raises the study's sequence number, so a batch takes the
row lock once instead of once a request. Price: one batch uses one core.
"""

import asyncio
import os
import queue
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import structlog
from sqlalchemy import Engine
from sqlalchemy.engine.interfaces import DBAPIConnection

from app.meters import Meters
from app.storage.committed import Committed, Listener, Listening
from app.storage.connect import BUSY_MS
from app.storage.faults import CommitUnanswered, is_disconnect, is_transient, is_unsynced, translate
from app.storage.known import Memory
from app.storage.pending import Overtaken
from app.storage.prefetch import NOTHING, Touches
from app.storage.sql import NOTIFY
from app.storage.statement import Session
from app.storage.transaction import Transaction
from studyhall.errors import StorageBusy, StorageUnavailable, StudyhallError

log = structlog.get_logger(__name__)
T = TypeVar("T")
Verb = Callable[[Transaction], Any]

LONGEST_BATCH = 256
CHECKPOINT_EVERY = 512
"""Verbs between two checkpoints of SQLite's log."""
LONG_LOG_PAGES = 10_000
"""From here on (40 MB) the writer waits after each batch until no reader is in the log, so that it can start anew.
Readers that follow upon each other would else keep it growing; a reader that comes while nothing is written needs no
log at all. 64 MB is the most that it shall have."""
WAIT_FOR_READERS_MS = 100
LONGEST_QUEUE = 4096
LONGEST_PATIENT_QUEUE = 2048
"""Where others are turned away, so that what renews or ends a lease still finds room."""
TRIES = 5


@dataclass(slots=True)
class Work:
    """One verb on its way through the writer."""

    verb: Verb
    touches: Touches
    loop: asyncio.AbstractEventLoop | None
    future: "asyncio.Future[Any] | None"
    result: Any = None
    error: BaseException | None = None
    done: threading.Event | None = None
    """Set at the end for a thread that waits without an event loop."""

    def answer(self) -> None:
        """Hands the outcome to whoever awaits it; called on the waiter's own loop."""
        if self.future is not None and not self.future.done():
            if self.error is not None:
                self.future.set_exception(self.error)
            else:
                self.future.set_result(self.result)


class Writer:
    """The one writer of a process.

    Args:
        clock: seconds since 1970, None for the database's own; tests move theirs.
        listener: told after each commit what has changed.
        meters: what counts here.
        listening: knows the other servers of the database; None where there cannot be any.
    """

    def __init__(
        self,
        engine: Engine,
        clock: Callable[[], float] | None,
        listener: Listener,
        meters: Meters,
        listening: Listening | None,
    ) -> None:
        self._meters = meters
        self._engine = engine
        self._listening = listening
        self._dialect = engine.dialect.name
        self._clock = clock
        self._listener = listener
        self._queue: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        meters.watch_queue(self._queue.qsize)
        self.memory = Memory() if self._dialect == "sqlite" else None
        """What it knows from its last commits; None where others write, too."""
        self._connection: Any = None
        self._unchecked = 0
        self._log_is_long = False
        self._thread = threading.Thread(target=self._serve, name="studyhall-writer", daemon=True)
        self._thread.start()

    async def write(self, verb: Callable[[Transaction], T], touches: Touches = NOTHING, *, urgent: bool = False) -> T:
        """Runs a verb in the next batch; its result once that is committed.

        Args:
            urgent: it renews or ends a lease, and is the last to be turned away.

        Raises:
            StorageBusy: when too many writes are waiting already.
        """
        loop = asyncio.get_running_loop()
        work = Work(verb, touches, loop, loop.create_future())
        self._put(work, LONGEST_QUEUE if urgent else LONGEST_PATIENT_QUEUE)
        assert work.future is not None  # noqa: S101  # made one line above
        result: T = await work.future
        return result

    def write_now(self, verb: Callable[[Transaction], T], touches: Touches = NOTHING) -> T:
        """The same from a thread without an event loop."""
        done = threading.Event()
        work = Work(verb, touches, None, None, done=done)
        self._put(work)
        done.wait()
        if work.error is not None:
            raise work.error
        result: T = work.result
        return result

    @property
    def queued(self) -> int:
        """How many writes wait now."""
        return self._queue.qsize()

    def close(self) -> None:
        """Finishes what is queued, then lets go of the connection."""
        self._queue.put(None)
        self._thread.join()
        self._disconnect()

    def _put(self, work: Work, longest: int = LONGEST_QUEUE) -> None:
        if self._queue.qsize() >= longest:
            raise StorageBusy(retry_after_s=1)
        self._queue.put(work)

    def _serve(self) -> None:
        while (work := self._queue.get()) is not None:
            batch, closing = self._gather(work)
            committed = self._run(batch)
            self._answer(batch)
            if not committed.is_empty:
                self._listener(committed)
            self._unchecked += len(batch)
            if self._dialect == "sqlite" and (self._log_is_long or self._unchecked >= CHECKPOINT_EVERY):
                self._unchecked = 0
                self._checkpoint()
            if closing:
                return

    def _checkpoint(self) -> None:
        """Moves SQLite's log into its database, after everybody has been answered.

        SQLite's own checkpoint is part of a commit and hides its errors: a failed fsync must end the process.
        """
        try:
            connection = self._connect()
            if not self._log_is_long:
                pages = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1]
                self._log_is_long = pages > LONG_LOG_PAGES
            if self._log_is_long:
                connection.execute(f"PRAGMA busy_timeout={WAIT_FOR_READERS_MS}")
                self._log_is_long = bool(connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()[0])
                connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        except Exception as error:  # noqa: BLE001  # nobody waits for it, and the log keeps what it has
            if is_unsynced(error):
                _end_process(error)
            log.warning("checkpoint_failed", error=str(error))

    def _gather(self, first: Work) -> tuple[list[Work], bool]:
        batch = [first]
        while len(batch) < LONGEST_BATCH:
            try:
                work = self._queue.get_nowait()
            except queue.Empty:
                break
            if work is None:
                return batch, True
            batch.append(work)
        return batch, False

    def _answer(self, batch: list[Work]) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[Work]] = {}
        for work in batch:
            if work.done is not None:
                work.done.set()
            if work.loop is not None:
                by_loop.setdefault(work.loop, []).append(work)
        for loop, works in by_loop.items():
            # One wake-up of the loop for the whole batch. A loop that has closed has nobody left to tell.
            if not loop.is_closed():
                loop.call_soon_threadsafe(_answer_all, works)

    def _run(self, batch: list[Work]) -> Committed:
        failure = self._try(batch)
        if isinstance(failure, Committed):
            return failure
        error = translate(failure)
        if len(batch) == 1 or isinstance(failure, CommitUnanswered) or isinstance(error, StorageUnavailable):
            for work in batch:
                work.error = error
            return Committed()
        committed = Committed()
        for work in batch:  # one of them is at fault: each gets its own chance, and its own error
            committed.add(self._run([work]))
        return committed

    def _try(self, batch: list[Work]) -> Committed | Exception:
        """Runs a batch, again while that may help; what it has changed, or why it cannot be run."""
        for attempt in range(1, TRIES + 1):
            began = time.perf_counter()
            try:
                committed = self._together(batch)
            except Exception as error:  # noqa: BLE001  # the edge: every error becomes an answer
                self._meters.database_errors.labels("transient" if is_transient(error) else "write").inc()
                if is_unsynced(error):
                    _end_process(error)
                if attempt == TRIES or not is_transient(error):
                    return error
            else:
                self._meters.commit_s.observe(time.perf_counter() - began)
                self._meters.commit_writes.observe(len(batch))
                return committed
            time.sleep(random.uniform(0.0, 0.01 * 2**attempt))
        raise AssertionError("unreachable")

    def _together(self, batch: list[Work]) -> Committed:
        """Runs a batch in one transaction.

        Raises:
            CommitUnanswered: nobody knows whether it was committed.
            Exception: whatever else disturbed it; then nothing of it was committed.
        """
        connection = self._connect()
        cursor = None
        try:
            cursor = connection.cursor()
            if self._dialect == "sqlite":
                cursor.execute("BEGIN IMMEDIATE")
            session = Session(cursor, self._dialect)
            transaction = Transaction(session, [work.touches for work in batch], self._now(), self.memory)
            for work in batch:
                _perform(work, transaction)
            transaction.flush()
            committed = Committed(
                transaction.sequences, transaction.openings, transaction.moved, transaction.recalled, transaction.demand
            )
            self._tell_other_servers(session, committed)
            self._commit(connection, cursor)
            transaction.remember()
        except Exception:
            self._undo(connection, cursor)
            raise
        finally:
            if cursor is not None:
                cursor.close()
        return committed

    def _now(self) -> float | None:
        # Else the database's time, so that servers need not agree on theirs; on SQLite the one server is the database.
        if self._clock is not None:
            return self._clock()
        return time.time() if self._dialect == "sqlite" else None

    def _tell_other_servers(self, session: Session, committed: Committed) -> None:
        # In the transaction: PostgreSQL delivers it with the commit, or not at all.
        if self._listening is not None and not self._listening.is_alone and not committed.is_empty:
            session.run(NOTIFY, [{"payload": payload} for payload in committed.payloads(self._listening.server)])

    def _commit(self, connection: DBAPIConnection, cursor: Any) -> None:
        if self._dialect == "sqlite":
            cursor.execute("COMMIT")
            return
        try:
            connection.commit()
        except Exception as error:
            if is_disconnect(error):
                raise CommitUnanswered from error
            raise

    def _undo(self, connection: DBAPIConnection, cursor: Any) -> None:
        try:
            if self._dialect != "sqlite":
                connection.rollback()
            elif connection.in_transaction:
                cursor.execute("ROLLBACK")
        except Exception:  # noqa: BLE001  # a connection that cannot even roll back is thrown away
            self._disconnect()

    def _connect(self) -> Any:
        if self._connection is None:
            self._connection = self._engine.raw_connection()
        driver = self._connection.driver_connection
        if driver is None:
            self._disconnect()
            raise StorageUnavailable(retry_after_s=1)
        return driver

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()
            self._connection = None


def _perform(work: Work, transaction: Transaction) -> None:
    work.error = None
    before = transaction.writes
    try:
        work.result = work.verb(transaction)
    except StudyhallError as error:
        if transaction.writes != before:
            raise
        work.error = error
    except Overtaken:
        raise
    except Exception as error:
        # A fault of ours: this request fails, the others of its batch do not.
        if transaction.writes != before or is_transient(error):
            raise
        work.error = error


def _end_process(error: BaseException) -> NoReturn:
    # After a failed fsync the system has forgotten which pages it could not write: another one that succeeds proves
    # nothing. Nobody has been answered; a new process reads what the disk really holds. PostgreSQL does the same.
    log.critical("fsync_failed", error=str(error))
    os._exit(os.EX_IOERR)


def _answer_all(works: list[Work]) -> None:
    for work in works:
        work.answer()
