"""A control group (cgroup v2) for each trial, where the system has given the worker a subtree to make some in.

The kernel then holds a trial's memory and processes at the limit the moment it is reached, and kills all of them at
once. Where there is no such subtree, the keeper measures instead. The kernel's rule that only leaves hold processes
(Documentation/admin-guide/cgroup-v2.rst, "No Internal Process Constraint") makes the worker move into a leaf.
"""

import contextlib
import os
from pathlib import Path
from typing import Final, Self

WORKER: Final = "worker"
NEEDED: Final = {"memory", "pids"}


def take_subtree(proc: Path = Path("/proc/self")) -> Path | None:
    """The group below which trials get theirs; None where this process has no subtree, or shares it with others."""
    home = _own_group(proc)
    if home is None or not os.access(home, os.W_OK):
        return None
    leaf, me = home / WORKER, str(os.getpid())
    try:
        if not set((home / "cgroup.controllers").read_text().split()) >= NEEDED:
            return None
        leaf.mkdir(exist_ok=True)
        (leaf / "cgroup.procs").write_text(me)
        (home / "cgroup.subtree_control").write_text("+memory +pids")
    except OSError:  # somebody else lives in this group too: everything stays as it was
        with contextlib.suppress(OSError):
            (home / "cgroup.procs").write_text(me)
            leaf.rmdir()
        return None
    return home


def _own_group(proc: Path) -> Path | None:
    try:
        paths = [line[3:] for line in (proc / "cgroup").read_text().splitlines() if line.startswith("0::/")]
        mounts = [line.split(" - ") for line in (proc / "mountinfo").read_text().splitlines()]
    except OSError:
        return None
    roots = [before.split()[4] for before, after in mounts if after.split()[0] == "cgroup2"]
    return Path(roots[0]) / paths[0].lstrip("/") if roots and paths else None


class Group:
    """The group of one trial."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._counts_processes = False
        self.holds_limits = False
        """Whether the kernel enforces both."""

    @classmethod
    def around(cls, trial: int, home: Path, *, processes: int) -> Self | None:
        """Puts a process, and with it all that it will start, into a group; None where the system does not let us."""
        group = cls(home / f"trial-{trial}")
        try:
            group._path.mkdir()
            with contextlib.suppress(OSError):  # the controller is not handed down: the keeper counts
                group._set("pids.max", processes)
                group._counts_processes = True
            group._set("cgroup.procs", trial)
        except OSError:
            group.remove()
            return None
        return group

    def limit_memory(self, memory_mb: int) -> None:
        """No more than this, swap included; who wants more is killed, with all the others of the trial."""
        try:
            self._set("memory.max", memory_mb * 2**20)
            self._set("memory.oom.group", 1)
        except OSError:
            return
        self.holds_limits = self._counts_processes
        with contextlib.suppress(OSError):  # a system without swap
            self._set("memory.swap.max", 0)

    @property
    def has_run_out(self) -> bool:
        """Whether the kernel has killed for memory."""
        with contextlib.suppress(OSError):
            lines = (self._path / "memory.events").read_text().splitlines()
            return any(line.startswith("oom_kill ") and line != "oom_kill 0" for line in lines)
        return False

    def kill(self) -> None:
        """Ends everyone in it, also whoever has hidden from us or forks faster than we look."""
        with contextlib.suppress(OSError):
            self._set("cgroup.kill", 1)

    def remove(self) -> None:
        """Forgets the group, which must be empty."""
        with contextlib.suppress(OSError):
            self._path.rmdir()

    def _set(self, name: str, value: int) -> None:
        (self._path / name).write_text(str(value), "ascii")
