"""What a berth asks of a cluster, and what it makes of tasks that end badly, without Ray."""

import asyncio
import dataclasses

import pytest

from studyhall.study import Resources
from studyhall.wire.claims import Release
from tests.workers.conftest import task
from tests.workers.fake_server import FakeServer
from workers.attempt import Patiences
from workers.ray import berth
from workers.ray.berth import Berth, demand_of, free_gpu
from workers.ray.cluster import Cluster, Demand, Node, TaskBroken, TaskCancelled, TaskLost
from workers.ray.dispatcher import Dispatcher
from workers.ray.on_node import Begun, Facts, Left
from workers.worker import Worker

NODE = Node("node-1-and-more", "10.0.0.1", cpu=2, gpu=0, memory_mb=1000, labels={"room": "attic"})


class FakeCluster(Cluster):
    """One node, whose tasks end as they are told to."""

    def __init__(self, end=None, facts=None):
        self.end, self.facts = end, facts or Facts()
        self.demands, self.cancelled, self.has_started = [], [], asyncio.Event()

    async def connect(self, address):
        self.address = address

    async def nodes(self):
        return [NODE]

    async def is_alive(self, node):
        return True

    async def has_free(self, demand):
        return True

    async def look_at(self, node, configuration):
        return self.facts

    def start(self, node, demand, configuration, held, facts):
        self.demands.append(demand)
        self.has_started.set()
        return FakeTask(self.end, held.token)

    def cancel(self, running, *, force):
        self.cancelled.append(force)
        running.is_cancelled.set()

    def close(self):
        pass


class FakeTask:
    """A task that begins, and ends with what it is given: an ending, an error, or a wait until it is cancelled."""

    def __init__(self, end, token):
        self.token = token
        self.end, self.has_begun, self.is_cancelled = end, False, asyncio.Event()

    begins = True

    async def next(self):
        if not self.begins:
            await asyncio.Event().wait()
        if not self.has_begun:
            self.has_begun = True
            return Begun()
        if self.end is None:
            await self.is_cancelled.wait()
            raise TaskCancelled
        if isinstance(self.end, Exception):
            raise self.end
        return Left(tuple(told.replace("TOKEN", self.token) for told in self.end.endings))


@pytest.fixture
def ending_of(configuration):
    """How a trial ends whose task ends so, as the server is told."""

    def play(cluster, given, *, is_ended_early=False, **changes):
        async def scene():
            server = FakeServer()
            trial = server.add(given)
            mine = dataclasses.replace(configuration, **changes)
            worker = Worker(mine, executor=Dispatcher(mine, cluster), transport=server.transport)
            running = asyncio.create_task(worker.run())
            await server.until(lambda: trial.attempt)
            if is_ended_early:
                await cluster.has_started.wait()
                worker.end()
            ending = await server.ended(trial)
            worker.end()
            await running
            return ending, server

        return asyncio.run(scene())

    return play


def test_each_node_is_a_worker_with_its_labels_and_as_many_slots_as_it_has_cores_for(ending_of):
    _, server = ending_of(FakeCluster(TaskLost("gone")), task("good"), labels={"rack": "7"})

    (worker,) = server.workers
    assert (worker.name, worker.host, worker.slots) == ("worker-under-test.node-1-a", "10.0.0.1", 2)
    assert worker.capabilities.labels == {"room": "attic", "rack": "7"}


def test_a_lost_task_is_a_lost_attempt_at_once(ending_of):
    ending, _ = ending_of(FakeCluster(TaskLost("NodeDiedError: it is dead")), task("good"))

    assert (ending.kind, ending.message) == (
        "worker_lost",
        "node 10.0.0.1 of the Ray cluster lost it: NodeDiedError: it is dead",
    )


def test_a_trial_whose_place_another_job_took_is_given_back_without_blame(ending_of, monkeypatch):
    monkeypatch.setattr(berth, "PENDING_S", 0.05)
    monkeypatch.setattr(FakeTask, "begins", False)

    ending, _ = ending_of(FakeCluster(), task("good"))

    assert isinstance(ending, Release)
    assert "no room for it" in str(ending.reason)


def test_a_task_that_cannot_work_says_why_and_on_which_node(ending_of):
    ending, _ = ending_of(FakeCluster(TaskBroken("ModuleNotFoundError: No module named 'workers'")), task("good"))

    assert ending.kind == "infrastructure"
    assert "node 10.0.0.1 of the Ray cluster could not run it: ModuleNotFoundError" in ending.message


def test_a_dispatcher_that_ends_asks_first_and_forces_what_does_not_answer(ending_of):
    cluster = FakeCluster(None)

    ending, _ = ending_of(cluster, task("good"), is_ended_early=True, patiences=Patiences(0.1, 0.1, 0.1, 0.1))

    assert ending.reason == "the worker is shutting down"
    assert cluster.cancelled[0] is False


def test_what_a_node_could_not_deliver_the_dispatcher_delivers(ending_of):
    told = """{"trial": "tr_0", "complete": {"attempt": 1, "token": "TOKEN", "metrics": {"loss": 0.5}}}"""

    ending, _ = ending_of(FakeCluster(Left((told,))), task("good"))

    assert ending.metrics == {"loss": 0.5}


def test_a_request_that_ray_does_not_know_is_refused_by_us(ending_of):
    cluster = FakeCluster(None)

    ending, _ = ending_of(cluster, task("good", resources={"gpu": 1.5}))

    assert "whole GPUs or a part of one, not 1.5" in ending.message
    assert not cluster.demands


def test_a_worker_that_is_told_to_end_does_not_wait_for_a_cluster_that_does_not_answer(configuration):
    class Silent(FakeCluster):
        async def connect(self, address):
            await asyncio.Event().wait()

    async def scene():
        worker = Worker(configuration, executor=Dispatcher(configuration, Silent()), transport=FakeServer().transport)
        running = asyncio.create_task(worker.run())
        await asyncio.sleep(0)
        worker.end()
        async with asyncio.timeout(10):
            await running

    asyncio.run(scene())


def test_nodes_of_no_use_are_named_with_the_reason(configuration):
    cluster = FakeCluster(facts=Facts("it cannot reach the server at http://localhost:8000"))

    with pytest.raises(Exception, match=r"no node .* can run trials: node 10.0.0.1: it cannot reach the server"):
        asyncio.run(Dispatcher(configuration, cluster).start())


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (Resources(), Demand(1, 0, 0)),
        (Resources(cpu=4, memory_mb=500), Demand(4, 0, 500)),
        (Resources(cpu=0.1, gpu=2), Demand(1, 2, 0)),
    ],
)
def test_ray_is_asked_for_what_the_task_asks_for(configuration, asked, expected):
    assert demand_of(asked, configuration) == expected


@pytest.mark.parametrize(
    ("used", "free"), [([], 2), ([1], 1), ([0.5], 1), ([0.5, 0.5], 1), ([0.5, 1], 0.5), ([1, 1], 0)]
)
def test_a_gpu_that_is_shared_is_no_whole_one(used, free):
    assert free_gpu(2, used) == pytest.approx(free)


def test_a_berth_offers_what_its_node_has_left(configuration):
    offered = Berth(configuration, FakeCluster(None), NODE, Facts())

    assert offered.offer().capabilities.cpu == 2
    assert offered.offer().capabilities.memory_mb == 1000
