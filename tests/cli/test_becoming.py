"""`studyhall serve | engine | migrate | worker`: another process with its own arguments."""

import subprocess
import sys

import pytest

from studyhall.cli import main
from studyhall.commands.processes import _own_key, program_arguments


@pytest.mark.parametrize("command", ["serve", "engine", "migrate", "worker"])
def test_a_process_tells_its_own_options(command):
    done = subprocess.run(
        [sys.executable, "-m", "studyhall", command, "--help"], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: ")


@pytest.mark.parametrize(
    ("command", "package", "extra"),
    [("serve", "fastapi", "server,search"), ("migrate", "alembic", "server"), ("worker", "torch", "worker")],
)
def test_what_is_not_installed_is_named_by_its_extra(command, package, extra, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, package, None)

    assert main([command]) == 1
    assert f"pip install 'studyhall[{extra}]'" in capsys.readouterr().err


def test_our_packages_come_before_those_of_the_current_directory():
    assert program_arguments("serve", ["--port", "1"]) == ["-P", "-m", "app", "serve", "--port", "1"]


def test_a_worker_beside_a_server_of_up_takes_the_workers_key(home, monkeypatch):
    home.mkdir()
    assert _own_key([]) == []

    (home / "worker-key").write_text("hps_x\n")
    assert _own_key(["--slots", "2"]) == ["--key-file", str(home / "worker-key")]


def test_a_worker_that_was_given_a_server_or_a_key_takes_no_other(home, monkeypatch):
    home.mkdir()
    (home / "worker-key").write_text("hps_x\n")

    assert _own_key(["--url=http://elsewhere"]) == []
    assert _own_key(["--key-file", "mine"]) == []
    monkeypatch.setenv("STUDYHALL_KEY", "k")
    assert _own_key([]) == []
