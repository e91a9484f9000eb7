"""The analyst process: started when somebody asks, watched, replaced when it hangs, and let go when nobody asks.

One process for all studies: analyses are asked for by people, seconds may pass, and they must never keep an engine from
suggesting. What goes over the pipe is JSON text in both directions, which the server never parses.
"""

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE, Process
from typing import Final

import structlog

from app.services.engine_messages import LENGTH_BYTES, LONGEST_FRAME
from app.services.engine_pool import environment_of_child, listen_to

log = structlog.get_logger(__name__)

LIMIT_S: Final = 30.0
IDLE_S: Final = 120.0
"""It holds some 150 MB; after this time without a question they are given back."""


class AnalysisLate(Exception):
    """The analyst did not answer in time."""


class AnalysisFailed(Exception):
    """The analyst could not answer; its message says why."""


class AnalysisPool:
    """The analyst behind one question at a time.

    Args:
        limit_s: how long one question may take, waiting for its turn included.
        memory_mb: address space of the process; 0: no limit.
        command: what starts it; tests bring their own.
    """

    def __init__(
        self,
        *,
        limit_s: float = LIMIT_S,
        memory_mb: int = 0,
        command: tuple[str, ...] = (sys.executable, "-m", "app.analyst"),
    ) -> None:
        self._program = (*command, "--parent", str(os.getpid()), "--memory-mb", str(memory_mb))
        self._limit_s = limit_s
        self._turn = asyncio.Lock()
        self._process: Process | None = None
        self._listener: asyncio.Task[None] | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._letting_go: asyncio.Task[None] | None = None

    async def analyse(self, question: bytes) -> bytes:
        """The answer to a question, both JSON.

        Raises:
            AnalysisLate: none within `limit_s`.
            AnalysisFailed: the analyst raised, or crashed.
        """
        try:
            async with asyncio.timeout(self._limit_s), self._turn:
                process = await self._living()
                try:
                    return await _talk(process, question)
                except (
                    TimeoutError,
                    asyncio.CancelledError,
                    asyncio.IncompleteReadError,
                    ConnectionError,
                    RuntimeError,
                ):
                    await self._end()  # what it says next would answer another question
                    raise
                finally:
                    self._let_go_later()
        except TimeoutError:
            raise AnalysisLate(f"no answer within {self._limit_s:g} s") from None
        except (asyncio.IncompleteReadError, ConnectionError, RuntimeError):  # uvloop's word for a closed pipe
            raise AnalysisFailed("the analyst ended; was it short of memory?") from None

    async def prepare(self) -> None:
        """Starts the process for a question that is being put together: it loads its libraries meanwhile."""
        if not self._turn.locked():
            async with self._turn:
                await self._living()
            self._let_go_later()

    async def stop(self) -> None:
        """Ends the process, whatever it is doing."""
        if self._idle is not None:
            self._idle.cancel()
        if self._letting_go is not None:
            await self._letting_go
        await self._end()

    def _let_go_later(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(IDLE_S, self._let_go)

    def _let_go(self) -> None:
        if not self._turn.locked():
            self._letting_go = asyncio.create_task(self._end(), name="let the analyst go")

    async def _living(self) -> Process:
        if self._process is not None and self._process.returncode is None:
            return self._process
        await self._end()
        self._process = await asyncio.create_subprocess_exec(
            *self._program, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment_of_child(os.environ)
        )
        self._listener = asyncio.create_task(listen_to(self._process), name="analyst stderr")
        return self._process

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        if process.stdin is not None:
            process.stdin.close()
        if self._listener is not None:
            await self._listener


async def _talk(process: Process, question: bytes) -> bytes:
    assert process.stdin is not None  # noqa: S101  # it was started with both pipes
    assert process.stdout is not None  # noqa: S101
    process.stdin.write(len(question).to_bytes(LENGTH_BYTES, "big") + question)
    await process.stdin.drain()
    length = int.from_bytes(await process.stdout.readexactly(LENGTH_BYTES), "big")
    if length > LONGEST_FRAME:
        raise ConnectionError("too long")
    told = await process.stdout.readexactly(length)
    if told[:1] != b"\0":
        raise AnalysisFailed(told[1:].decode(errors="replace"))
    return told[1:]
