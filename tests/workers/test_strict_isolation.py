"""What a trial cannot reach under `--isolation strict`."""

import asyncio
import ctypes
import dataclasses
import errno
import os
import socket
import subprocess
import sys
from types import SimpleNamespace

import pytest

from studyhall.errors import InvalidInput
from studyhall.wire.claims import Complete, Fail
from tests.workers.conftest import at_work, task
from tests.workers.fake_server import FakeServer
from tests.workers.test_command_line import SERVER
from workers import command_line
from workers.child import isolation
from workers.child.isolation import NotIsolated, check_isolation, isolate


@pytest.fixture
def strict(configuration):
    try:
        check_isolation()
    except NotIsolated as error:
        pytest.skip(f"this kernel has no strict isolation: {error}")
    return dataclasses.replace(configuration, is_strict=True)


def ending_of(configuration, given, **parameters):
    async def play():
        server = FakeServer()
        async with at_work(configuration, server):
            return await server.ended(server.add(given, **parameters))

    return asyncio.run(play())


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield {"host": "127.0.0.1", "port": listener.getsockname()[1]}


@pytest.mark.catalogue("WK-020")
@pytest.mark.parametrize("host", ["127.0.0.1", "169.254.169.254"])
def test_a_strict_trial_reaches_no_network_not_even_this_machine(strict, listening, host):
    ending = ending_of(strict, task("knocks_at_the_network"), **listening | {"host": host})

    assert isinstance(ending, Fail)
    assert (ending.kind, "Network is unreachable" in ending.message) == ("user_error", True)


@pytest.mark.catalogue("WK-021")
def test_a_strict_trial_writes_below_its_own_directory_only(strict, tmp_path):
    (tmp_path / "theirs").write_text("theirs")

    for name in ("new", "theirs"):
        ending = ending_of(strict, task("writes_elsewhere"), file=str(tmp_path / name))
        assert (ending.kind, "PermissionError" in ending.message) == ("user_error", True)

    assert (tmp_path / "theirs").read_text() == "theirs"
    assert not (tmp_path / "new").exists()
    assert isinstance(ending_of(strict, task("writes_elsewhere"), file="mine"), Complete)
    assert isinstance(ending_of(strict, task("keeps_a_file")), Complete)


def test_a_strict_command_is_held_too(strict, tmp_path):
    code = f"open({str(tmp_path / 'new')!r}, 'w')"

    ending = ending_of(strict, {"command": [sys.executable, "-c", code]})

    assert "PermissionError" in ending.message


def test_a_strict_trial_signals_nobody_outside(strict):
    ending = ending_of(strict, task("kills_its_worker"), pid=os.getpid())

    assert "PermissionError" in ending.message


def test_what_is_refused_otherwise_is_allowed(configuration, listening, tmp_path):
    assert isinstance(ending_of(configuration, task("knocks_at_the_network"), **listening), Complete)
    assert isinstance(ending_of(configuration, task("writes_elsewhere"), file=str(tmp_path / "new")), Complete)


def test_a_worker_whose_system_cannot_isolate_does_not_start(monkeypatch):
    def missing():
        raise NotIsolated("Function not implemented: Landlock")

    monkeypatch.setattr(command_line, "check_isolation", missing)

    with pytest.raises(InvalidInput, match=r"--isolation: .*Landlock"):
        command_line.read_command_line([*SERVER, "--isolation", "strict"])
    assert not command_line.read_command_line(SERVER).is_strict


THREADED = """
import os, threading, time
from workers.child.isolation import check_isolation

os.register_at_fork(after_in_child=threading.Thread(target=time.sleep, args=(5,), daemon=True).start)
check_isolation()
"""


@pytest.mark.usefixtures("strict")
def test_what_starts_threads_in_a_fork_does_not_matter():
    """As OpenTelemetry's exporters do: a process of several threads cannot leave its network."""
    subprocess.run([sys.executable, "-c", THREADED], check=True)


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EPERM, errno.ENOSPC])
def test_a_system_without_namespaces_is_said(monkeypatch, tmp_path, number):
    monkeypatch.setattr(isolation, "_libc", lambda: SimpleNamespace(unshare=lambda _: _failing(number)))

    with pytest.raises(NotIsolated, match=f"{os.strerror(number)}: namespaces of users and networks"):
        isolate(tmp_path)


def test_a_system_without_landlock_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(isolation, "_leave_network", lambda: None)
    monkeypatch.setattr(isolation, "_CREATE_RULESET", -1)  # a system call that there is not

    with pytest.raises(NotIsolated, match=r"(Function not implemented|Operation not permitted): Landlock"):
        isolate(tmp_path)


def _failing(number):
    ctypes.set_errno(number)
    return -1
