"""A worker: an executor that runs trials, a spool, and a name that the server knows."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from importlib import metadata
from typing import Final

import httpx2

from studyhall.errors import StudyhallError
from studyhall.wire.fleet import RegisterWorker
from workers.configuration import Configuration
from workers.executor import Executor, Offer
from workers.server import Server, insist
from workers.slots import Slots
from workers.spool import Spool

REGISTER_EVERY_S: Final = 30.0


class Worker:
    """Runs trials until it is told to end.

    Args:
        executor: what runs them; by default slots on this machine.
        transport: any httpx2 transport; tests pass an in-process one.
        on_ready: called once, when the server knows this worker, with how many trials it runs at once.
    """

    def __init__(
        self,
        configuration: Configuration,
        *,
        executor: Executor | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
        on_ready: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._configuration, self._transport, self._on_ready = configuration, transport, on_ready
        self._executor: Executor = executor or Slots(configuration)
        self._asked_to_end = 0
        self._ending = asyncio.Event()

    async def run(self) -> None:
        """Starts everything and stays until all trials have ended.

        Raises:
            StudyhallError: the server does not want this worker, or the configuration does not fit the machine.
            NurseryFailed: no trial can be started on this machine.
        """
        configuration = self._configuration
        try:
            async with Server(configuration.url, configuration.key, transport=self._transport) as server:
                await self._serve(server)
        finally:
            self._executor.close()

    def end(self) -> None:
        """Gives the running trials back and ends; the second time it does not wait for them."""
        self._asked_to_end += 1
        self._ending.set()
        self._executor.end() if self._asked_to_end == 1 else self._executor.kill()

    async def _serve(self, server: Server) -> None:
        if not await self._unless_ended(self._executor.start()):
            return
        offers = await self._executor.offers()
        if not await self._unless_ended(_insist_on_being_known(server, offers)):
            return
        spool = Spool(self._configuration.directory / "spool", server)
        beside = [asyncio.create_task(spool.empty()), asyncio.create_task(self._stay_known(server))]
        self._on_ready(sum(offer.slots for offer in offers))
        try:
            await self._executor.run(server, spool)
        finally:
            for task in beside:
                task.cancel()

    async def _unless_ended(self, work: Coroutine[None, None, None]) -> bool:
        """Sees something through that may take long; False when the worker is to end before."""
        working = asyncio.create_task(work)
        ending = asyncio.create_task(self._ending.wait())
        await asyncio.wait([working, ending], return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        if not working.done():
            working.cancel()
            return False
        working.result()
        return not self._ending.is_set()

    async def _stay_known(self, server: Server) -> None:
        while True:
            await asyncio.sleep(REGISTER_EVERY_S)
            with contextlib.suppress(StudyhallError):
                for offer in await self._executor.offers():
                    await server.register(_introduction(offer))


async def _insist_on_being_known(server: Server, offers: Iterable[Offer]) -> None:
    for offer in offers:
        await insist(partial(server.register, _introduction(offer)))


def _introduction(offer: Offer) -> RegisterWorker:
    return RegisterWorker(
        name=offer.name,
        version=metadata.version("studyhall"),
        host=offer.host[:255],
        capabilities=offer.capabilities,
        trainables=offer.trainables,
        slots=offer.slots,
        machine=offer.machine,
    )
