"""A worker's side of the processes below it: one nursery, and a child from it for each attempt."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Final

from pydantic import ValidationError

from studyhall.words import Word
from workers.child.keeper import KILL, MEMORY, TERMINATE
from workers.child.nursery import Orders, Ready
from workers.frames import Frames, Garbled
from workers.messages import HEADER, Ended, FromTrial, from_keeper, from_trial

ONE_THREAD: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""For the nursery, which must not have threads when it forks; a trial sets its own number."""


class NurseryFailed(Exception):
    """No process for a trial can be made; what the nursery printed to stderr says why."""


class Child:
    """A trial's process, from its birth in the nursery to the end of everything it started.

    Args:
        channel: to the trial.
        leash: to its keeper.
        log: what it prints.
    """

    def __init__(
        self, channel: Frames, leash: Frames, log: asyncio.StreamReader, log_transport: asyncio.ReadTransport
    ) -> None:
        self._channel, self._leash = channel, leash
        self.log, self._log_transport = log, log_transport
        self._watch = asyncio.create_task(self._watch_keeper())

    @property
    def is_alive(self) -> bool:
        """Whether it can still be given a trial."""
        return not self._watch.done()

    def tell(self, message: Word) -> None:
        """Says something to the trial."""
        self._channel.send(message)

    async def messages(self) -> AsyncIterator[FromTrial]:
        """What the trial says, until all its processes are gone.

        Raises:
            Garbled: it said something else.
        """
        while (body := await self._channel.next()) is not None:
            try:
                yield from_trial.validate_json(body)
            except ValidationError as error:
                raise Garbled(str(error)) from error

    async def ended(self) -> Ended:
        """How it ended; waits for that."""
        return await asyncio.shield(self._watch)

    def limit_memory(self, memory_mb: int) -> None:
        """Sets how much the trial's processes may use together, in MiB; who uses more is ended."""
        self._leash.send(MEMORY % memory_mb)

    def terminate(self) -> None:
        """Asks the trial's processes to end."""
        self._leash.send(TERMINATE)

    def kill(self) -> None:
        """Ends the trial's processes, all of them."""
        self._leash.send(KILL)

    def let_go(self) -> None:
        """Closes this side of everything; the keeper ends what is left."""
        self._channel.close()
        self._leash.close()
        self._log_transport.close()
        self._watch.cancel()

    async def _watch_keeper(self) -> Ended:
        with contextlib.suppress(Garbled):
            while (body := await self._leash.next()) is not None:
                message = from_keeper.validate_json(body)
                if isinstance(message, Ended):
                    return message
        return Ended(signal=signal.SIGKILL)  # the keeper itself was killed, and its trial with it


class Children:
    """Starts the nursery, asks it for children, and starts it again should it ever die."""

    def __init__(self, orders: Orders, environment: Mapping[str, str]) -> None:
        self._orders, self._environment = orders, dict(environment)
        self._nursery: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._starting = asyncio.Lock()

    async def start(self) -> Ready:
        """Starts the nursery and waits until it has imported everything.

        Raises:
            NurseryFailed: it could not.
        """
        self._nursery, self._control = self._spawn()
        body = await _receive_frame(self._control)
        if body is None:
            code = await asyncio.to_thread(self._nursery.wait)
            raise NurseryFailed(f"the process that starts trials ended with code {code}; what it printed says why")
        return Ready.model_validate_json(body)

    def _spawn(self) -> tuple[subprocess.Popen[bytes], socket.socket]:
        mine, theirs = socket.socketpair()
        mine.setblocking(False)
        with theirs:
            orders = [str(theirs.fileno()), self._orders.to_json()]
            nursery = subprocess.Popen(
                [sys.executable, "-P", "-m", "workers.child.nursery", *orders],
                env=self._environment | ONE_THREAD,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        return nursery, mine

    async def new_child(self) -> Child:
        """A process that waits for its trial.

        Raises:
            NurseryFailed: there is none to be had.
        """
        async with self._starting:
            for _ in range(2):
                if self._nursery is None or self._nursery.poll() is not None:
                    self.close()
                    await self.start()
                with contextlib.suppress(OSError):
                    return await self._fork()
                self.close()  # it has died just now
        raise NurseryFailed("the process that starts trials dies before it can")

    async def _fork(self) -> Child:
        channel, their_channel = socket.socketpair()
        leash, their_leash = socket.socketpair()
        log_fd, their_log = os.pipe()
        log = os.fdopen(log_fd, "rb", buffering=0)
        theirs = [their_channel.detach(), their_leash.detach(), their_log]
        try:
            if self._control is not None:
                socket.send_fds(self._control, [b"f"], theirs)
        except OSError:
            for mine in (channel, leash, log):
                mine.close()
            raise
        finally:
            for file in theirs:
                os.close(file)
        reader = asyncio.StreamReader()
        log_transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), log
        )
        return Child(Frames(channel), Frames(leash), reader, log_transport)

    def close(self) -> None:
        """Ends the nursery; children live on until they are let go."""
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._nursery is not None:
            try:
                self._nursery.wait(2.0)
            except subprocess.TimeoutExpired:
                self._nursery.kill()
                self._nursery.wait()
            self._nursery = None


async def _receive_frame(connection: socket.socket) -> bytes | None:
    loop = asyncio.get_running_loop()
    received = b""
    while len(received) < HEADER.size or len(received) < HEADER.size + HEADER.unpack_from(received)[0]:
        piece = await loop.sock_recv(connection, 65_536)
        if not piece:
            return None
        received += piece
    return received[HEADER.size :]
