"""What every child process of the server does first: take over its pipes, know its limits, end with its parent."""

import ctypes
import os
import platform
import signal
import sys
import threading
import time
from typing import BinaryIO, Final

_PR_SET_PDEATHSIG: Final = 1
LENGTH_BYTES: Final = 4


def take_over_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The pipe to the server, out of reach of whatever prints: what goes to stdout from now on lands on stderr."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return sys.stdin.buffer, answers


def limit(memory_mb: int, niceness: int) -> None:
    """Bounds the address space (0: not at all) and stands back for the server. Before numpy is imported."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.nice(niceness)
    if memory_mb:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory_mb << 20, memory_mb << 20))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the server decides when we end


def die_with(parent: int) -> None:
    """Ends this process when the server does, also in the middle of a calculation."""
    if platform.system() == "Linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before we could ask
            os._exit(1)
        return
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)
