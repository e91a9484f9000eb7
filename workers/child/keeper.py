"""The keeper: parent of one trial's process, and the end of everything that process leaves behind.

Over the leash the worker sends single letters: T asks the trial's group to terminate, K ends everyone, and `M512;` sets
a limit of 512 MiB on all of them together. When the leash breaks, because the worker is gone, the keeper ends everyone
too. Where there is a control group for the trial the kernel holds the limit; elsewhere the keeper measures memory
itself, since a limit on address space would hit what torch and CUDA only reserve.
"""

import contextlib
import os
import re
import select
import signal
import socket
import time
from pathlib import Path
from typing import Final, NoReturn

from workers.child.cgroup import Group
from workers.child.sandbox import adopt_orphans, children_of, memory_and_number_below
from workers.child.trial import run_trial
from workers.messages import Began, Ended, frame

TERMINATE: Final = b"T"
KILL: Final = b"K"
MEMORY: Final = b"M%d;"
MEASURE_EVERY_S: Final = 0.5
MOST_PROCESSES: Final = 1024
_MEMORY: Final = re.compile(rb"M(\d+);")
LONGEST_DEATH_S: Final = 10.0
"""A process that cannot be killed for this long hangs in a driver; it is left to the system."""


def keep(channel_fd: int, leash_fd: int, log_fd: int, *, groups: Path | None = None) -> NoReturn:
    """Forks the trial's process, stays until nothing of it is left, and ends.

    Args:
        groups: the control group below which the trial gets its own; None: the system has given the worker none.
    """
    os.setsid()
    adopt_orphans()
    leash = socket.socket(fileno=leash_fd)
    bell, ring = socket.socketpair()
    ring.setblocking(False)
    signal.set_wakeup_fd(ring.fileno(), warn_on_full_buffer=False)
    keeper = os.getpid()
    gate, opener = os.pipe()
    trial = os.fork()
    if trial == 0:
        signal.set_wakeup_fd(-1)
        for mine in (leash, bell, ring):
            mine.close()
        os.close(opener)
        os.read(gate, 1)  # it does nothing, and starts nothing, before it is in its group
        os.close(gate)
        run_trial(channel_fd, log_fd, keeper)
    for theirs in (channel_fd, log_fd, gate):
        os.close(theirs)
    group = None if groups is None else Group.around(trial, groups, processes=MOST_PROCESSES)
    os.close(opener)
    Keeper(trial, leash, bell, group).watch()
    os._exit(0)  # before the bell is taken down: another signal may still ring it


class Keeper:
    """Watches one trial's process."""

    def __init__(self, trial: int, leash: socket.socket, bell: socket.socket, group: Group | None = None) -> None:
        self._trial, self._leash, self._bell, self._group = trial, leash, bell, group
        self._ended: Ended | None = None
        self._strays = 0
        self._memory_mb: int | None = None
        self._broken: str | None = None
        self._measure_at = 0.0

    def watch(self) -> None:
        """Returns when the trial's process and its descendants are gone, after saying so."""
        self._say(Began(pid=self._trial))
        while self._ended is None:
            readable, _, _ = select.select([self._leash, self._bell], [], [], MEASURE_EVERY_S)
            if time.monotonic() >= self._measure_at:
                self._measure()
            if self._bell in readable:
                self._bell.recv(4096)
                self._reap()
            if self._leash in readable and self._ended is None:
                self._obey(self._leash.recv(64))
        self._end_everyone()
        if self._group is not None:
            self._broken = self._broken or self._run_out(self._group)
            self._group.remove()
        self._say(self._ended.model_copy(update={"strays": self._strays, "limit": self._broken}))

    def _obey(self, letters: bytes) -> None:
        if limit := _MEMORY.search(letters):
            self._memory_mb = int(limit[1])
            if self._group is not None:
                self._group.limit_memory(self._memory_mb)
        if not letters or KILL in letters:
            self._end_everyone()
        elif TERMINATE in letters:
            _signal_group(self._trial, signal.SIGTERM)

    def _run_out(self, group: Group) -> str | None:
        return (
            f"out of memory: it wanted more than the {self._memory_mb} MiB it was allowed"
            if group.has_run_out
            else None
        )

    def _measure(self) -> None:
        self._measure_at = time.monotonic() + MEASURE_EVERY_S
        if self._group is not None and self._group.holds_limits:
            return
        used_mb, number = memory_and_number_below(os.getpid())
        if self._memory_mb is not None and used_mb > self._memory_mb:
            self._broken = f"out of memory: it used {used_mb:.0f} MiB of the {self._memory_mb} MiB it was allowed"
        elif number > MOST_PROCESSES:
            self._broken = f"it started {number} processes, more than the {MOST_PROCESSES} it was allowed"
        if self._broken is not None:
            self._end_everyone()

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
                if pid == 0:
                    return
                if pid == self._trial:
                    self._ended = Ended(
                        exit_code=os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
                        signal=os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
                        cpu_s=usage.ru_utime + usage.ru_stime,
                        max_rss_mb=usage.ru_maxrss / 1024,
                    )

    def _end_everyone(self) -> None:
        # The group at once, so that a fork bomb has nobody left to fork; then whoever hid in another session, one
        # generation after the other, as orphans become our children.
        _signal_group(self._trial, signal.SIGKILL)
        if self._group is not None:
            self._group.kill()
        give_up = time.monotonic() + LONGEST_DEATH_S
        while time.monotonic() < give_up:
            self._reap()
            living = children_of(os.getpid())
            if self._ended is not None and not living:
                return
            self._strays = max(self._strays, len(set(living) - {self._trial}))
            for pid in living:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            select.select([self._bell], [], [], 0.02)
        self._ended = self._ended or Ended(signal=signal.SIGKILL)

    def _say(self, message: Began | Ended) -> None:
        with contextlib.suppress(OSError):  # the worker is gone and does not want to know
            self._leash.sendall(frame(message))


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
