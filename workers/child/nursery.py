"""The nursery: a process that has imported torch once and forks a keeper, and through it a trial's process, on demand.

It stays at one thread and never touches a GPU, since a process that does either cannot be forked safely.
Run by `workers.children`: python -m workers.child.nursery CONTROL_FD ORDERS
"""

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import sys
from pathlib import Path

from studyhall.wire.fleet import TrainableInfo
from studyhall.words import Word
from workers.child.keeper import keep
from workers.child.sandbox import adopt_orphans, children_of
from workers.child.threads import thread_pools
from workers.messages import frame


class Orders(Word):
    """What to import before the first trial."""

    trainables: tuple[str, ...] = ()
    """Names of built-in trainables; `*` is all of them."""
    preload: tuple[str, ...] = ()
    """Modules of the user's that take long to import."""
    import_from: tuple[str, ...] = ()
    groups: str | None = None
    """The control group below which each trial gets one of its own."""


class Ready(Word):
    """What this nursery can run."""

    trainables: tuple[TrainableInfo, ...] = ()
    torch: str = ""
    """Its version."""


def main(control_fd: int, orders: Orders) -> None:
    """Serves until the worker's end of the control socket closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    adopt_orphans()
    control = socket.socket(fileno=control_fd)
    ready = frame(prepare(orders))
    thread_pools()
    try:
        control.sendall(ready)
    except BrokenPipeError:
        return  # the worker did not wait
    gc.collect()
    gc.freeze()  # what is there now is never collected in the forks, whose copies of these pages stay shared
    Nursery(control, Path(orders.groups) if orders.groups else None).serve()
    os._exit(0)  # what an interpreter does at its end would take seconds, and signals still arrive


def prepare(orders: Orders) -> Ready:
    """Imports what trials will need, so that none of them has to."""
    sys.path[:0] = orders.import_from
    for name in orders.preload:
        importlib.import_module(name)
    if not orders.trainables:
        return Ready()
    import torch

    from workers.trainables.registry import TRAINABLES, warm_up

    warm_up()
    offered = [name for name in TRAINABLES if name in orders.trainables or "*" in orders.trainables]
    return Ready(trainables=tuple(TRAINABLES[name].info() for name in offered), torch=torch.__version__)


class Nursery:
    """Forks keepers and buries them."""

    def __init__(self, control: socket.socket, groups: Path | None = None) -> None:
        self._control, self._groups = control, groups
        self._keepers: set[int] = set()
        self._bell, ring = socket.socketpair()
        self._bell.setblocking(False)
        ring.setblocking(False)
        self._ring = ring

    def serve(self) -> None:
        """Forks a keeper for each message of the worker, with the three files that come with it."""
        signal.set_wakeup_fd(self._ring.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        while True:
            readable, _, _ = select.select([self._control, self._bell], [], [])
            if self._bell in readable:
                self._bury()
            if self._control in readable:
                message, files, _, _ = socket.recv_fds(self._control, 1, 3)
                if not message:
                    return
                self._fork_keeper(files)

    def _fork_keeper(self, files: list[int]) -> None:
        pid = os.fork()
        if pid == 0:
            with contextlib.suppress(BaseException):
                signal.set_wakeup_fd(-1)
                self._control.close()
                self._bell.close()
                self._ring.close()
                keep(*files, groups=self._groups)
            os._exit(0)
        self._keepers.add(pid)
        for file in files:
            os.close(file)

    def _bury(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._bell.recv(4096):
                pass
        with contextlib.suppress(ChildProcessError):
            while (pid := os.waitpid(-1, os.WNOHANG)[0]) != 0:
                self._keepers.discard(pid)
        # A keeper that was itself killed leaves its trial's processes to us: nobody waits for them any more.
        for orphan in set(children_of(os.getpid())) - self._keepers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(orphan, signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]), Orders.model_validate_json(sys.argv[2]))
