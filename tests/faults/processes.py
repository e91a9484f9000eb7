"""Ending processes that are not our children, and waiting until they are gone."""

import os
import time
from contextlib import suppress
from pathlib import Path


def end(pid: int, sig: int) -> None:
    """Signals a process that is not our child, and waits until it is gone."""
    with suppress(ProcessLookupError):
        os.kill(pid, sig)
    wait_until_gone(pid)


def wait_until_gone(pid: int, limit_s: float = 40.0) -> None:
    deadline = time.monotonic() + limit_s
    while is_alive(pid):
        if time.monotonic() > deadline:
            raise RuntimeError(f"process {pid} does not end")
        time.sleep(0.005)


def is_alive(pid: int) -> bool:
    """Whether any thread of a process is left; its files are open, and locked, until the last one has gone."""
    with suppress(OSError):
        return any(state_of(task) not in "ZX" for task in Path(f"/proc/{pid}/task").iterdir())
    return False


def waited_s(pid: int) -> float:
    """How long the main thread of a process was ready to run and got no processor, which other work had."""
    with suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    return 0.0


def state_of(task: Path) -> str:
    """The state of a thread, as one letter."""
    with suppress(OSError):
        return (task / "stat").read_text().rsplit(")", 1)[1].split()[0]
    return "X"
