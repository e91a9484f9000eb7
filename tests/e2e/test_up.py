"""`studyhall up` as a person uses it: one command, Ctrl-C, and nothing left behind."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest

from tests.e2e.house import wait_for_end
from tests.e2e.processes import Command, processes_of

STUDYHALL = [sys.executable, "-m", "studyhall"]
pytestmark = pytest.mark.slow


class Home:
    """A home directory and the commands that use it."""

    def __init__(self, directory):
        self.directory = directory
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("STUDYHALL_")}
        self.environment["STUDYHALL_HOME"] = str(directory)

    def up(self, *options):
        return Command([*STUDYHALL, "up", "--port", "0", *options], self.environment)

    def run(self, *arguments):
        return subprocess.run(
            [*STUDYHALL, *arguments], env=self.environment, capture_output=True, text=True, timeout=90, check=False
        )


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home")


def test_up_serves_remembers_and_leaves_nothing_behind(home, tmp_path):
    definition = {
        "name": "first",
        "space": {"parameters": [{"name": "lr", "type": "float", "low": 1e-3, "high": 0.1, "scale": "log"}]},
        "objectives": [{"metric": "val_loss"}],
        "algorithm": {"name": "random", "seed": 1},
        "budget": {"max_trials": 2},
        "task": {"trainable": "hello", "settings": {}},
    }
    (tmp_path / "study.json").write_text(json.dumps(definition))

    with home.up("--workers", "1") as up:
        assert up.line("dashboard").split()[1].startswith("http://127.0.0.1:")
        up.line("Ctrl-C stops it")
        watched = home.run("study", "create", str(tmp_path / "study.json"), "--watch", "--text")
        again = home.run("up")
        below = processes_of(home.directory)
        up.interrupt()

    assert (watched.returncode, watched.stderr) == (0, "")
    assert "study 'first' is completed (budget)" in watched.stdout
    assert again.returncode == 5
    assert f"(process {up.pid}) already uses {home.directory}" in again.stderr
    assert up.exit_code == 130
    assert len(below) >= 3
    assert processes_of(home.directory) == []


def test_what_up_kept_is_there_the_next_time(home):
    for _ in range(2):
        with home.up("--workers", "0") as up:
            up.line("Ctrl-C stops it")
            listed = home.run("worker", "list")
            up.interrupt()
        assert (listed.returncode, listed.stderr) == (0, "")
    assert sorted(path.name for path in home.directory.iterdir() if "key" in path.name) == ["key", "worker-key"]


def test_up_in_another_home_says_how_the_client_finds_it(home, tmp_path):
    other = Home(tmp_path / "an other")

    with home.up("--workers", "0", "--home", str(other.directory)) as up:
        said = up.line("Ctrl-C stops it")
        listed = other.run("study", "list")
        up.interrupt()

    assert f"export STUDYHALL_HOME='{other.directory}'" in said
    assert (listed.returncode, listed.stderr) == (0, "")


def test_nothing_survives_an_up_that_was_killed(home):
    with home.up("--workers", "1") as up:
        up.line("Ctrl-C stops it")
        below = [pid for pid in processes_of(home.directory) if pid != up.pid]
        os.kill(up.pid, signal.SIGKILL)

        assert below
        assert all(wait_for_end(pid, 40) for pid in below)


def test_a_worker_that_ends_is_started_again_and_a_server_that_ends_is_the_end(home):
    with home.up("--workers", "1") as up:
        up.line("Ctrl-C stops it")
        (worker,) = processes_of(home.directory, "-m workers --url")
        os.kill(worker, signal.SIGKILL)
        up.line("worker 1 ended with code -9 and is started again")
        (server,) = processes_of(home.directory, "-m app serve")
        os.kill(server, signal.SIGKILL)
        said = up.line("the server ended with code -9")
        up.wait()

    assert said.startswith("studyhall: ")
    assert up.exit_code == 1
    assert processes_of(home.directory) == []


def test_a_database_whose_key_is_gone_is_one_line(home):
    with home.up("--workers", "0") as up:
        up.line("Ctrl-C stops it")
        up.interrupt()
    (home.directory / "key").unlink()

    done = home.run("up", "--workers", "0")

    assert done.returncode == 1
    assert "is gone: put it back" in done.stderr


def test_a_port_in_use_is_one_line(home, tmp_path):
    with home.up("--workers", "0") as up:
        port = up.line("server").rpartition(":")[2]
        other = Home(tmp_path / "other").run("up", "--port", port, "--workers", "0")
        up.interrupt()

    assert other.returncode == 6
    assert "choose another --port" in other.stderr
    assert "Traceback" not in other.stderr


def test_a_setting_that_does_not_fit_is_wrong_use_and_not_said_again_the_next_time(home):
    wrong = home.run("up", "--port", "99999", "--workers", "0")
    (home.directory / "key").unlink(missing_ok=True)
    (home.directory / "studyhall.db").mkdir()
    other = home.run("up", "--port", "0", "--workers", "0")

    assert (wrong.returncode, other.returncode) == (2, 6)
    assert "setting port" in wrong.stderr
    assert "setting port" not in other.stderr


@pytest.mark.timeout(400)  # two starts of torch in three processes, on however busy a machine
def test_the_demo_can_be_interrupted_and_ends_with_a_model_that_predicts(tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STUDYHALL_")}
    demo = [*STUDYHALL, "demo", "--trials", "3", "--home", str(tmp_path / "demo")]

    with Command(demo, environment) as interrupted:
        interrupted.line("Searching")
        interrupted.interrupt()
    left = processes_of(tmp_path)
    done = subprocess.run(demo, env=environment, capture_output=True, text=True, check=False)
    snippet = done.stdout.partition("Use it:")[2].strip().splitlines()[0]
    pasted = subprocess.run(["sh", "-c", snippet], capture_output=True, text=True, check=False)

    assert (interrupted.exit_code, left) == (130, [])
    assert (done.returncode, done.stderr) == (0, "")
    assert "3/3 trials" in done.stdout
    assert "test accuracy" in done.stdout
    assert done.stdout.rstrip().endswith(f"up --home {tmp_path / 'demo'}")
    assert re.fullmatch(r"\[\d \d \d \d \d\]\n", pasted.stdout)
    assert processes_of(tmp_path) == []
