"""One keep-alive HTTP/1.1 connection, as bare as possible: what breaks must be the server, not a client's pool."""

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body) if self.body else None


class Connection:
    """Opened when needed, closed by the first fault. One request at a time."""

    def __init__(self, host: str, port: int, key: str) -> None:
        self.host, self.port, self.key = host, port, key
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(
        self, method: str, path: str, body: Any = None, *, timeout_s: float = 5.0, headers: dict[str, str] | None = None
    ) -> Answer:
        """Sends a request and reads its answer.

        Raises:
            OSError: the connection could not be made, or broke.
            TimeoutError: no answer in time; the connection is closed.
        """
        try:
            async with asyncio.timeout(timeout_s):
                return await self._ask(method, path, body, headers or {})
        except asyncio.IncompleteReadError as error:
            self.close()
            raise ConnectionError("the connection ended before the answer") from error
        except BaseException:
            self.close()
            raise

    async def _ask(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Answer:
        if self._writer is None or self._reader is None or self._reader.at_eof():
            self.close()
            self._reader, self._writer = await asyncio.open_connection(self.host, self.port)
        data = b"" if body is None else json.dumps(body).encode()
        head = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {self.key}"]
        head += [f"{name}: {value}" for name, value in headers.items()]
        head += ["Content-Type: application/json", f"Content-Length: {len(data)}", "", ""]
        self._writer.write("\r\n".join(head).encode() + data)
        await self._writer.drain()
        return await self._read(self._reader)

    async def _read(self, reader: asyncio.StreamReader) -> Answer:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        found = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        body = await reader.readexactly(int(found.get("content-length", "0")))
        if found.get("connection", "").lower() == "close":
            self.close()
        return Answer(int(first.split()[1]), found, body)

    def close(self) -> None:
        """Lets go of the socket; the next request opens another."""
        if self._writer is not None:
            with suppress(Exception):
                self._writer.close()
        self._reader = self._writer = None
