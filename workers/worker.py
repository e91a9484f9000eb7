"""A worker: a nursery, some slots, a spool, and a name that the server knows."""

import asyncio
import contextlib
import platform
from collections.abc import Callable
from importlib import metadata
from typing import Final

import httpx2

from studyhall.errors import StudyhallError
from studyhall.wire import RegisterWorker
from workers.child.nursery import Orders
from workers.children import Children
from workers.configuration import Configuration
from workers.keeping import Places
from workers.server import Server, insist
from workers.slot import Crew, Slot
from workers.spool import Spool
from workers.store import open_store

REGISTER_EVERY_S: Final = 60.0


class Worker:
    """Runs trials in all its slots until it is told to end.

    Args:
        transport: any httpx2 transport; tests pass an in-process one.
        on_ready: called once, when the server knows this worker.
    """

    def __init__(
        self,
        configuration: Configuration,
        *,
        transport: httpx2.AsyncBaseTransport | None = None,
        on_ready: Callable[[], None] = lambda: None,
    ) -> None:
        self._configuration, self._transport, self._on_ready = configuration, transport, on_ready
        self._slots: list[Slot] = []
        self._asked_to_end = 0
        self._ending = asyncio.Event()

    async def run(self) -> None:
        """Starts everything and stays until every slot has ended.

        Raises:
            StudyhallError: the server does not want this worker.
            NurseryFailed: no trial can be started on this machine.
        """
        configuration = self._configuration
        orders = Orders(
            trainables=configuration.trainables, preload=configuration.preload, import_from=configuration.import_from
        )
        children = Children(orders, configuration.environment())
        try:
            async with Server(configuration.url, configuration.key, transport=self._transport) as server:
                await self._serve(server, children)
        finally:
            children.close()

    def end(self) -> None:
        """Gives the running trials back and ends; the second time it does not wait for them."""
        self._asked_to_end += 1
        self._ending.set()
        for slot in self._slots:
            slot.end() if self._asked_to_end == 1 else slot.kill()

    async def _serve(self, server: Server, children: Children) -> None:
        ready = await children.start()
        trainables = tuple(info.name for info in ready.trainables)
        introduction = RegisterWorker(
            name=self._configuration.name,
            version=metadata.version("studyhall"),
            capabilities=self._configuration.capabilities(trainables),
            trainables=ready.trainables,
            host=platform.node()[:255],
        )
        if not await self._introduce(server, introduction):
            return
        places = Places(self._configuration.directory, open_store(self._configuration.artifacts))
        spool = Spool(places.spool, server)
        crew = Crew(self._configuration, server, children, spool, places, trainables)
        self._slots = [Slot(crew) for _ in range(self._configuration.slots)]
        beside = [asyncio.create_task(spool.empty()), asyncio.create_task(_stay_known(server, introduction))]
        self._on_ready()
        try:
            await self._run_slots()
        finally:
            for task in beside:
                task.cancel()

    async def _introduce(self, server: Server, introduction: RegisterWorker) -> bool:
        """Insists until the server knows this worker; False when the worker is to end before."""
        known = asyncio.create_task(insist(lambda: server.register(introduction)))
        ending = asyncio.create_task(self._ending.wait())
        await asyncio.wait([known, ending], return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        if not known.done():
            known.cancel()
            return False
        known.result()
        return not self._ending.is_set()

    async def _run_slots(self) -> None:
        running = [asyncio.create_task(slot.run()) for slot in self._slots]
        await asyncio.wait(running, return_when=asyncio.FIRST_EXCEPTION)
        if any(task.done() and task.exception() for task in running):
            self.end()
        await asyncio.wait(running)
        for task in running:
            task.result()


async def _stay_known(server: Server, introduction: RegisterWorker) -> None:
    while True:
        await asyncio.sleep(REGISTER_EVERY_S)
        with contextlib.suppress(StudyhallError):
            await server.register(introduction)
