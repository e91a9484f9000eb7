"""What a program's output tells: JSON lines, on stdout or in a file, and patterns for programs that print neither."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from studyhall.trial_context import metric_name

LONGEST_LINE: Final = 65_536
STEP: Final = "step"
REMEMBERED: Final = 4096
"""Of the bytes before those that are new: a file that has others in that place was written anew."""


def metrics_in(line: str) -> dict[str, float] | None:
    """The metrics that a JSON line tells, by the nearest names they may have, or None when it is just a line."""
    if not line.startswith("{") or len(line) > LONGEST_LINE:
        return None
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not found or not all(isinstance(value, int | float) for value in found.values()):
        return None
    return {metric_name(name): value for name, value in found.items() if not isinstance(value, bool)}


class MetricLines:
    """Reads the lines of one program.

    Args:
        settings: the task's. `patterns` are regular expressions by metric, whose first group is the number; that of
            `step` says which step the numbers on its line and on those after it belong to.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        patterns: Mapping[str, str] = settings.get("patterns") or {}
        self._patterns = {name: re.compile(pattern) for name, pattern in patterns.items()}
        self._step: float | None = None

    def read(self, line: str) -> dict[str, float] | None:
        """The metrics on a line, with their step where there is one; None when it is just a line."""
        found = metrics_in(line)
        if found is not None or not self._patterns:
            return found
        told = {
            name: value for name, pattern in self._patterns.items() if (value := _number(pattern, line)) is not None
        }
        self._step = told.pop(STEP, self._step)
        if not told:
            return None
        return told if self._step is None else {STEP: self._step, **told}


class MetricsFile:
    """The file that a program writes its JSON lines to, read as far as it is there; written anew, it is read anew."""

    def __init__(self, path: Path) -> None:
        self._path, self._at, self._before, self._rest = path, 0, b"", b""

    def new_lines(self, *, is_last: bool = False) -> Iterator[str]:
        """The whole lines since the last time; at the end of the program also one that nothing ends."""
        try:
            piece = self._new()
        except FileNotFoundError:
            return
        self._at += len(piece)
        self._before = (self._before + piece)[-REMEMBERED:]
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if is_last and self._rest:
            lines, self._rest = [*lines, self._rest], b""
        yield from (line.decode("utf-8", "replace") for line in lines)

    def _new(self) -> bytes:
        with self._path.open("rb") as file:
            file.seek(self._at - len(self._before))
            found = file.read()
            if found.startswith(self._before):
                return found[len(self._before) :]
            self._at, self._before, self._rest = 0, b"", b""
            file.seek(0)
            return file.read()


def _number(pattern: "re.Pattern[str]", line: str) -> float | None:
    found = pattern.search(line[:LONGEST_LINE])
    try:
        return None if found is None else float(found[1])
    except (ValueError, TypeError):
        return None  # the group is empty, or holds something else on this line
