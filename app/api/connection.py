"""Limits of connections: slow, endless or unreadable request heads, too many at once, and answers that nobody takes.

Why here: uvicorn waits for ever for a head that comes a byte a minute, gathers one of any size, answers what it cannot
parse in plain text, and keeps an answer for whoever asked and does not read. A head that is whole has passed; what the
request is about is the business of `front_door.py`.
"""

import asyncio
import socket
import struct
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from app.api.limits import BODY_HAS_ARRIVED, Limits
from app.api.problems import render
from studyhall.errors import BadRequest, HeadersTooLarge, RequestTimeout, StudyhallError, Unavailable, UriTooLong

_SLACK_BYTES = 64 << 10
"""A head may be this much larger than the limit before it is cut off; smaller ones get a better answer upstairs."""
_RESET = struct.pack("ii", 1, 0)
"""For SO_LINGER: on closing, forget what was not sent, and say so."""


class _InOnePiece:
    """A transport that sends what is written in one turn of the loop at once: an answer's head with its body.

    uvicorn writes them apart, which costs a second system call here and wakes the client twice.
    """

    __slots__ = ("_loop", "_parts", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._parts:
            self._loop.call_soon(self._send)
        self._parts.append(data)

    def close(self) -> None:
        self._send()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _send(self) -> None:
        parts, self._parts = self._parts, []
        if parts and not self._transport.is_closing():  # a client may leave between what is written and its turn
            self._transport.write(b"".join(parts))


class GuardedConnection(HttpToolsProtocol):
    """uvicorn's protocol with a deadline and a size for the request head, and a deadline for whoever reads."""

    limits: ClassVar[Limits]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_deadline: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._head_has_begun = False
        self._reader_deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(_InOnePiece(transport, self.loop))  # type: ignore[arg-type]  # as much of one as is used
        if len(self.connections) > self.limits.connections:
            self._turn_away(Unavailable("Too many connections are open; try again shortly.", retry_after_s=1))
            return
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_whole()
        self._is_read()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._await_reader()

    def resume_writing(self) -> None:
        self._is_read()
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        self._abort() if self.transport.get_write_buffer_size() else super().timeout_keep_alive_handler()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        cycle: RequestResponseCycle | None = self.cycle
        if self._head_has_begun or cycle is None or cycle.response_complete:  # else the head is whole
            self._wait_on(len(data))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_has_begun = True

    def on_headers_complete(self) -> None:
        self._head_is_whole()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self.scope[BODY_HAS_ARRIVED] = True  # type: ignore[literal-required]  # ours, beside what ASGI defines
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answers what is not HTTP."""
        self._turn_away(BadRequest("This is not an HTTP/1.1 request."))

    def _wait_on(self, received: int) -> None:
        self._head_bytes += received
        if self._head_bytes > self.limits.headers_bytes + self.limits.url_bytes + _SLACK_BYTES:
            long_url = len(getattr(self, "url", b"")) > self.limits.url_bytes
            self._turn_away(UriTooLong() if long_url else HeadersTooLarge())
        elif self._head_deadline is None and not self.transport.is_closing():
            self._await_head()

    def _await_head(self) -> None:
        self._head_deadline = self.loop.call_later(self.limits.head_s, self._give_up)

    def _head_is_whole(self) -> None:
        self._head_has_begun, self._head_bytes = False, 0
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None

    def _give_up(self) -> None:
        self._head_deadline = None
        if self._head_bytes:
            self._turn_away(RequestTimeout(f"The request's head did not arrive within {self.limits.head_s:g} s."))
        elif not self.transport.is_closing():
            self.transport.close()  # silently: a browser opens spare connections and never uses them

    def _await_reader(self) -> None:
        unread = self.transport.get_write_buffer_size()
        self._reader_deadline = self.loop.call_later(self.limits.read_s, self._look_at_reader, unread)

    def _look_at_reader(self, unread: int) -> None:
        if self.transport.get_write_buffer_size() < unread:
            self._await_reader()  # slow is allowed; on a bad line every byte takes its time
        else:
            self._abort()

    def _is_read(self) -> None:
        if self._reader_deadline is not None:
            self._reader_deadline.cancel()
            self._reader_deadline = None

    def _abort(self) -> None:
        # Closing would wait until the client has read what it does not read, and the system would keep it after that.
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()

    def _turn_away(self, error: StudyhallError) -> None:
        self._head_is_whole()
        if self.transport.is_closing():
            return
        status, headers, body = render(error)
        lines = [b"%s: %s\r\n" % header for header in headers if header[0] != b"connection"]
        self.transport.write(b"".join([STATUS_LINE[status], *lines, b"connection: close\r\n\r\n", body]))
        self.transport.close()


def guarded(limits: Limits) -> type[GuardedConnection]:
    """The protocol class for these limits: uvicorn makes the instances itself."""
    return type("GuardedConnection", (GuardedConnection,), {"limits": limits})
