"""What a trial sees of its worker, what it leaves, and what is kept of it."""

import asyncio
import dataclasses
import json
import sys
from pathlib import Path

import pytest

from studyhall.study import Task
from studyhall.trial_context import trial_seed
from studyhall.wire.claims import Complete
from tests.workers.conftest import at_work, task
from tests.workers.fake_server import FakeServer
from workers.attempt_log import MAX_LOG_BYTES, AttemptLog
from workers.configuration import AllowList
from workers.messages import last_part


@pytest.fixture
def surroundings(run_trial, tmp_path, monkeypatch):
    """What a trial saw of its worker, which had secrets in its environment."""
    monkeypatch.setenv("STUDYHALL_KEY", "the-worker-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret")
    trial = run_trial(task("shows_its_surroundings"), facts=str(tmp_path / "facts.json"))
    assert isinstance(trial.ending, Complete)
    return json.loads((tmp_path / "facts.json").read_text())


def test_a_trial_sees_no_key_and_no_secret(surroundings):
    assert "the-worker-key" not in json.dumps(surroundings)
    assert "a-secret" not in json.dumps(surroundings)


def test_a_trial_sees_the_environment_it_needs_and_no_more(surroundings):
    assert set(surroundings["environment"]) <= {
        *("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "PYTHONPATH", "SSL_CERT_FILE"),
        *(
            "OMP_NUM_THREADS",
            "OPENBLAS_NUM_THREADS",
            "MKL_NUM_THREADS",
            "CUBLAS_WORKSPACE_CONFIG",
            "STUDYHALL_ARTIFACTS",
        ),
        *("TMPDIR", "STUDYHALL_DATA", "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"),
    }


def test_a_trial_works_in_a_directory_of_its_own_that_goes_with_it(surroundings, configuration):
    assert surroundings["cwd"].startswith(str(configuration.directory / "work"))
    assert list((configuration.directory / "work").iterdir()) == []


def test_a_trial_holds_no_file_of_its_worker(surroundings):
    assert [file.split(":")[0] for file in surroundings["files"] if "/proc/" not in file] == ["socket"]  # its channel


def test_a_trials_process_knows_neither_the_server_nor_http(surroundings):
    assert not {"app", "httpx2", "sqlalchemy", "fastapi", "torch"} & set(surroundings["modules"])


def test_a_variable_that_the_operator_names_is_passed_on(configuration):
    passing = dataclasses.replace(configuration, pass_on=("HF_TOKEN",))

    assert passing.environment({"HF_TOKEN": "t", "OTHER": "o"}) == {"HF_TOKEN": "t"}


def test_paths_mean_in_a_trial_what_they_mean_to_the_worker(configuration):
    told = configuration.environment({"PYTHONPATH": "examples/doors:/lib", "PATH": "/bin::", "LANG": "C"})

    assert told == {"PYTHONPATH": f"{Path.cwd() / 'examples/doors'}:/lib", "PATH": "/bin::", "LANG": "C"}


def test_a_trials_seed_follows_from_the_study_and_the_number(surroundings):
    assert surroundings["seed"] == trial_seed(7, 0)
    assert len({trial_seed(study, number) for study in range(10) for number in range(100)}) == 1000


def test_a_trial_that_prints_without_end_fills_neither_disk_nor_memory(configuration):
    async def play():
        server = FakeServer()
        async with at_work(configuration, server):
            trial = server.add(task("prints_a_lot"), megabytes=40)
            assert isinstance(await server.ended(trial), Complete)

    asyncio.run(play())

    (log,) = (configuration.directory / "logs").rglob("*.log")
    assert log.stat().st_size < MAX_LOG_BYTES + 100_000
    assert log.read_text().endswith("the end\n")


def test_a_log_keeps_its_beginning_and_its_end(tmp_path):
    with AttemptLog(tmp_path / "a.log", limit=10) as log:
        log.write(b"0123456789")
        log.write(b"lost" * 10_000 + b"the end")

    text = (tmp_path / "a.log").read_text()
    assert text.startswith("0123456789\n… 40007 more bytes")
    assert text.endswith("the end")
    assert log.tail.endswith("the end")


def test_a_full_disk_costs_a_trial_its_log_and_nothing_else(configuration):
    log = configuration.directory / "logs" / "st_1" / "0-1.log"
    log.parent.mkdir(parents=True)
    log.symlink_to("/dev/full")

    async def play():
        server = FakeServer()
        trial, other = server.add(task("prints_a_lot", timeout_s=10), megabytes=1), server.add(task("good"))
        async with at_work(configuration, server):
            return await server.ended(trial), await server.ended(other)

    assert {type(ending) for ending in asyncio.run(play())} == {Complete}


def test_artifacts_are_kept_where_the_trial_is_named(configuration):
    async def play():
        server = FakeServer()
        async with at_work(configuration, server):
            await server.ended(server.add(task("keeps_a_file")))
        return server.trials[0].artifacts

    sent = asyncio.run(play())

    assert (Path(configuration.artifacts) / "st_1" / "0" / "1" / "notes" / "a.txt").read_text() == "kept"
    assert sent == {"notes/a.txt": b"kept"}


def test_two_slots_train_two_trials_at_once(configuration):
    async def play():
        server = FakeServer()
        async with at_work(dataclasses.replace(configuration, slots=2), server):
            trials = [server.add(task("patient")) for _ in range(2)]
            await server.until(lambda: all(trial.measurements for trial in trials))

    asyncio.run(play())


def test_a_worker_introduces_itself(configuration):
    async def play():
        server = FakeServer()
        async with at_work(configuration, server):
            await server.until(lambda: server.workers)
        return server.workers[0]

    worker = asyncio.run(play())

    assert worker.name == "worker-under-test"
    assert worker.capabilities.entry_points == ("tests.workers.*",)
    assert worker.capabilities.commands == (sys.executable, "missing-program")


@pytest.mark.parametrize(
    ("entry", "asked", "allowed"),
    [
        ("a.b:f", "a.b:f", True),
        ("a.b:f", "a.b:g", False),
        ("a.*", "a.b:f", True),
        ("a.*", "ab.c:f", False),
        ("a.*", "a:f", False),
    ],
)
def test_an_allow_list_means_what_it_says(entry, asked, allowed):
    assert (AllowList.of([entry]).refusal(Task(entry_point=asked), ()) is None) == allowed


def test_an_allow_list_tells_entry_points_from_programs():
    allow = AllowList.of(["package.module:function", "package.*", "python", "./train.sh"])

    assert allow == AllowList(("package.module:function", "package.*"), ("python", "./train.sh"))


def test_control_characters_do_not_reach_a_terminal():
    assert last_part("a\x1b[31mred\x00\n\tb\u202e") == "a[31mred\n\tb"
