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
    """F17: replies of successful writes that were sent while the log held bytes that no fsync had covered.

    Sound when one request is in flight at a time: then whatever is in the log belongs to the reply's transaction.
    """
    dirty: str | None = None
    for line in trace.read_text(errors="replace").splitlines():
        match = _CALL.match(line)
        if match is None:
            continue
        call = match.group(1)
        if call == "pwrite64" and "-wal>" in line:
            dirty = line
        elif (
            call in ("fdatasync", "fsync") and ("-wal>" in line or "resumed" in line) and line.rstrip().endswith("= 0")
        ):
            dirty = None
        elif call in ("write", "sendto", "sendmsg", "writev") and '"HTTP/1.1 20' in line and dirty is not None:
            yield f"F17 a reply left before the log was synced: {dirty[:120]} then {line[:120]}"
            dirty = None


def synced_replies(trace: Path) -> int:
    """How many replies the trace holds."""
    return trace.read_text(errors="replace").count('"HTTP/1.1 20')
