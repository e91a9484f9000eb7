"""The keeper: parent of one trial's process, and the end of everything that process leaves behind.

Over the leash the worker sends single letters: T asks the trial's group to terminate, K ends everyone. When the leash
breaks, because the worker is gone, the keeper ends everyone too.
"""

import contextlib
import os
import select
import signal
import socket
import time
from typing import Final, NoReturn

from workers.child.sandbox import adopt_orphans, children_of
from workers.child.trial import run_trial
from workers.messages import Began, Ended, frame

TERMINATE: Final = b"T"
KILL: Final = b"K"
LONGEST_DEATH_S: Final = 10.0
"""A process that cannot be killed for this long hangs in a driver; it is left to the system."""


def keep(channel_fd: int, leash_fd: int, log_fd: int) -> NoReturn:
    """Forks the trial's process, stays until nothing of it is left, and ends."""
    os.setsid()
    adopt_orphans()
    leash = socket.socket(fileno=leash_fd)
    bell, ring = socket.socketpair()
    ring.setblocking(False)
    signal.set_wakeup_fd(ring.fileno(), warn_on_full_buffer=False)
    keeper = os.getpid()
    trial = os.fork()
    if trial == 0:
        signal.set_wakeup_fd(-1)
        for mine in (leash, bell, ring):
            mine.close()
        run_trial(channel_fd, log_fd, keeper)
    os.close(channel_fd)
    os.close(log_fd)
    Keeper(trial, leash, bell).watch()
    os._exit(0)  # before the bell is taken down: another signal may still ring it


class Keeper:
    """Watches one trial's process."""

    def __init__(self, trial: int, leash: socket.socket, bell: socket.socket) -> None:
        self._trial, self._leash, self._bell = trial, leash, bell
        self._ended: Ended | None = None
        self._strays = 0

    def watch(self) -> None:
        """Returns when the trial's process and its descendants are gone, after saying so."""
        self._say(Began(pid=self._trial))
        while self._ended is None:
            readable, _, _ = select.select([self._leash, self._bell], [], [])
            if self._bell in readable:
                self._bell.recv(4096)
                self._reap()
            if self._leash in readable and self._ended is None:
                self._obey(self._leash.recv(64))
        self._end_everyone()
        self._say(self._ended.model_copy(update={"strays": self._strays}))

    def _obey(self, letters: bytes) -> None:
        if not letters or KILL in letters:
            self._end_everyone()
        else:
            _signal_group(self._trial, signal.SIGTERM)

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
