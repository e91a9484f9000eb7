"""What the operating system is asked to enforce for a trial's process.

This keeps accidents apart: a crash, a leak, a fork bomb, a forgotten background process. It is no wall against hostile
code, which runs as the same user as its worker.
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_CHILD_SUBREAPER: Final = 36
_PR_SET_NO_NEW_PRIVS: Final = 38

_LIMITS: Final = (
    (resource.RLIMIT_CORE, 0),
    (resource.RLIMIT_NOFILE, 4096),
    (resource.RLIMIT_FSIZE, 50 * 2**30),
)


def adopt_orphans() -> None:
    """From now on, processes below this one whose parents die become its children."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def hide_memory() -> None:
    """Other processes of the same user cannot read this one's memory and environment: a worker's key is in there."""
    _prctl(_PR_SET_DUMPABLE, 0)


def die_with_parent(parent: int) -> None:
    """This process is killed when its parent dies, and now if that has already happened."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def restrict() -> None:
    """Resource limits, private files, no new privileges, and the first one to go when memory runs out."""
    os.umask(0o077)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    for kind, most in _LIMITS:
        hard = resource.getrlimit(kind)[1]
        limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (limit, limit))
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500", "ascii")


def children_of(pid: int) -> list[int]:
    """The living and the dead children of a process of one thread; empty where the system does not tell."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]
    except OSError:
        return []


def memory_and_number_below(pid: int) -> tuple[float, int]:
    """The memory, in MiB, and the number of all processes below one; shared pages are divided among those who share."""
    used_kb, found = 0, [*children_of(pid)]
    for child in found:  # grows on the way
        found += children_of(child)
        with contextlib.suppress(OSError, ValueError):  # it has just ended, or the system does not tell
            lines = Path(f"/proc/{child}/smaps_rollup").read_text("ascii").splitlines()
            used_kb += sum(int(line.split()[1]) for line in lines if line.startswith(("Pss:", "Swap:")))
        if len(found) > 100_000:
            break
    return used_kb / 1024, len(found)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, ctypes.c_ulong(value), 0, 0, 0)
