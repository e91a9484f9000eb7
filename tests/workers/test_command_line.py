"""The options of a worker, and the program itself."""

import asyncio
import dataclasses
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from studyhall.errors import InvalidInput
from workers.command_line import read_command_line
from workers.configuration import AllowList
from workers.slots import Slots

HERE = Path(__file__).parents[2]
SERVER = ["--url", "http://127.0.0.1:9"]


@pytest.fixture(autouse=True)
def _own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDYHALL_HOME", str(tmp_path / "home"))
    for name in ("STUDYHALL_URL", "STUDYHALL_KEY", "STUDYHALL_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)


def test_a_worker_keeps_its_things_in_studyhalls_home(tmp_path):
    configuration = read_command_line(SERVER)

    assert configuration.directory == tmp_path / "home" / "workers"
    assert configuration.artifacts == str(tmp_path / "home" / "artifacts")


def test_a_directory_of_code_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InvalidInput, match=r"this worker cannot start"):
        read_command_line(["--url", "http://here", "--path", str(tmp_path / "nowhere")])


def test_a_trainable_that_there_is_not_is_named(configuration):
    async def start():
        slots = Slots(dataclasses.replace(configuration, trainables=("hello", "helo")))
        try:
            await slots.start()
        finally:
            slots.close()

    with pytest.raises(InvalidInput) as refusal:
        asyncio.run(start())

    assert "there is no 'helo'" in refusal.value.errors[0].message


def test_a_program_that_is_not_there_is_a_warning_from_the_start(configuration, caplog):
    async def start():
        slots = Slots(dataclasses.replace(configuration, allow=AllowList.of(["my_training.train"])))
        try:
            await slots.start()
        finally:
            slots.close()

    asyncio.run(start())

    assert "a Python function is written module:function" in caplog.text


def test_what_belongs_to_ray_is_refused_elsewhere_and_the_other_way_round():
    for options in (["--address", "10.0.0.1:6379"], ["--executor", "ray", "--slots", "2"]):
        with pytest.raises(InvalidInput):
            read_command_line(["--url", "http://here", *options])


def test_every_start_has_a_name_of_its_own():
    assert read_command_line(SERVER).name != read_command_line(SERVER).name


def test_the_key_comes_from_a_file_and_is_not_shown(tmp_path):
    (tmp_path / "key").write_text("hps_secret\n")

    configuration = read_command_line([*SERVER, "--key-file", str(tmp_path / "key")])

    assert configuration.key == "hps_secret"
    assert "hps_secret" not in repr(configuration)


def test_options_are_understood():
    options = ["--slots", "3", "--allow", "a.b:f", "--allow", "python", "--label", "room=1", "--trainables", "none"]

    configuration = read_command_line([*SERVER, *options])

    assert configuration.slots == 3
    assert configuration.allow == AllowList(("a.b:f",), ("python",))
    assert configuration.labels == {"room": "1"}
    assert configuration.trainables == ()


def test_gpus_are_all_some_or_none_and_a_trial_may_have_a_fraction():
    some = read_command_line([*SERVER, "--gpus", "0,MIG-5c1b", "--gpus-per-trial", "0.25"])

    assert read_command_line(SERVER).gpus is None
    assert read_command_line([*SERVER, "--gpus", "none"]).gpus == ()
    assert (some.gpus, some.gpus_per_trial) == (("0", "MIG-5c1b"), 0.25)


@pytest.mark.parametrize("options", [["--slots", "0"], ["--slots", "many"], ["--label", "x"]])
def test_an_option_that_does_not_fit_is_named(options):
    with pytest.raises(InvalidInput, match=options[0]):
        read_command_line([*SERVER, *options])


@pytest.mark.parametrize(
    "options",
    [
        ["--lease-s", "-1"],
        ["--threads", "0"],
        ["--slot", "1"],
        ["--timeout-s", "nan"],
        ["--keep-days", "0"],
        ["--gpus-per-trial", "1.5"],
    ],
)
def test_argparse_refuses_what_is_no_number(options):
    with pytest.raises(SystemExit):
        read_command_line([*SERVER, *options])


def run_program(*options: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "workers", *options],
        cwd=HERE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_configuration_that_does_not_fit_ends_with_code_2_and_one_line():
    with run_program("--slots", "1") as program:
        _, errors = program.communicate()

    assert program.returncode == 2
    assert errors.count("\n") == 1
    assert "no server is known" in errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_worker_that_never_found_its_server(number):
    with run_program(*SERVER, "--trainables", "none") as program:
        assert program.stderr is not None
        while "cannot be reached" not in (line := program.stderr.readline()):
            assert line, "the worker ended by itself"
        program.send_signal(number)
        program.communicate(timeout=20)

    assert program.returncode == 0
