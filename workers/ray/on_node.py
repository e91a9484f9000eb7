"""What runs on a node: a look around, and one attempt after the other, each in a Ray task of its own.

Nothing here knows Ray. A task is two threads: an event loop, in which a slot runs its one trial, and the main thread,
which waits for it and hears Ray's request to give the trial back as a KeyboardInterrupt.
"""

import asyncio
import dataclasses
import os
import platform
import socket
import threading
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Final

import httpx2

from studyhall import tracing
from studyhall.wire.claims import Capabilities
from studyhall.wire.fleet import TrainableInfo
from workers.child.nursery import Orders
from workers.children import Children, NurseryFailed
from workers.claiming import Held
from workers.configuration import Configuration
from workers.keeping import Places
from workers.machine import Share, find_gpus
from workers.server import Server
from workers.slot import Crew, Slot
from workers.slots import orders_of, versions_of
from workers.spool import Ending
from workers.store import open_store

REACH_S: Final = 10.0
LISTEN_EVERY_S: Final = 0.1


@dataclass(frozen=True)
class Facts:
    """What can be run on a node.

    Args:
        trouble: why nothing can.
        gpu_memory_mb: on each of its GPUs, in MiB; 0: nobody tells.
    """

    trouble: str | None = None
    host: str = ""
    trainables: tuple[TrainableInfo, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    gpu_memory_mb: int = 0


@dataclass(frozen=True)
class Begun:
    """The attempt has its process, and renews its lease by itself."""


@dataclass(frozen=True)
class Left:
    """The attempt has ended; the endings that the server could not be told."""

    endings: tuple[str, ...]


def look_around(configuration: Configuration) -> Facts:
    """Imports what trials need on this node, and sees whether the server can be reached from here."""
    address = httpx2.URL(configuration.url)
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        socket.create_connection((address.host, port), REACH_S).close()
    except OSError as error:
        return Facts(f"it cannot reach the server at {configuration.url} ({error}): give a --url that nodes can reach")
    try:
        ready = asyncio.run(_children(configuration).start())
    except NurseryFailed as error:
        return Facts(f"{error}, in Ray's log of this task's process")
    return Facts(
        host=platform.node(),
        trainables=ready.trainables,
        versions=versions_of(ready),
        gpu_memory_mb=min((gpu.memory_mb for gpu in find_gpus()), default=0),
    )


def run_attempt(
    configuration: Configuration, held: Held, facts: Facts, *, gpus: tuple[str, ...], gpu: float
) -> Iterator[Begun | Left]:
    """Runs one claimed trial to its end, and tells the server.

    Args:
        gpus: what Ray gave this task, by the names CUDA knows.
        gpu: how many that are; below 1 the trial shares a GPU with others.
    """
    attempt = _Attempt(configuration, held, facts, Share(gpus, gpu, facts.gpu_memory_mb))
    yield Begun()
    yield Left(tuple(ending.to_json() for ending in attempt.run()))


class _Attempt:
    def __init__(self, configuration: Configuration, held: Held, facts: Facts, share: Share) -> None:
        self._configuration, self._held, self._facts, self._share = configuration, held, facts, share
        self._undelivered: list[Ending] = []
        self._lock = threading.Lock()
        self._slot: Slot | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_ending = False
        self._error: BaseException | None = None

    def put(self, ending: Ending) -> None:
        """Keeps an ending that the server could not be told; the dispatcher has a disk for it."""
        self._undelivered.append(ending)

    def run(self) -> list[Ending]:
        """Waits in the main thread, where interrupts arrive."""
        working = threading.Thread(target=self._work, daemon=True)
        working.start()
        while working.is_alive():
            try:
                working.join(LISTEN_EVERY_S)
            except KeyboardInterrupt:
                self._give_back()
        if self._error is not None:
            raise self._error
        return self._undelivered

    def _give_back(self) -> None:
        with self._lock:
            self._is_ending = True
            if self._slot is not None and self._loop is not None:
                self._loop.call_soon_threadsafe(self._slot.end)

    def _work(self) -> None:
        try:
            asyncio.run(self._run_in_slot())
        except BaseException as error:  # noqa: BLE001 - the edge of a thread: the main thread raises it
            traceback.print_exc()
            self._error = error

    async def _run_in_slot(self) -> None:
        configuration = self._configuration
        async with Server(configuration.url, configuration.key) as server:
            places = Places(configuration.directory, open_store(configuration.artifacts))
            offered = Capabilities(trainables=tuple(info.name for info in self._facts.trainables))
            slot = Slot(Crew(configuration, server, _children(configuration), self, places, offered), self._share)
            with self._lock:
                self._slot, self._loop = slot, asyncio.get_running_loop()
                if self._is_ending:
                    slot.end()
            await slot.run_only(self._held)
            with self._lock:
                self._slot = None


def _children(configuration: Configuration) -> Children:
    environment = configuration.environment(os.environ)
    return _nursery(orders_of(dataclasses.replace(configuration, groups=None)), tuple(sorted(environment.items())))


@cache
def _nursery(orders: Orders, environment: tuple[tuple[str, str], ...]) -> Children:
    """One for each of Ray's processes, which runs one task after the other: torch is imported once."""
    if tracing.is_wanted():
        tracing.start("studyhall-worker")
    return Children(orders, dict(environment))
