"""The executor of a Ray cluster: finds its nodes, and has a berth for each of them."""

import asyncio
import logging
from collections.abc import Collection
from typing import Final

from studyhall.errors import InvalidInput
from workers.configuration import Configuration
from workers.executor import Offer
from workers.ray.berth import Berth
from workers.ray.cluster import Cluster, Node, TaskBroken, TaskCancelled, TaskLost
from workers.ray.on_node import Facts
from workers.server import Server
from workers.spool import Spool

logger = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 10.0
"""Between two looks for nodes that have joined or are gone; the trials of a lost node are known to be lost at once."""
START_EVERY_S: Final = 0.2


class Dispatcher:
    """Runs the trials of a worker on a Ray cluster.

    Args:
        cluster: how it is reached.
    """

    def __init__(self, configuration: Configuration, cluster: Cluster | None = None) -> None:
        self._configuration, self._cluster = configuration, cluster or Cluster()
        self._berths: dict[str, Berth] = {}
        self._of_no_use: set[str] = set()
        self._at_work: set[Berth] = set()
        self._ending = asyncio.Event()

    async def start(self) -> None:
        """Connects, and looks around on each node.

        Raises:
            InvalidInput: there is no cluster, or none of its nodes can run a trial.
        """
        await self._cluster.connect(self._configuration.address)
        troubles = await self._look()
        if not self._berths:
            why = "; ".join(troubles) or "none has a CPU to give"
            raise InvalidInput(f"no node of the Ray cluster can run trials: {why}")

    async def offers(self) -> tuple[Offer, ...]:
        """What each node can run."""
        return tuple(berth.offer() for berth in self._berths.values())

    async def run(self, server: Server, spool: Spool) -> None:
        """Runs the berths of all nodes, also of those that join later, until each of them has ended."""
        working: dict[asyncio.Task[None], Berth] = {}
        looking = asyncio.create_task(self._keep_looking())
        try:
            while self._is_needed(working):
                for berth in self._berths.values():
                    if berth not in self._at_work:
                        working[asyncio.create_task(berth.run(server, spool))] = berth
                        self._at_work.add(berth)
                await asyncio.sleep(START_EVERY_S)
                for task in [task for task in working if task.done()]:
                    del working[task]
                    task.result()
        except BaseException:
            self.end()
            raise
        finally:
            looking.cancel()
            if working:
                await asyncio.wait(working)

    def _is_needed(self, working: Collection[object]) -> bool:
        """Whether trials run, or may still come: a cluster without nodes may get some."""
        if working or not self._at_work:
            return True
        return not self._ending.is_set() and self._configuration.exit_when_idle_s is None

    def end(self) -> None:
        """Gives the running trials back."""
        self._ending.set()
        for berth in self._berths.values():
            berth.end()

    def kill(self) -> None:
        """Ends the running trials now."""
        self._ending.set()
        for berth in self._berths.values():
            berth.kill()

    def close(self) -> None:
        """Leaves the cluster."""
        self._cluster.close()

    async def _keep_looking(self) -> None:
        while not self._ending.is_set():
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self._look()
            except Exception as error:  # noqa: BLE001 - Ray raises whatever; the nodes known so far go on
                logger.warning("the Ray cluster does not tell its nodes: %r", error)

    async def _look(self) -> list[str]:
        """Takes new nodes in and lets lost ones go; answers what is wrong with those that are of no use."""
        nodes = {node.id: node for node in await self._cluster.nodes()}
        for id in self._berths.keys() - nodes.keys():
            logger.warning("node %s has left the Ray cluster", self._berths[id].node.host)
            self._berths.pop(id).leave()
        new = [node for id, node in nodes.items() if id not in self._berths.keys() | self._of_no_use]
        found = await asyncio.gather(*map(self._look_at, new))
        for node, facts in zip(new, found, strict=True):
            self._take_in(node, facts)
        return [f"node {node.host}: {facts.trouble}" for node, facts in zip(new, found, strict=True) if facts.trouble]

    async def _look_at(self, node: Node) -> Facts:
        try:
            return await self._cluster.look_at(node, self._configuration)
        except (TaskLost, TaskBroken, TaskCancelled) as error:
            return Facts(f"a look around there failed: {error}")

    def _take_in(self, node: Node, facts: Facts) -> None:
        berth = Berth(self._configuration, self._cluster, node, facts)
        if facts.trouble is not None or berth.slots < 1:
            self._of_no_use.add(node.id)
            logger.warning("node %s is left out: %s", node.host, facts.trouble or "it is too small for a trial")
        elif not self._ending.is_set():
            self._berths[node.id] = berth
            logger.info("node %s of the Ray cluster has room for %d at once", node.host, berth.slots)
