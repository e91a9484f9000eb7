"""Stops, lost leases, deaths and goodbyes: nothing runs that should not, and nothing is left behind."""

import asyncio
import dataclasses
import os
import signal
import subprocess
import sys

import pytest

from studyhall.wire.claims import Complete, Fail, Infeasible, Release
from tests.workers.conftest import HERE, at_work, task
from tests.workers.fake_server import FakeServer
from tests.workers.processes import becomes_true, count_processes, everything_below, has_text, is_alive
from workers.attempt import Patiences
from workers.children import NurseryFailed
from workers.keeping import Places
from workers.store import DirectoryStore
from workers.worker import Worker


def in_scene(configuration, scene, **server_options):
    async def play():
        server = FakeServer(**server_options)
        async with at_work(configuration, server) as worker:
            await scene(server, worker)
        return server

    return asyncio.run(play())


def test_a_stopped_trial_is_pruned_with_its_last_measurement(configuration):
    async def scene(server, _):
        trial = server.add(task("patient"))
        await server.until(lambda: len(trial.measurements) >= 2)
        server.ask_to_stop(trial)
        ending = await server.ended(trial)
        assert isinstance(ending, Complete)
        assert ending.pruned
        assert ending.metrics["loss"] == trial.measurements[max(trial.steps)].metrics["loss"]

    in_scene(configuration, scene)


def test_a_stop_reaches_a_trial_that_never_reports(configuration, tmp_path):
    async def scene(server, _):
        trial = server.add(task("silent"), pid=str(tmp_path / "pid"))
        await becomes_true((tmp_path / "pid").exists)
        server.ask_to_stop(trial)
        ending = await server.ended(trial)
        assert isinstance(ending, Release)  # there is no measurement that could stand
        assert "stopped before its first measurement" in (ending.reason or "")

    in_scene(configuration, scene)


@pytest.mark.catalogue("WK-015")
@pytest.mark.parametrize("function", ["deaf", "ignores_sigterm"])
def test_a_trial_that_does_not_listen_is_ended_after_the_grace(configuration, tmp_path, function):
    async def scene(server, _):
        trial = server.add(task(function), pid=str(tmp_path / "pid"))
        await server.until(lambda: trial.measurements)
        server.ask_to_stop(trial)
        ending = await server.ended(trial)
        assert isinstance(ending, Complete)
        assert (ending.pruned, ending.metrics) == (True, {"loss": 0.5})
        assert not is_alive(int((tmp_path / "pid").read_text()))

    in_scene(configuration, scene)


def test_a_lost_lease_kills_the_child_and_tells_nothing(configuration, tmp_path):
    async def scene(server, _):
        trial = server.add(task("deaf"), pid=str(tmp_path / "pid"))
        await server.until(lambda: trial.measurements)
        server.take_away(trial)
        await becomes_true(lambda: not is_alive(int((tmp_path / "pid").read_text())))
        assert trial.ending is None

    in_scene(configuration, scene)


def test_a_refused_report_kills_the_child_too(configuration, tmp_path):
    async def scene(server, _):
        trial = server.add(task("patient"))
        await server.until(lambda: trial.measurements)
        server.take_away(trial)
        other = server.add(task("good"))
        assert isinstance(await server.ended(other), Complete)  # the slot is free again
        assert trial.ending is None

    in_scene(configuration, scene)


@pytest.mark.catalogue("WK-014")
def test_a_trial_that_holds_the_interpreter_still_gets_its_heartbeats(configuration):
    async def scene(server, _):
        trial = server.add(task("holds_the_gil"), seconds=1.5)
        await server.ended(trial)
        assert trial.heartbeats >= 3

    in_scene(configuration, scene, lease_s=0.9, long_poll=False)


def test_heartbeats_to_a_server_that_answers_at_once_keep_their_pace(configuration):
    async def scene(server, _):
        trial = server.add(task("holds_the_gil"), seconds=1.5)
        await server.ended(trial)
        assert trial.heartbeats <= 6

    in_scene(configuration, scene, lease_s=0.9, long_poll=False)


@pytest.mark.parametrize("forever", [False, True])
def test_all_processes_of_a_trial_are_gone_when_it_has_ended(configuration, tmp_path, forever):
    async def scene(server, _):
        trial = server.add(task("leaves_processes_behind"), pids=str(tmp_path / "pids"), forever=forever)
        if forever:
            await server.until(lambda: trial.measurements)
            server.ask_to_stop(trial)
        await server.ended(trial)
        pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
        assert len(pids) == 3
        await becomes_true(lambda: not any(map(is_alive, pids)))

    in_scene(configuration, scene)


@pytest.mark.catalogue("WK-017")
def test_processes_of_a_trial_whose_keeper_was_killed_are_gone_too(configuration, tmp_path):
    async def scene(server, _):
        trial = server.add(task("kills_its_keeper"), pid=str(tmp_path / "pid"))
        assert isinstance(await server.ended(trial), Fail)
        await becomes_true(lambda: not is_alive(int((tmp_path / "pid").read_text())))

    in_scene(configuration, scene)


def test_a_fork_bomb_is_gone_when_its_time_is_up(configuration):
    async def scene(server, _):
        before = count_processes()
        trial = server.add(task("forks_without_end", timeout_s=1.0), most=before + 200)
        ending = await server.ended(trial)
        assert ending.kind == "timeout"
        await becomes_true(lambda: count_processes() < before + 100)

    in_scene(configuration, scene)


def test_a_trial_that_leaks_is_ended_before_the_machine_suffers_and_the_search_learns_of_it(configuration):
    async def scene(server, _):
        leaking = server.add(task("leaks", resources={"memory_mb": 300}))
        ending = await server.ended(leaking)
        after = server.add(task("good"), x=1.0)
        assert isinstance(await server.ended(after), Complete)
        assert isinstance(ending, Infeasible)
        assert "MiB of the 300 MiB it was allowed" in ending.reason

    in_scene(configuration, scene)


@pytest.mark.catalogue("WK-011")
def test_a_fork_bomb_is_ended_for_the_number_of_its_processes(configuration):
    async def scene(server, _):
        before = count_processes()
        ending = await server.ended(server.add(task("forks_without_end"), most=before + 1500))
        assert ending.kind == "user_error"
        assert "processes, more than the 1024 it was allowed" in ending.message
        await becomes_true(lambda: count_processes() < before + 100)

    in_scene(configuration, scene)


@pytest.mark.parametrize(
    ("bad", "parameters", "reason"),
    [
        (task("deaf", timeout_s=0.5), {}, "0.5 s"),
        (task("leaks", resources={"memory_mb": 200}), {}, "MiB of the 200 MiB it was allowed"),
        (task("forks_without_end", timeout_s=0.5), {"most": 400}, "0.5 s"),
        (task("prints_a_lot", timeout_s=0.5), {"megabytes": 10_000}, "0.5 s"),
        (task("is_killed"), {}, "SIGKILL"),
    ],
    ids=["hangs", "leaks", "forks", "prints 10 GB", "dies"],
)
def test_a_bad_trial_costs_the_one_beside_it_nothing_and_says_why_it_ended(
    configuration, tmp_path, bad, parameters, reason
):
    async def scene(server, _):
        innocent = server.add(task("waits_for_a_file"), file=str(tmp_path / "enough"))
        await server.until(lambda: innocent.measurements)
        ending = await server.ended(server.add(bad, **parameters))
        (tmp_path / "enough").touch()
        assert isinstance(await server.ended(innocent), Complete)
        assert innocent.attempt == 1
        assert reason in (ending.reason if isinstance(ending, Infeasible) else ending.message)

    in_scene(dataclasses.replace(configuration, slots=2), scene)


def test_a_worker_that_ends_gives_its_trials_back(configuration):
    async def play():
        server = FakeServer()
        async with at_work(dataclasses.replace(configuration, slots=2), server):
            trials = [server.add(task(function)) for function in ("patient", "deaf")]
            await server.until(lambda: all(trial.measurements for trial in trials))
        return trials

    trials = asyncio.run(play())

    assert [type(trial.ending) for trial in trials] == [Release, Release]
    assert [trial.ending.reason for trial in trials] == ["the worker is shutting down"] * 2


def test_a_trial_that_finishes_while_its_worker_ends_is_completed(configuration, tmp_path):
    async def play():
        server = FakeServer()
        async with at_work(dataclasses.replace(configuration, patiences=Patiences(shutdown_s=10)), server) as worker:
            trial = server.add(task("finishes"), pid=str(tmp_path / "pid"))
            await becomes_true(lambda: has_text(tmp_path / "pid"))
            worker.end()
            assert isinstance(await server.ended(trial), Complete)

    asyncio.run(play())


def test_a_worker_that_ends_when_idle_stays_while_trials_for_it_are_on_their_way(configuration):
    async def play():
        server = FakeServer()
        server.pending = 1
        worker = Worker(dataclasses.replace(configuration, exit_when_idle_s=0.02), transport=server.transport)
        running = asyncio.create_task(worker.run())
        await server.until(lambda: server.requests.count("/v1/claims") >= 10)
        server.pending = 0
        trial = server.add(task("good"))
        async with asyncio.timeout(20):
            await running
        return trial

    assert isinstance(asyncio.run(play()).ending, Complete)


def test_a_worker_told_twice_ends_at_once(configuration, tmp_path):
    async def play():
        server = FakeServer()
        slow = dataclasses.replace(configuration, patiences=Patiences(grace_s=600, shutdown_s=600, kill_after_s=600))
        async with at_work(slow, server) as worker:
            trial = server.add(task("ignores_sigterm"), pid=str(tmp_path / "pid"))
            await server.until(lambda: trial.measurements)
            worker.end()
        assert isinstance(trial.ending, Release)
        assert not is_alive(int((tmp_path / "pid").read_text()))

    asyncio.run(play())


@pytest.mark.parametrize("victim", ["worker", "worker and nursery"])
def test_a_worker_killed_hard_leaves_no_orphan(tmp_path, victim):
    with subprocess.Popen([sys.executable, "-m", "tests.workers.lonely_worker", str(tmp_path)], cwd=HERE) as worker:
        asyncio.run(becomes_true(lambda: has_text(tmp_path / "pids")))
        below = everything_below(worker.pid)
        hidden = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
        assert set(hidden) < set(below)

        if victim == "worker and nursery":
            os.kill(below[0], signal.SIGKILL)
        worker.kill()

    asyncio.run(becomes_true(lambda: not any(map(is_alive, below))))
    assert [path.suffix for path in (tmp_path / "work").iterdir()] != []
    Places(tmp_path, DirectoryStore(tmp_path)).clear()  # as the next worker does
    assert list((tmp_path / "work").iterdir()) == []


def test_a_nursery_that_dies_is_replaced(configuration):
    async def scene(server, _):
        first, second = server.add(task("patient")), None
        await server.until(lambda: first.measurements)
        nursery = everything_below(os.getpid())[0]
        os.kill(nursery, signal.SIGKILL)
        await becomes_true(lambda: not is_alive(nursery))
        server.ask_to_stop(first)
        assert isinstance(await server.ended(first), Complete)  # it did not need its nursery any more
        second = server.add(task("good"))
        assert isinstance(await server.ended(second), Complete)

    in_scene(configuration, scene)


def test_a_nursery_that_cannot_start_ends_the_worker_with_a_reason(configuration):
    async def play():
        broken = dataclasses.replace(configuration, preload=("no_such_module",))
        await Worker(broken, transport=FakeServer().transport).run()

    with pytest.raises(NurseryFailed, match="ended with code 1"):
        asyncio.run(play())
