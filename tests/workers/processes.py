"""Looking at processes from outside."""

import asyncio
from pathlib import Path


def is_alive(pid: int) -> bool:
    """Whether a process runs; a dead one that nobody has buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def count_processes() -> int:
    """How many there are on this machine."""
    return sum(1 for entry in Path("/proc").iterdir() if entry.name.isdecimal())


async def becomes_true(fact, timeout_s: float = 20.0) -> None:
    """Waits for something in the world outside of this process."""
    async with asyncio.timeout(timeout_s):
        while not fact():  # noqa: ASYNC110 - the kernel rings no bell for this
            await asyncio.sleep(0.01)


def has_text(path: Path) -> bool:
    """Whether a file has been written."""
    return path.exists() and bool(path.read_text())


def everything_below(pid: int) -> list[int]:
    """All descendants of a process, parents first."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        parent = waiting.pop(0)
        children = [
            int(child) for task in Path(f"/proc/{parent}/task").glob("*/children") for child in task.read_text().split()
        ]
        found += children
        waiting += children
    return found
