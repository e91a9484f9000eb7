"""Processes of ours, each in a group of its own, that end when we do: started, watched, and stopped in order."""

import os
import signal
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Thread
from types import FrameType
from typing import IO, Final, cast

from studyhall.errors import InvalidInput, Unavailable

READY: Final = "ready "
"""A child that serves prints this word and its address once it does."""
BAD_SETTINGS: Final = 2
"""How the server ends when it was not told rightly how to start."""
LOG_TAIL_LINES: Final = 3
LONGEST_LOG_BYTES: Final = 20 * 1024 * 1024
"""A log that is longer at a start is put aside, one is kept."""
ENDING_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Child:
    """One process; what it prints goes to its log.

    Args:
        ended: gets the child when its process has ended.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str],
        ended: "SimpleQueue[Child]",
    ) -> None:
        self.name = name
        self.arguments = tuple(arguments)
        self.log = log
        self.address: str | None = None
        self.exit_code: int | None = None
        """None while it runs; negative when a signal ended it."""
        self._ready, self._ended = Event(), Event()
        with log.open("ab") as errors:
            self._log_start = errors.tell()  # what stands before was said by others
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "studyhall.commands.leash", str(os.getpid()), sys.executable, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **environment},
                start_new_session=True,
            )
        Thread(target=self._copy_output, name=f"{name} output", daemon=True).start()
        Thread(target=self._wait, args=(ended,), name=f"{name} end", daemon=True).start()

    @property
    def pid(self) -> int:
        """The process, which is also its group."""
        return self._process.pid

    def wait_until_ready(self, timeout_s: float) -> str:
        """The address it serves at.

        Raises:
            InvalidInput: when it ended because of its settings.
            Unavailable: when it ended, or was not ready in time; with the end of its log.
        """
        self._ready.wait(timeout_s)
        if self.address is None:
            why = (
                f"ended with code {self.exit_code}"
                if self.exit_code is not None
                else f"is not ready after {timeout_s:g} s"
            )
            kind = InvalidInput if self.exit_code == BAD_SETTINGS else Unavailable
            raise kind(f"the {self.name} {why}: {self.log_tail() or 'it said nothing'} (see {self.log})")
        return self.address

    def log_tail(self) -> str:
        """The last lines that it has printed, as one."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            lines = log.read().decode("utf-8", "replace").splitlines()[-LOG_TAIL_LINES:]
        return " | ".join(line.strip() for line in lines if line.strip())

    def ask_to_end(self) -> None:
        """Says that it should end soon."""
        self._signal(signal.SIGTERM)

    def wait_or_kill(self, grace_s: float) -> None:
        """Waits for its end, and ends it and all its children when that takes more than `grace_s` seconds."""
        if not self._ended.wait(grace_s):
            self.kill()
            self._ended.wait()

    def kill(self) -> None:
        """Ends it and all its children now; a signal handler may call this."""
        self._signal(signal.SIGKILL, whole_group=True)

    def _signal(self, number: int, *, whole_group: bool = False) -> None:
        if self._ended.is_set():
            return
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number) if whole_group else os.kill(self.pid, number)

    def _wait(self, ended: "SimpleQueue[Child]") -> None:
        self.exit_code = self._process.wait()
        self._ended.set()
        self._ready.set()
        ended.put(self)

    def _copy_output(self) -> None:
        # Not before waiting for the end: a grandchild that outlives the child would keep this pipe open.
        with cast("IO[bytes]", self._process.stdout) as output, self.log.open("ab") as log:
            for line in output:
                log.write(line)
                log.flush()
                text = line.decode("utf-8", "replace").strip()
                if self.address is None and text.startswith(READY):
                    self.address = text.removeprefix(READY)
                    self._ready.set()


class Children:
    """The children of this process.

    Args:
        logs: a directory for their logs; made when it is needed.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: list[Child] = []
        self._ended: SimpleQueue[Child] = SimpleQueue()

    def start(self, name: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Child:
        """Starts a Python program: `["-m", "app", "serve"]`."""
        log = self._logs / f"{name.replace(' ', '-')}.log"
        self._logs.mkdir(parents=True, exist_ok=True)
        _begin_anew_when_long(log)
        child = Child(name, arguments, log=log, environment=environment or {}, ended=self._ended)
        self._running.append(child)
        return child

    def next_end(self, timeout_s: float | None = None) -> Child | None:
        """The next child that ends without having been told to; None when none did in time."""
        try:
            child = self._ended.get(timeout=timeout_s)
        except Empty:
            return None
        self._running.remove(child)
        return child

    def stop(self, grace_s: float, *, but: Collection[Child | None] = ()) -> None:
        """Stops all, or all but some, together. Another signal ends them at once."""
        for number in ENDING_SIGNALS:
            signal.signal(number, self._kill_all)
        stopping = [child for child in self._running if child not in but]
        for child in stopping:
            child.ask_to_end()
        for child in stopping:
            child.wait_or_kill(grace_s)
            self._running.remove(child)

    def _kill_all(self, _number: int, _frame: FrameType | None) -> None:
        for child in self._running:
            child.kill()


def _begin_anew_when_long(log: Path) -> None:
    if log.exists() and log.stat().st_size > LONGEST_LOG_BYTES:
        log.replace(log.with_suffix(".old.log"))


class Stopped(BaseException):
    """Somebody wants this process to end: an interrupt, a termination, or a terminal that was closed."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


def raise_on_signals() -> None:
    """From here on the signals that end a process raise `Stopped` in it, so that it can clean up."""
    for number in ENDING_SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # ignored: started by nohup
            signal.signal(number, _raise_stopped)


def _raise_stopped(number: int, _frame: FrameType | None) -> None:
    raise Stopped(number)
