"""What a worker is told when it starts: which server, what it may run, how much at once."""

import os
import platform
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from studyhall.study import Task
from studyhall.wire.claims import LEASE_S, Capabilities
from workers.attempt import Patiences
from workers.machine import Share, cores, memory_mb

PASSED_ON: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "PYTHONPATH", "SSL_CERT_FILE")
"""Of the worker's environment a trial sees these, and what --env names; never the key."""
_PATHS: Final = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH")
_ENTRY_POINT: Final = re.compile(r"[A-Za-z_][\w.]*(:[A-Za-z_]\w*|\.\*)")


@dataclass(frozen=True)
class AllowList:
    """Which of the user's code a worker runs: nothing that is not listed.

    Args:
        entry_points: `package.module:function`, or `package.*` for all below a package.
        commands: programs, as a command's first word has them.
    """

    entry_points: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()

    @classmethod
    def of(cls, entries: Sequence[str]) -> "AllowList":
        """Sorts entries: with a colon, or a star at its end, it is an entry point, otherwise a program."""
        points = tuple(entry for entry in entries if _ENTRY_POINT.fullmatch(entry))
        return cls(points, tuple(entry for entry in entries if entry not in points))

    def refusal(self, task: Task | None, trainables: Sequence[str]) -> str | None:
        """Why this worker does not run a task, or None if it does."""
        if task is None:
            return "the study has no task: its trials are evaluated by whoever claims them"
        if task.trainable is not None:
            return (
                None if task.trainable in trainables else f"this worker does not offer the trainable '{task.trainable}'"
            )
        if task.entry_point is not None:
            allowed = any(_matches(entry, task.entry_point) for entry in self.entry_points)
            return None if allowed else f"this worker's --allow does not list the entry point '{task.entry_point}'"
        program = task.command[0] if task.command else ""
        return None if program in self.commands else f"this worker's --allow does not list the program '{program}'"


def _matches(entry: str, entry_point: str) -> bool:
    return entry_point.startswith(entry[:-1]) if entry.endswith(".*") else entry_point == entry


def _from_here(paths: str) -> str:
    # A trial runs in a directory of its own; what was written relative to the worker's would not be found from there.
    return os.pathsep.join(path and os.path.abspath(path) for path in paths.split(os.pathsep))  # noqa: PTH100 - a text


@dataclass(frozen=True)
class Configuration:
    """Everything a worker needs to know before it meets its server."""

    url: str
    key: str | None = field(default=None, repr=False)
    name: str = ""
    executor: str = "local"
    """`local`: slots on this machine; `ray`: a Ray cluster."""
    address: str | None = None
    """Of the Ray cluster; None: the one that RAY_ADDRESS names, or of this machine."""
    study: str | None = None
    slots: int | None = 1
    """How many trials run at once; None: as many as the machine has GPUs, or cores, for."""
    gpus: tuple[str, ...] | None = ()
    """Indices, UUIDs or MIG ids; None: all that the worker may see."""
    gpus_per_trial: float | None = None
    """Whole ones, or a fraction of one; None: one, or less if there are more slots than GPUs."""
    trainables: tuple[str, ...] = ("*",)
    allow: AllowList = AllowList()
    import_from: tuple[str, ...] = ()
    preload: tuple[str, ...] = ()
    directory: Path = Path("workers")
    artifacts: str = "artifacts"
    """A directory, or a URL that fsspec can open."""
    checkpoint_every_s: float = 60.0
    keep_days: float = 30.0
    """How long logs stay on this machine."""
    data: Path = Path()
    threads: int = 1
    memory_mb: int | None = None
    """What one trial may use when its task does not say; None: nine tenths of the machine."""
    labels: Mapping[str, str] = field(default_factory=dict)
    pass_on: tuple[str, ...] = ()
    is_strict: bool = False
    """Whether trials are kept from the network and from files that are not their own."""
    lease_s: float = LEASE_S
    wait_s: float = 20.0
    exit_when_idle_s: float | None = None
    groups: str | None = None
    """The control group (cgroup v2) below which each trial gets one of its own, if the system has given us one."""
    patiences: Patiences = field(default_factory=Patiences)

    def capabilities(
        self, trainables: Sequence[str], share: Share, *, slots: int, versions: Mapping[str, str]
    ) -> Capabilities:
        """What the server may give this worker.

        Args:
            share: what a slot has of the machine, which is divided among so many.
        """
        return Capabilities(
            trainables=tuple(trainables),
            entry_points=self.allow.entry_points,
            commands=self.allow.commands,
            cpu=max(1.0, cores() / slots),
            gpu=share.gpu,
            gpu_memory_mb=share.gpu_memory_mb,
            memory_mb=memory_mb() // slots,
            labels=dict(self.labels),
            versions=dict(versions),
        )

    @property
    def memory_of_trial_mb(self) -> int:
        """What one trial may use on this machine when its task does not say."""
        return self.memory_mb or memory_mb() * 9 // 10

    def environment(self, outer: Mapping[str, str] = os.environ) -> dict[str, str]:
        """What the nursery sees of the worker's environment."""
        passed = {name: outer[name] for name in (*PASSED_ON, *self.pass_on) if name in outer}
        return passed | {name: _from_here(passed[name]) for name in _PATHS if name in passed}

    def trial_environment(self, scratch: Path, share: Share) -> dict[str, str]:
        """What a trial sees: the same, its own temporary directory, its GPUs, and how many threads it may start."""
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(self.threads))
        own = {
            "TMPDIR": str(scratch / "tmp"),
            "STUDYHALL_DATA": str(self.data.absolute()),
            "STUDYHALL_ARTIFACTS": self.artifacts if "://" in self.artifacts else str(Path(self.artifacts).absolute()),
            "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # without it CUDA's matrix products are not repeatable
        }
        return self.environment() | threads | share.environment() | own


def worker_name() -> str:
    """A new name for each start: a worker that comes back is another one, with none of the old one's leases."""
    host = re.sub(r"[^A-Za-z0-9_.-]", "-", platform.node())[:80] or "worker"
    return f"{host}-{uuid.uuid4().hex[:6]}"
