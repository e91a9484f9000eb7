"""The trial's end of the socket to its worker."""

import select
import socket
import threading
import time
from typing import Final

from studyhall.words import Word
from workers.messages import HEADER, ToTrial, frame, to_trial

_PIECE: Final = 65_536


class Channel:
    """Sends messages from any thread, and receives what the worker says when asked to look."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._received = bytearray()
        self._sending = threading.Lock()
        self.is_open = True

    def send(self, message: Word) -> None:
        """Says something; nobody hears it when the worker is gone, and the keeper will soon end this process."""
        try:
            with self._sending:
                self._connection.sendall(frame(message))
        except OSError:
            self.is_open = False

    def receive(self, timeout_s: float | None) -> ToTrial | None:
        """The next message, or None when there is none within this time; without a time it waits."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while self.is_open:
            message = self._take()
            if message is not None:
                return message
            left_s = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not select.select([self._connection], [], [], left_s)[0]:
                return None
            piece = self._connection.recv(_PIECE)
            self.is_open = bool(piece)
            self._received += piece
        return None

    def _take(self) -> ToTrial | None:
        if len(self._received) < HEADER.size:
            return None
        end = HEADER.size + HEADER.unpack_from(self._received)[0]
        if len(self._received) < end:
            return None
        body = bytes(self._received[HEADER.size : end])
        del self._received[:end]
        return to_trial.validate_json(body)
