"""The executor of one machine: a nursery, and some slots that share out its cores and GPUs."""

import asyncio
import logging
import platform
import shutil
from importlib import metadata
from typing import Final

from studyhall.errors import FieldError, InvalidInput
from studyhall.wire.claims import Capabilities
from workers.child.nursery import Orders, Ready
from workers.children import Children
from workers.configuration import Configuration
from workers.executor import Offer
from workers.keeping import Places
from workers.machine import Gpu, Share, choose_gpus, share_out, use_of
from workers.server import Server
from workers.slot import Crew, Slot
from workers.spool import Spool
from workers.store import open_store

logger = logging.getLogger(__name__)

TIDY_EVERY_S: Final = 3600.0


class Slots:
    """Runs the trials of a worker on its own machine."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._children = Children(orders_of(configuration), configuration.environment())
        self._ready = Ready()
        self._gpus: tuple[Gpu, ...] = ()
        self._shares: list[Share] = []
        self._slots: list[Slot] = []

    async def start(self) -> None:
        """Looks at the machine and imports what trials need."""
        wanted = self._configuration
        self._gpus = await asyncio.to_thread(choose_gpus, wanted.gpus)
        self._shares = share_out(self._gpus, slots=wanted.slots, per_trial=wanted.gpus_per_trial)
        self._ready = await self._children.start()
        _check_names(wanted, self._ready)

    async def offers(self) -> tuple[Offer, ...]:
        """What one slot can run, and how busy the machine is."""
        machine = await asyncio.to_thread(use_of, self._gpus)
        name, host = self._configuration.name, platform.node()
        return (Offer(name, host, self._capabilities(), self._ready.trainables, len(self._shares), machine),)

    async def run(self, server: Server, spool: Spool) -> None:
        """Runs all slots until each of them has ended."""
        places = Places(self._configuration.directory, open_store(self._configuration.artifacts))
        crew = Crew(self._configuration, server, self._children, spool, places, self._capabilities())
        # Nothing is awaited before the slots are there: an `end` that came in between would reach none of them.
        self._slots = [Slot(crew, share) for share in self._shares]
        running = [asyncio.create_task(slot.run()) for slot in self._slots]
        tidying = asyncio.create_task(_tidy(places, self._configuration.keep_days))
        await asyncio.wait(running, return_when=asyncio.FIRST_EXCEPTION)
        if any(task.done() and task.exception() for task in running):
            self.end()
        await asyncio.wait(running)
        tidying.cancel()
        for task in running:
            task.result()

    def _capabilities(self) -> Capabilities:
        return self._configuration.capabilities(
            tuple(info.name for info in self._ready.trainables),
            self._shares[0],
            slots=len(self._shares),
            versions=versions_of(self._ready),
        )

    def end(self) -> None:
        """Gives the running trials back."""
        for slot in self._slots:
            slot.end()

    def kill(self) -> None:
        """Ends the running trials now."""
        for slot in self._slots:
            slot.kill()

    def close(self) -> None:
        """Ends the nursery."""
        self._children.close()


def _check_names(wanted: Configuration, ready: Ready) -> None:
    """What is misspelt would only be seen by nothing ever being run."""
    offered = {info.name for info in ready.trainables}
    if unknown := sorted(set(wanted.trainables) - offered - {"*"}):
        known = FieldError(
            "--trainables", f"there is no '{unknown[0]}'; '*' offers all, and studyhall worker list them"
        )
        raise InvalidInput("this worker cannot start", errors=[known])
    for program in wanted.allow.commands:
        if shutil.which(program) is None:
            logger.warning(
                "--allow %s: no such program on this worker's PATH (a Python function is written module:function)",
                program,
            )


async def _tidy(places: Places, days: float) -> None:
    while True:
        try:
            await asyncio.to_thread(places.clear)
            await asyncio.to_thread(places.forget_old, days)
        except OSError as error:
            logger.warning("old logs stay: %s", error)
        await asyncio.sleep(TIDY_EVERY_S)


def orders_of(configuration: Configuration) -> Orders:
    """What a nursery imports before the first trial."""
    return Orders(
        trainables=configuration.trainables,
        preload=configuration.preload,
        import_from=configuration.import_from,
        groups=configuration.groups,
    )


def versions_of(ready: Ready) -> dict[str, str]:
    """What tasks may ask for in `resources.versions`."""
    found = {"studyhall": metadata.version("studyhall"), "python": platform.python_version()}
    return found | ({"torch": ready.torch} if ready.torch else {})
