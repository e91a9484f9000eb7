"""A berth: one node of a Ray cluster, which is a worker to the server and runs as many trials as it has room for."""

import asyncio
import logging
import math
from typing import Final

from studyhall.errors import StudyhallError
from studyhall.study import Resources, Task
from studyhall.wire.claims import Capabilities, Heartbeat
from workers.claiming import Claiming, Held, lease_kept
from workers.configuration import Configuration
from workers.executor import Offer, Undelivered
from workers.outcome import Failed, Outcome, Released, to_wire
from workers.ray.cluster import Cluster, Demand, Node, Running, TaskBroken, TaskCancelled, TaskLost
from workers.ray.on_node import Facts, Left
from workers.server import TEMPORARY, Server
from workers.slot import LAST_WORD_S, SHUTTING_DOWN
from workers.spool import Ending, deliver

logger = logging.getLogger(__name__)

PENDING_S: Final = 120.0
"""How long Ray may look for the place that we saw: another job may have taken it. A cold process imports torch, too."""
BUSY_S: Final = 2.0
"""Between two looks at a cluster that other jobs fill."""
DOUBT_S: Final = 10.0
"""How long nothing is claimed after a task was lost; then the cluster knows whether its node was, too."""
LOOK_EVERY_S: Final = 0.2
"""Between two looks whether a trial was given back."""
MARGIN_S: Final = 60.0
"""More than an attempt may take with all its patiences: then its task hangs, and is ended."""


class NoRoom(Exception):
    """What was free when the trial was claimed is not any more; that is no failure of the trial."""


class Berth:
    """Runs trials on one node.

    Args:
        facts: what was found there.
    """

    def __init__(self, configuration: Configuration, cluster: Cluster, node: Node, facts: Facts) -> None:
        self.node, self.facts = node, facts
        self.name = f"{configuration.name}.{node.id[:8]}"
        self._configuration, self._cluster = configuration, cluster
        self._usual = demand_of(Resources(cpu=0), configuration)
        self._running: dict[asyncio.Task[None], Demand] = {}
        self._tasks: set[Running] = set()
        self._changed, self._ending = asyncio.Event(), asyncio.Event()
        self._halted, self._is_killed = asyncio.Event(), asyncio.Event()

    @property
    def slots(self) -> int:
        """How many usual trials the whole node has room for."""
        return _places(self.node.cpu, self.node.gpu, self._usual)

    def offer(self) -> Offer:
        """The node, as the server is told."""
        node = self.node
        capabilities = self._capabilities(node.cpu, node.gpu, node.memory_mb)
        return Offer(self.name, node.host, capabilities, self.facts.trainables, self.slots)

    async def run(self, server: Server, spool: Undelivered) -> None:
        """Claims and runs until `end`, or until there was nothing to do for as long as the configuration allows.

        Raises:
            StudyhallError: the server does not want this worker.
        """
        claiming = Claiming(self._configuration, server, name=self.name)
        try:
            while await self._has_room():
                held = await claiming.next(self._free, self._halted)
                if held is not None:
                    self._begin(held, server, spool)
                elif not self._halted.is_set():
                    break
        finally:
            while self._running:
                await asyncio.wait(self._running)

    def end(self) -> None:
        """Claims no other, and asks the running trials to save and be given back; after their time it ends them."""
        if not self._ending.is_set():
            self.leave()
            self._cancel(force=False)
            patience = self._configuration.patiences
            allowed_s = patience.shutdown_s + patience.kill_after_s + patience.exit_s + LAST_WORD_S
            asyncio.get_running_loop().call_later(allowed_s, self.kill)

    def leave(self) -> None:
        """Claims no other: the node is gone, and what ran there will hear of it."""
        self._ending.set()
        self._halted.set()

    def kill(self) -> None:
        """Ends the running trials now."""
        self.leave()
        self._is_killed.set()
        self._cancel(force=True)

    def _cancel(self, *, force: bool) -> None:
        for task in self._tasks:
            self._cluster.cancel(task, force=force)

    async def _has_room(self) -> bool:
        """Waits for room; False when there is no need to."""
        while not self._ending.is_set():
            self._changed.clear()
            free = self._free()
            if self._halted.is_set():
                await self._make_sure()
            elif not _places(free.cpu, free.gpu, self._usual):
                await _first(self._changed, self._ending)
            elif await self._cluster.has_free(self._usual):
                return True
            else:
                await _first(self._ending, timeout_s=BUSY_S)
        return False

    async def _make_sure(self) -> None:
        """Goes on if the node is still there: that a task is lost is known before its node is."""
        await _first(self._ending, timeout_s=DOUBT_S)
        if not await self._cluster.is_alive(self.node):
            self.leave()
        if not self._ending.is_set():
            self._halted.clear()

    def _free(self) -> Capabilities:
        used = self._running.values()
        memory_mb = self.node.memory_mb - sum(demand.memory_mb for demand in used)
        cpu = self.node.cpu - sum(demand.cpu for demand in used)
        return self._capabilities(max(0.0, cpu), free_gpu(self.node.gpu, [demand.gpu for demand in used]), memory_mb)

    def _capabilities(self, cpu: float, gpu: float, memory_mb: int) -> Capabilities:
        allow, share = self._configuration.allow, min(1.0, self._configuration.gpus_per_trial or 1.0)
        return Capabilities(
            trainables=tuple(info.name for info in self.facts.trainables),
            entry_points=allow.entry_points,
            commands=allow.commands,
            cpu=cpu,
            gpu=gpu,
            gpu_memory_mb=int(self.facts.gpu_memory_mb * share),
            memory_mb=max(0, memory_mb),
            labels={**self.node.labels, **self._configuration.labels},
            versions=self.facts.versions,
        )

    def _begin(self, held: Held, server: Server, spool: Undelivered) -> None:
        task = held.claimed.study.task
        demand = demand_of(task.resources if task else Resources(), self._configuration)
        seeing = asyncio.create_task(self._see_through(held, demand, server, spool))
        self._running[seeing] = demand
        seeing.add_done_callback(self._forget)

    def _forget(self, seeing: asyncio.Task[None]) -> None:
        del self._running[seeing]
        self._changed.set()
        if not seeing.cancelled() and (error := seeing.exception()) is not None:
            logger.error("a trial on node %s was left to its lease: %r", self.node.host, error)

    async def _see_through(self, held: Held, demand: Demand, server: Server, spool: Undelivered) -> None:
        if self._ending.is_set():
            return await _tell(held, Released(SHUTTING_DOWN), server, spool)
        if (odd := _refusal(demand)) is not None:
            return await _tell(held, Failed("infrastructure", odd), server, spool)
        task = self._cluster.start(self.node, demand, self._configuration, held, self.facts)
        self._tasks.add(task)
        try:
            left = await self._wait_for(task, held, server)
        except TaskLost as error:
            self._halted.set()  # before the trial waits again, or this berth would be the first to claim it
            lost = Failed("worker_lost", f"node {self.node.host} of the Ray cluster lost it: {error}")
            await _tell(held, lost, server, spool)
        except TaskBroken as error:
            broken = Failed("infrastructure", f"node {self.node.host} of the Ray cluster could not run it: {error}")
            await _tell(held, broken, server, spool)
        except NoRoom as error:
            await _tell(held, Released(str(error)), server, spool)
        except TaskCancelled:
            await self._wait_until_given_back(held, server)
            await _tell(held, Released(SHUTTING_DOWN), server, spool)
        else:
            for ending in left.endings:
                spool.put(Ending.model_validate_json(ending))
        finally:
            self._tasks.discard(task)

    async def _wait_for(self, task: Running, held: Held, server: Server) -> Left:
        try:
            with lease_kept(server, held):
                async with asyncio.timeout(PENDING_S):
                    await task.next()
        except TimeoutError as error:
            self._cluster.cancel(task, force=True)
            raise NoRoom(f"the Ray cluster had no room for it within {PENDING_S:g} s: other jobs fill it") from error
        allowed_s = _longest(held.claimed.study.task, self._configuration)
        try:
            async with asyncio.timeout(allowed_s):
                left = await task.next()
        except TimeoutError as error:
            self._cluster.cancel(task, force=True)
            raise TaskLost(f"its process said nothing for {allowed_s:g} s") from error
        if isinstance(left, Left):
            return left
        raise TaskBroken("it began twice")

    async def _wait_until_given_back(self, held: Held, server: Server) -> None:
        """Ray calls a task cancelled as soon as it is asked to; the server knows when its trial was given back."""
        beat = Heartbeat(attempt=held.claimed.attempt, token=held.token)
        while not self._is_killed.is_set():
            try:
                await server.heartbeat(held.claimed.trial.id, beat)
            except TEMPORARY:
                pass
            except StudyhallError:
                return
            await _first(self._is_killed, timeout_s=LOOK_EVERY_S)


def demand_of(asked: Resources, configuration: Configuration) -> Demand:
    """What Ray is asked for: what the task asks for, at least what the worker gives each trial."""
    gpu = max(asked.gpu, configuration.gpus_per_trial or 0.0)
    return Demand(max(asked.cpu, float(configuration.threads)), gpu, asked.memory_mb)


def free_gpu(total: float, used: list[float]) -> float:
    """Whole GPUs that are free, or else what is left of one that is shared; Ray fills a shared one first."""
    shared = sum(each for each in used if each < 1)
    whole = total - sum(each for each in used if each >= 1) - math.ceil(shared)
    return whole if whole >= 1 else max(0.0, math.ceil(shared) - shared)


def _places(cpu: float, gpu: float, usual: Demand) -> int:
    by_cpu = int(cpu / usual.cpu + 1e-9)
    return min(by_cpu, int(gpu / usual.gpu + 1e-9)) if usual.gpu else by_cpu


def _refusal(demand: Demand) -> str | None:
    if demand.gpu > 1 and demand.gpu != int(demand.gpu):
        return f"Ray gives out whole GPUs or a part of one, not {demand.gpu:g}: change resources.gpu"
    return None


def _longest(task: Task | None, configuration: Configuration) -> float:
    patience = configuration.patiences
    trial_s = min(patience.timeout_s, (task and task.timeout_s) or patience.timeout_s)
    return trial_s + patience.grace_s + patience.kill_after_s + patience.exit_s + MARGIN_S


async def _tell(held: Held, outcome: Outcome, server: Server, spool: Undelivered) -> None:
    claimed = held.claimed
    logger.info("trial %d of %s: %s", claimed.trial.number, claimed.study.name, outcome)
    told = to_wire(outcome, attempt=claimed.attempt, token=held.token)
    if told is None:
        return
    ending = Ending.of(claimed.trial.id, told, ())
    try:
        await deliver(server, ending)
    except TEMPORARY:
        spool.put(ending)
    except StudyhallError as error:
        logger.debug("trial %s has had its ending: %s", claimed.trial.id, error)


async def _first(*events: asyncio.Event, timeout_s: float | None = None) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waiting, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    for each in waiting:
        each.cancel()
