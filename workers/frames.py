"""The worker's end of a socket on which messages come with their length in front.

Why not asyncio's streams or transports: when a process has gone without reading all we told it, they close the socket
at our next word and drop what it had said before, its result among it.
"""

import asyncio
import socket
from typing import Final

from studyhall.words import Word
from workers.messages import HEADER, MAX_MESSAGE_BYTES, frame

MOST_WAITING: Final = 1000
"""More unread messages than this, and the sender has to wait."""
_PIECE: Final = 65_536


class Garbled(Exception):
    """What came is no message."""


class Frames:
    """Sends messages and queues those that come, until the other side is gone and all it said is read.

    Args:
        connection: a connected socket, which this takes over.
    """

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._incoming, self._outgoing = bytearray(), bytearray()
        self._waiting: asyncio.Queue[bytes | Garbled | None] = asyncio.Queue()
        self._is_open, self._is_reading = True, False
        self._read_on()

    def send(self, message: Word | bytes) -> None:
        """Says something; nobody hears it if the other side is gone."""
        if self._is_open:
            self._outgoing += message if isinstance(message, bytes) else frame(message)
            self._write()

    async def next(self) -> bytes | None:
        """The body of the next message; None when there will be no other.

        Raises:
            Garbled: the other side does not speak in messages.
        """
        body = await self._waiting.get()
        if body is None:
            self._waiting.put_nowait(None)
        elif self._waiting.empty():
            self._read_on()
        if isinstance(body, Garbled):
            raise body
        return body

    def close(self) -> None:
        """Ends the conversation; what has come before can still be read."""
        if self._is_open:
            self._is_open = False
            self._loop.remove_reader(self._connection)
            self._loop.remove_writer(self._connection)
            self._connection.close()
            self._waiting.put_nowait(None)

    def _read_on(self) -> None:
        if self._is_open and not self._is_reading:
            self._is_reading = True
            self._loop.add_reader(self._connection, self._read)

    def _read(self) -> None:
        try:
            piece = self._connection.recv(_PIECE)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        self._incoming += piece
        if not piece or not self._take_messages():
            self.close()
        elif self._waiting.qsize() > MOST_WAITING:
            self._is_reading = False
            self._loop.remove_reader(self._connection)

    def _take_messages(self) -> bool:
        """Queues every whole message; False when what came is none."""
        while len(self._incoming) >= HEADER.size:
            size = HEADER.unpack_from(self._incoming)[0]
            if size > MAX_MESSAGE_BYTES:
                self._waiting.put_nowait(Garbled(f"a message of {size} bytes"))
                return False
            if len(self._incoming) < HEADER.size + size:
                break
            self._waiting.put_nowait(bytes(self._incoming[HEADER.size : HEADER.size + size]))
            del self._incoming[: HEADER.size + size]
        return True

    def _write(self) -> None:
        try:
            del self._outgoing[: self._connection.send(self._outgoing)]
        except BlockingIOError:
            pass
        except OSError:
            self._outgoing.clear()  # it is gone; what it said before is still to be read
        if self._outgoing:
            self._loop.add_writer(self._connection, self._write)
        else:
            self._loop.remove_writer(self._connection)
