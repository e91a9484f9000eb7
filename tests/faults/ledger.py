"""The ledger: a process of its own that writes each line to disk before it says so. No fault touches it."""

import asyncio
import json
import os
import sys
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any


async def keep(socket: str, path: str) -> None:
    """Writes down what connections say, with one fsync for all that has gathered, and answers each line with one."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    waiting: list[tuple[bytes, asyncio.StreamWriter]] = []
    something = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):  # a worker was killed
            while line := await reader.readline():
                waiting.append((line, writer))
                something.set()

    async def write() -> None:
        while True:
            await something.wait()
            something.clear()
            lines, waiting[:] = waiting[:], []
            os.write(file, b"".join(line for line, _ in lines))
            os.fdatasync(file)
            for _, writer in lines:
                writer.write(b"\n")

    server = await asyncio.start_unix_server(listen, socket)
    print("ready", flush=True)  # noqa: T201  # whoever started this process waits for it
    async with server:
        await write()


class Ledger:
    """A writer's end of the ledger."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def open(self, socket: str) -> None:
        """Connects; must run on the loop that writes."""
        self._reader, self._writer = await asyncio.open_unix_connection(socket)
        self._task = asyncio.create_task(self._acknowledge())

    async def write(self, **line: Any) -> None:
        """Returns once the line is on disk."""
        written = asyncio.get_running_loop().create_future()
        self._waiting.append(written)
        self._writer.write(json.dumps(line).encode() + b"\n")
        await written

    async def _acknowledge(self) -> None:
        while await self._reader.readline():
            written = self._waiting.popleft()
            if not written.done():
                written.set_result(None)


def read(path: Path) -> list[dict[str, Any]]:
    """All lines; a last one that was cut off by the end of its writer was never acknowledged."""
    lines = path.read_text().split("\n")
    return [json.loads(line) for line in lines[:-1]]


if __name__ == "__main__":
    asyncio.run(keep(*sys.argv[1:]))
