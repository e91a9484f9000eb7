"""One database: its writer, its readers, and how to let go of both."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Connection

from app.meters import Meters
from app.storage.committed import Listener, Listening
from app.storage.connect import make_engine
from app.storage.faults import translate
from app.storage.prefetch import NOTHING, Touches
from app.storage.transaction import Transaction
from app.storage.writer import Writer
from studyhall.errors import Unavailable

T = TypeVar("T")

READERS = {"sqlite": 2, "postgresql": 4}
"""Threads that read. On SQLite reading is mostly our own CPU, and whoever computes holds the interpreter for
milliseconds: with four, twenty open dashboards tripled the time that workers wait at the 99th percentile."""


class Database:
    """All access to one database.

    Args:
        listener: told after each commit of this process what has changed.
        clock: seconds since 1970, None for the database's own.
        meters: what counts here; None: nobody looks.
    """

    def __init__(
        self,
        url: str,
        listener: Listener,
        *,
        clock: Callable[[], float] | None = None,
        meters: Meters | None = None,
    ) -> None:
        self._meters = meters or Meters()
        self._writing = make_engine(url, writes=True, connections=1)
        self.dialect = self._writing.dialect.name
        readers = READERS[self.dialect]
        self._readers = make_engine(url, connections=readers)
        self._threads = ThreadPoolExecutor(readers, thread_name_prefix="studyhall-reader")
        self._listening = Listening(self._readers, listener) if self.dialect == "postgresql" else None
        self.writer = Writer(self._writing, clock, listener, self._meters, self._listening)

    async def write(self, verb: Callable[[Transaction], T], touches: Touches = NOTHING, *, urgent: bool = False) -> T:
        """Runs a verb in the next transaction of the writer; its result once that is committed."""
        return await self.writer.write(verb, touches, urgent=urgent)

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Runs a query on a connection that cannot write, on a thread of its own."""
        began = time.perf_counter()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self.read_now, query)
        finally:
            self._meters.read_s.observe(time.perf_counter() - began)

    def read_now(self, query: Callable[[Connection], T]) -> T:
        """The same, here and now.

        Raises:
            Unavailable: the database cannot answer.
        """
        try:
            with self._readers.connect() as connection:
                return query(connection)
        except Exception as error:
            ours = translate(error)
            if isinstance(ours, Unavailable):
                self._meters.database_errors.labels("read").inc()
            raise ours from error

    def close(self) -> None:
        """Finishes what is queued, then closes every connection."""
        self.writer.close()
        if self._listening is not None:
            self._listening.close()
        self._threads.shutdown(wait=True)
        self._readers.dispose()
        self._writing.dispose()
