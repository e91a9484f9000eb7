"""Control groups: taken where the system gives them, and otherwise left alone.

A file system in memory stands for the kernel's, since few machines that run tests give a subtree away: what is written
where is what the kernel would be told. Real ones are used where there are some.
"""

import asyncio
import dataclasses
import os
import signal
from pathlib import Path

import pytest

from studyhall.wire.claims import Complete, Infeasible
from tests.workers.conftest import at_work, task
from tests.workers.fake_server import FakeServer
from tests.workers.processes import becomes_true
from workers.child.cgroup import Group, take_subtree


@pytest.fixture
def proc(tmp_path):
    """`/proc/self` of a process in a group of its own."""
    home = tmp_path / "cgroup" / "worker.service"
    home.mkdir(parents=True)
    (home / "cgroup.controllers").write_text("cpu memory pids\n")
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "cgroup").write_text("0::/worker.service\n")
    mount = f"30 23 0:26 / {tmp_path / 'cgroup'} rw,nosuid shared:4 - cgroup2 cgroup2 rw\n"
    (tmp_path / "proc" / "mountinfo").write_text(f"23 1 8:1 / / rw - ext4 /dev/root rw\n{mount}")
    return tmp_path / "proc"


def test_a_worker_moves_into_a_leaf_and_hands_the_limits_down(proc):
    home = take_subtree(proc)

    assert home is not None
    assert home == proc.parent / "cgroup" / "worker.service"
    assert (home / "worker" / "cgroup.procs").read_text() == str(os.getpid())
    assert (home / "cgroup.subtree_control").read_text() == "+memory +pids"


def test_without_the_controllers_nothing_is_touched(proc):
    home = proc.parent / "cgroup" / "worker.service"
    (home / "cgroup.controllers").write_text("cpu\n")

    assert take_subtree(proc) is None
    assert not (home / "worker").exists()


def test_a_group_that_is_shared_with_others_is_left_again(proc):
    home = proc.parent / "cgroup" / "worker.service"
    (home / "cgroup.subtree_control").mkdir()  # the kernel refuses this write while other processes are in the group

    assert take_subtree(proc) is None
    assert (home / "cgroup.procs").read_text() == str(os.getpid())


def test_a_machine_without_cgroup_v2_has_none(tmp_path):
    (tmp_path / "cgroup").write_text("4:memory:/docker/1\n")
    (tmp_path / "mountinfo").write_text("23 1 8:1 / / rw - ext4 /dev/root rw\n")

    assert take_subtree(tmp_path) is None
    assert take_subtree(tmp_path / "nowhere") is None


def test_a_group_holds_a_trial_at_its_limits(tmp_path):
    group = Group.around(4711, tmp_path, processes=1024)
    assert group is not None

    group.limit_memory(300)
    group.kill()

    written = {path.name: path.read_text() for path in (tmp_path / "trial-4711").iterdir()}
    assert group.holds_limits
    assert written == {
        "cgroup.procs": "4711",
        "pids.max": "1024",
        "memory.max": str(300 * 2**20),
        "memory.oom.group": "1",
        "memory.swap.max": "0",
        "cgroup.kill": "1",
    }


@pytest.mark.parametrize(("count", "has_run_out"), [(0, False), (1, True)])
def test_a_group_tells_that_the_kernel_has_killed_for_memory(tmp_path, count, has_run_out):
    group = Group.around(4711, tmp_path, processes=1024)
    assert group is not None
    (tmp_path / "trial-4711" / "memory.events").write_text(
        f"low 0\nmax 12\noom 1\noom_kill {count}\noom_group_kill 0\n"
    )

    assert group.has_run_out == has_run_out


async def one(configuration, given):
    """How a worker's only trial ends."""
    server = FakeServer()
    trial = server.add(given)
    async with at_work(configuration, server):
        return await server.ended(trial)


def test_a_trial_that_the_kernel_killed_for_memory_is_infeasible_and_says_so(configuration, tmp_path):
    """The kernel's part is played by the trial: it writes what the kernel counts, and kills itself."""
    wanted = task("is_killed_for_memory", settings={"groups": str(tmp_path)}, resources={"memory_mb": 300})

    ending = asyncio.run(one(dataclasses.replace(configuration, groups=str(tmp_path)), wanted))

    assert isinstance(ending, Infeasible)
    assert ending.reason == "out of memory: it wanted more than the 300 MiB it was allowed"


def real_groups():
    """A place for groups in the kernel's own file system, or None."""
    for root in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
        if Path(root, "cgroup.controllers").exists() and os.access(root, os.W_OK):
            return Path(root)
    return None


@pytest.mark.skipif(real_groups() is None, reason="NO cgroup v2 that may be written to: the kernel's part is not tried")
def test_a_real_group_is_around_all_that_a_trial_starts_and_gone_with_it(configuration):
    root = real_groups()
    assert root is not None
    home = root / f"studyhall-test-{os.getpid()}"
    home.mkdir()

    async def play():
        ending = await one(dataclasses.replace(configuration, groups=str(home)), task("tells_its_group"))
        await becomes_true(lambda: not list(home.glob("trial-*")))
        return ending

    try:
        ending = asyncio.run(play())
    finally:
        for group in home.glob("trial-*"):
            for pid in (group / "cgroup.procs").read_text().split():
                os.kill(int(pid), signal.SIGKILL)
        home.rmdir()

    assert isinstance(ending, Complete)
    assert ending.metrics["in_a_group"] == 2.0  # the trial and what it has started
