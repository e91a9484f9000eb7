"""A dispatcher on a Ray cluster of two nodes, emulated on this machine: what runs, what is lost, what ends.

The tests share one cluster, since its start takes longer than all of them; the last one ends the dispatcher.
"""

import asyncio
import os
import signal
import time
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from studyhall.errors import InvalidInput
from tests.e2e.house import House, house_in, wait_for, wait_for_end
from workers.ray.cluster import Cluster as RayCluster

pytest.importorskip("ray", reason="Ray is not installed: pip install 'studyhall[ray]'")

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("ray")]
SMALL: dict[str, Any] = {"num_cpus": 1, "object_store_memory": 80 * 2**20}


class Scene:
    """A cluster, a house, and one dispatcher between them."""

    def __init__(self, house: House, cluster, second) -> None:
        self.house, self.cluster, self.second = house, cluster, second
        options = ["--executor", "ray", "--address", cluster.address, "--allow", "fleet_training:until_go"]
        self.dispatcher = house.start_worker("ray", options=options)

    def study(self, name, trials, **resources):
        """A study whose trials train until they may go."""
        self.marks = self.house.directory / name
        self.marks.mkdir()
        return self.house.client.create_study(
            name,
            [{"name": "x", "type": "float", "low": 0, "high": 1}],
            {"metric": "loss"},
            algorithm={"name": "random", "seed": 1},
            budget={"max_trials": trials},
            task={
                "entry_point": "fleet_training:until_go",
                "settings": {"marks": str(self.marks)},
                "resources": resources,
            },
        )

    def wait_for_pid(self, number):
        """The first process of a trial."""
        while not (found := [int(mark.suffix[1:]) for mark in self.marks.glob(f"{number}.*")]):
            time.sleep(0.05)
        return found[0]

    def let_all_go(self):
        (self.marks / "go").touch()


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    try:
        _insist(partial(cluster.add_node, include_dashboard=False, **SMALL))
        second = _insist(partial(cluster.add_node, labels={"room": "attic"}, **SMALL))
        with house_in(tmp_path_factory.mktemp("ray")) as house:
            yield Scene(house, cluster, second)
    finally:
        cluster.shutdown()


def _insist(start):
    """A node gives its helpers 15 seconds to start, which no setting changes (ray-project/ray#65983)."""
    for _ in range(2):
        with suppress(Exception):
            return start()
    return start()


def test_an_address_without_a_cluster_is_refused_at_once():
    with pytest.raises(InvalidInput, match=r"there is no Ray cluster at '127.0.0.1:1': .*refused"):
        asyncio.run(RayCluster().connect("127.0.0.1:1"))


def test_what_no_node_can_hold_is_refused_with_a_reason_and_does_not_wait_in_ray(scene):
    study = scene.study("too-large", 1, cpu=64)

    assert "64 cores (has 1)" in study.summary().no_worker
    assert "the nearest is 'ray." in study.summary().no_worker
    study.stop()


def test_a_cancelled_trial_ends_on_its_node_which_has_room_again(scene):
    study = scene.study("cancelled", 2, labels={"room": "attic"})
    pid = scene.wait_for_pid(0)

    scene.house.client.cancel_trial(next(study.trials()).id)
    ended = wait_for_end(pid, 20)
    scene.let_all_go()
    wait_for(study, "study.completed")

    assert ended
    assert [(trial.state, trial.worker) for trial in study.trials(sort="number")] == [
        ("cancelled", f"ray.{scene.second.node_id[:8]}"),
        ("completed", f"ray.{scene.second.node_id[:8]}"),
    ]


def test_the_trials_of_a_killed_node_run_elsewhere_within_15_seconds(scene):
    study = scene.study("killed", 2)
    pids = [scene.wait_for_pid(number) for number in range(2)]
    (lost,) = study.trials(worker=f"ray.{scene.second.node_id[:8]}")

    scene.cluster.remove_node(scene.second, allow_graceful=False)
    wait_for(study, "trial.lost", number=lost.number)
    scene.let_all_go()
    wait_for(study, "study.completed")

    one, two = scene.house.client.attempts(lost.id)
    assert (one.outcome, two.outcome) == ("lost", "completed")
    assert "of the Ray cluster lost it" in one.reason
    assert two.started_at - one.ended_at < timedelta(seconds=15)
    assert wait_for_end(pids[lost.number], 10)


def test_a_dispatcher_that_is_told_to_end_saves_its_trials_and_gives_them_back(scene):
    study = scene.study("given-back", 1)
    scene.wait_for_pid(0)

    os.kill(scene.dispatcher.pid, signal.SIGTERM)
    wait_for(study, "trial.released")
    scene.let_all_go()
    scene.house.start_worker("here", options=["--allow", "fleet_training:until_go"])
    wait_for(study, "study.completed")

    (trial,) = study.trials()
    assert trial.worker == "here"
    assert trial.metrics["first"] > 1  # it went on from its checkpoint
