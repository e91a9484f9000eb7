"""strace on a server: kills and errors at an exact system call, and the order of writes, syncs and replies."""

import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.faults.processes import is_alive

IS_THERE = shutil.which("strace") is not None


class Tracer:
    """strace, attached to a process and all its threads.

    Args:
        inject: what to do at which calls, in strace's words: `fdatasync:signal=KILL:when=7`.
    """

    def __init__(self, pid: int, calls: str, output: Path, *, inject: str | None = None) -> None:
        self.output, self._pid = output, pid
        errors = output.with_suffix(".err")
        command = ["strace", "-f", "-y", "-s", "24", "-o", str(output), "-e", f"trace={calls}", "-p", str(pid)]
        if inject:
            command += ["-e", f"inject={inject}"]
        with errors.open("wb") as file:
            self._process = subprocess.Popen(command, stderr=file)
        deadline = time.monotonic() + 5
        while b"attached" not in errors.read_bytes():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"strace cannot attach: {errors.read_text()[:300]}")
            time.sleep(0.01)

    def detach(self) -> None:
        """Lets the process run freely again."""
        # strace itself may wait for ever for a thread that has died under it.
        self._process.send_signal(signal.SIGINT if is_alive(self._pid) else signal.SIGKILL)
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


_CALL = re.compile(r"^\d+\s+(?:<\.\.\. )?(\w+)")


def replies_before_their_sync(trace: Path) -> Iterator[str]:
    """F17: replies to POSTs between whose arrival and themselves no bytes were both logged and synced.

    Asked from each request's arrival on, since the server also writes of its own accord (suggestions made ahead, the
    sweeper): such a write may be in the log, not yet synced, while a reply leaves whose own write is safe. Sound when
    one request that writes is in flight at a time. What it cannot see: a reply that hides behind the sync of such a
    write, which few of a thousand could.
    """
    logged = synced = False
    for line in trace.read_text(errors="replace").splitlines():
        match = _CALL.match(line)
        if match is None:
            continue
        call = match.group(1)
        if call in ("recvfrom", "read") and '"POST ' in line:
            logged = synced = False
        elif call == "pwrite64" and "-wal>" in line:
            logged = True
        elif call in ("fdatasync", "fsync") and ("-wal>" in line or "resumed" in line):
            synced |= logged and line.rstrip().endswith("= 0")
        elif call in ("write", "sendto", "sendmsg", "writev") and '"HTTP/1.1 20' in line and not synced:
            yield f"F17 a reply left before the log was synced: {line[:120]}"


def synced_replies(trace: Path) -> int:
    """How many replies the trace holds."""
    return trace.read_text(errors="replace").count('"HTTP/1.1 20')
