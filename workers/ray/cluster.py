"""The one file that knows Ray: which nodes there are, tasks on them, and how these ended."""

import asyncio
import contextlib
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from studyhall.errors import InvalidInput
from workers.claiming import Held
from workers.configuration import Configuration
from workers.ray.on_node import Begun, Facts, Left, look_around, run_attempt

MIB: Final = 2**20
REACH_S: Final = 10.0
CONNECT_S: Final = 120.0


class TaskLost(Exception):
    """The task is gone with its process or its node."""


class TaskCancelled(Exception):
    """The task was cancelled."""


class TaskBroken(Exception):
    """The task could not do its work."""


@dataclass(frozen=True)
class Demand:
    """What a trial takes of a node; memory in MiB, 0 is what is left."""

    cpu: float = 1.0
    gpu: float = 0.0
    memory_mb: int = 0


@dataclass(frozen=True)
class Node:
    """A machine of the cluster and all that Ray gives out of it."""

    id: str
    host: str
    cpu: float
    gpu: float
    memory_mb: int
    labels: dict[str, str] = field(default_factory=dict)


class Running:
    """A task, from the moment it was asked for.

    Args:
        stream: what Ray made of the task.
    """

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    async def next(self) -> Begun | Left:
        """What it says next: that it has begun, then what it left.

        Raises:
            TaskLost, TaskCancelled, TaskBroken: it will say no more.
        """
        with _our_errors():
            said: Begun | Left = await (await anext(self.stream))
            return said


class Cluster:
    """A connection to a Ray cluster, as a driver."""

    def __init__(self) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
        except ImportError as error:
            raise InvalidInput(
                "--executor ray needs Ray, which is not installed here: pip install 'studyhall[ray]'"
            ) from error
        self._ray = ray

    async def connect(self, address: str | None) -> None:
        """Joins a cluster that runs.

        Raises:
            InvalidInput: there is none at the address.
        """
        logging.getLogger("ray").setLevel(logging.ERROR)  # it warns of the thread that we want it in
        named = address or os.environ.get("RAY_ADDRESS") or "auto"
        try:
            await asyncio.to_thread(_reach, named)
            async with asyncio.timeout(CONNECT_S):
                await _in_daemon(lambda: self._ray.init(address=named, log_to_driver=False, configure_logging=False))
        except TimeoutError as error:
            raise _no_cluster(named, f"it does not answer within {CONNECT_S:g} s") from error
        except (OSError, ValueError, RuntimeError) as error:
            raise _no_cluster(named, str(error)) from error

    async def nodes(self) -> list[Node]:
        """The nodes that are alive and have a CPU to give."""
        found = await asyncio.to_thread(self._ray.nodes)
        return [_node(each) for each in found if each["Alive"] and each["Resources"].get("CPU", 0) > 0]

    async def is_alive(self, node: Node) -> bool:
        """Whether a node is still part of the cluster."""
        return any(each.id == node.id for each in await self.nodes())

    async def has_free(self, demand: Demand) -> bool:
        """Whether the whole cluster, which other jobs may use too, has so much to give now."""
        free = await asyncio.to_thread(self._ray.available_resources)
        return bool(free.get("CPU", 0) >= demand.cpu and free.get("GPU", 0) >= demand.gpu)

    async def look_at(self, node: Node, configuration: Configuration) -> Facts:
        """What can be run on a node.

        Raises:
            TaskLost, TaskBroken: nothing can.
        """
        looking = self._ray.remote(look_around).options(num_cpus=0, max_retries=0, **self._only_on(node))
        with _our_errors():
            facts: Facts = await looking.remote(configuration)
            return facts

    def start(self, node: Node, demand: Demand, configuration: Configuration, held: Held, facts: Facts) -> Running:
        """Asks for a task that runs a trial."""
        task = self._ray.remote(_run_with_gpus).options(
            num_cpus=demand.cpu,
            num_gpus=demand.gpu,
            memory=demand.memory_mb * MIB or None,
            max_retries=0,
            num_returns="streaming",
            **self._only_on(node),
        )
        return Running(task.remote(configuration, held, facts, demand.gpu))

    def cancel(self, running: Running, *, force: bool) -> None:
        """Asks a task to give its trial back, or ends its process."""
        self._ray.cancel(running.stream, force=force)

    def close(self) -> None:
        """Leaves the cluster; Ray ends what this driver has left there."""
        if self._ray.is_initialized():
            self._ray.shutdown()

    def _only_on(self, node: Node) -> dict[str, Any]:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        return {"scheduling_strategy": NodeAffinitySchedulingStrategy(node.id, soft=False)}


def _reach(address: str) -> None:
    """Finds out at once what Ray would try for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), REACH_S).close()


async def _in_daemon(work: Callable[[], object]) -> None:
    """Runs what may hang in a thread that the end of this process does not wait for."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def tell(error: BaseException | None) -> None:
        if not done.done():
            done.set_result(None) if error is None else done.set_exception(error)

    def run() -> None:
        error: BaseException | None = None
        try:
            work()
        except Exception as raised:  # noqa: BLE001 - whatever it is, the one who waits gets it
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(tell, error)

    threading.Thread(target=run, daemon=True).start()
    await done


def _no_cluster(address: str, why: str) -> InvalidInput:
    return InvalidInput(f"there is no Ray cluster at '{address}': {why}; 'ray start --head' starts one")


def _node(told: dict[str, Any]) -> Node:
    has = told["Resources"]
    return Node(
        id=told["NodeID"],
        host=told["NodeManagerAddress"],
        cpu=float(has["CPU"]),
        gpu=float(has.get("GPU", 0)),
        memory_mb=int(has.get("memory", 0) / MIB),
        labels={name: value for name, value in told.get("Labels", {}).items() if not name.startswith("ray.io/")},
    )


def _run_with_gpus(configuration: Configuration, held: Held, facts: Facts, gpu: float) -> Iterator[Begun | Left]:
    import ray

    mine = tuple(ray.get_runtime_context().get_accelerator_ids().get("GPU", ()))
    yield from run_attempt(configuration, held, facts, gpus=mine, gpu=gpu)


@contextmanager
def _our_errors() -> Iterator[None]:
    from ray import exceptions

    try:
        yield
    except (exceptions.TaskCancelledError, StopAsyncIteration) as error:
        raise TaskCancelled(str(error)) from error
    except exceptions.RayTaskError as error:
        raise TaskBroken(f"{type(error.cause).__name__}: {error.cause}") from error
    except exceptions.OutOfMemoryError as error:
        raise TaskLost(f"Ray ended it because its node ran out of memory: {_first_sentence(error)}") from error
    except exceptions.RayError as error:
        raise TaskLost(f"{type(error).__name__}: {_first_sentence(error)}") from error


def _first_sentence(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].partition(". ")[0]
