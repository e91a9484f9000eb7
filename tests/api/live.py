"""A real server on a real socket, in a thread, and a bare socket to talk to it."""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from app.api.application import Api
from app.api.connection import guarded
from app.api.limits import Limits

PATIENCE_S = 10.0


@contextmanager
def live(api: Api, limits: Limits) -> Iterator[tuple[str, int]]:
    """Serves an API while entered; its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        api, http=guarded(limits), ws="none", log_config=None, access_log=False, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()
    finally:
        server.should_exit = True
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


class Wire:
    """A connection on which a test says exactly what it wants to say."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._socket = socket.create_connection(address, timeout=PATIENCE_S)

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def say(self, text: bytes) -> "Wire":
        self._socket.sendall(text)
        return self

    def wait_for_reset(self) -> "Wire":
        """Reads nothing until the server has broken the connection off."""
        waiting = select.poll()
        waiting.register(self._socket, 0)  # which tells errors alone, and no bytes
        assert waiting.poll(PATIENCE_S * 1000), "the connection was not broken off"
        return self

    def hear(self) -> bytes:
        """Everything until the server closes the connection; a reset counts as its end."""
        heard = bytearray()
        try:
            while part := self._socket.recv(65536):
                heard += part
        except ConnectionResetError:
            pass
        return bytes(heard)

    def hear_head(self) -> bytes:
        """An answer's head, and what of its body came with it."""
        heard = bytearray()
        while b"\r\n\r\n" not in heard:
            part = self._socket.recv(65536)
            assert part, f"the connection ended after {bytes(heard)!r}"
            heard += part
        return bytes(heard)
