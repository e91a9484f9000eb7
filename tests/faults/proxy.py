"""A TCP proxy between workers and a server that does to requests what networks do."""

import asyncio
import random
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Proxy:
    """Forwards requests, each with a fault now and then.

    Faults: `drop_reply` forwards the request and cuts the connection instead of answering, `reset` cuts within
    the reply, `hole` answers nothing for a while, `delay` answers late, `twice` sends the request a second time over
    another connection, 10 ms later or at once. `cut` refuses every connection, as a partition does.
    """

    target: int
    faults: tuple[str, ...] = ()
    share: float = 0.2
    seed: int = 1
    is_cut: bool = False
    done: dict[str, int] = field(default_factory=dict)

    async def start(self) -> int:
        """Listens at a free port, which it gives."""
        self._rng = random.Random(self.seed)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._keep(asyncio.current_task())
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):  # cancelled when the proxy stops
            while True:
                request = await read_message(reader)
                if self.is_cut:
                    break
                upstream = upstream or await asyncio.open_connection("127.0.0.1", self.target)
                if not await self._forward(request, upstream, writer):
                    break
        for stream in (writer, upstream[1] if upstream else None):
            if stream is not None:
                with suppress(Exception):
                    stream.close()

    async def _forward(
        self,
        request: bytes,
        upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        writer: asyncio.StreamWriter,
    ) -> bool:
        fault = self._rng.choice(self.faults) if self.faults and self._rng.random() < self.share else None
        if fault:
            self.done[fault] = self.done.get(fault, 0) + 1
        if fault == "twice":
            self._later(self._once_more(request, self._rng.choice([0.0, 0.01])))
        upstream[1].write(request)
        reply = await read_message(upstream[0])
        match fault:
            case "drop_reply":
                return False
            case "reset":
                writer.write(reply[: len(reply) // 2])
                await writer.drain()
                return False
            case "hole":
                await asyncio.sleep(4.0)
                return False
            case "delay":
                await asyncio.sleep(self._rng.uniform(0.5, 2.0))
        writer.write(reply)
        await writer.drain()
        return True

    async def _once_more(self, request: bytes, after_s: float) -> None:
        await asyncio.sleep(after_s)
        with suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.target)
            writer.write(request)
            await read_message(reader)
            writer.close()

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        self._keep(asyncio.get_running_loop().create_task(work))

    def _keep(self, task: "asyncio.Task[Any] | None") -> None:
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


async def read_message(reader: asyncio.StreamReader) -> bytes:
    """One HTTP message with a Content-Length or without a body."""
    head = await reader.readuntil(b"\r\n\r\n")
    lower = head.lower()
    at = lower.find(b"content-length:")
    length = int(lower[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
    return head + await reader.readexactly(length)
