"""Commands that stay, and whose processes a test wants to find again."""

import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

GRACE_S = 60.0


class Command:
    """A running command whose output is read line by line; killed when its block ends and it has not."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            arguments,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.pid = self._process.pid
        self.exit_code: int | None = None

    def line(self, part: str) -> str:
        """The next line that holds a text."""
        assert self._process.stdout is not None
        seen = []
        for line in self._process.stdout:
            seen.append(line)
            if part in line:
                return line.strip()
        raise AssertionError(f"never said '{part}' but: {''.join(seen)}")

    def interrupt(self) -> None:
        """Ctrl-C, and its end."""
        self._process.send_signal(signal.SIGINT)
        self.wait()

    def wait(self) -> None:
        """Its end, when something else has ended it."""
        self._process.communicate(timeout=GRACE_S)
        self.exit_code = self._process.returncode

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()


def processes_of(directory: Path, program: str = "") -> list[int]:
    """The processes that were started for a directory: it is in their arguments or their environment."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            arguments = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            environment = (place / "environ").read_bytes().decode(errors="replace")
            is_dead = (place / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            if str(directory) in arguments + environment and program in arguments and not is_dead:
                found.append(int(place.name))
    return found
