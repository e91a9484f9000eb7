"""Runs a program that ends when its parent does: python -m studyhall.commands.leash PARENT_PID PROGRAM ARGUMENT...

Why not `preexec_fn`: it runs Python between fork and exec, where a thread of the parent may hold any lock. On systems
without PR_SET_PDEATHSIG the program runs all the same, and outlives a parent that was killed.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def run(parent: int, program: list[str]) -> None:
    """Becomes the program. A parent that has already gone ends this process instead."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() == parent:
        os.execv(program[0], program)  # noqa: S606  # no shell is wanted


if __name__ == "__main__":
    run(int(sys.argv[1]), sys.argv[2:])
