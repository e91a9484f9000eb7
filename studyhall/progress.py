"""One line that tells how far a study is: painted over on a terminal, now and then a new line anywhere else."""

import shutil
import sys
from collections.abc import Callable
from time import monotonic
from types import TracebackType
from typing import Final, Self, TextIO

from studyhall.study import Objective
from studyhall.wire.results import Summary

BAR_WIDTH: Final = 24
PLAIN_EVERY_S: Final = 10.0
"""How often a line is printed where nothing can be painted over, in seconds."""


def progress_text(summary: Summary, goal: Objective, *, total: int | None, done: int | None = None) -> str:
    """`[######------] 12/24 trials  best accuracy 0.9812 (#7)  14.2 trials/min  0:50`."""
    done = finished_trials(summary) if done is None else done
    parts = [f"{bar(done / total)} {done}/{total} trials" if total else f"{done} trials"]
    if summary.best is not None and goal.metric in summary.best.metrics:
        parts.append(f"best {goal.metric} {number_text(summary.best.metrics[goal.metric])} (#{summary.best.number})")
    if summary.trials_per_minute:
        parts.append(f"{summary.trials_per_minute:.1f} trials/min")
    if summary.no_worker:
        parts.append(summary.no_worker)
    return "  ".join([*parts, duration_text(summary.elapsed_s)])


def number_text(value: float) -> str:
    """Four decimals where they tell something, else four digits."""
    return f"{value:.4f}" if 0.01 <= abs(value) < 1000 else f"{value:.4g}"


def finished_trials(summary: Summary) -> int:
    """How many trials will not change any more."""
    return sum(count for state, count in summary.trials.items() if state not in ("waiting", "running"))


def bar(share: float, *, width: int = BAR_WIDTH) -> str:
    """`[######------]` for one half."""
    filled = round(min(max(share, 0.0), 1.0) * width)
    return f"[{'#' * filled}{'-' * (width - filled)}]"


def duration_text(seconds: float) -> str:
    """`0:50`, `12:03` or `3:00:12`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class ProgressLine:
    """Shows a study's progress on a stream, standard error if none is given.

    Args:
        clock: seconds; spaces the lines where nothing can be painted over.
        shown: None: only on a terminal.
    """

    def __init__(
        self, clock: Callable[[], float] = monotonic, *, stream: TextIO | None = None, shown: bool | None = None
    ) -> None:
        self._stream = stream or sys.stderr
        self._clock = clock
        self._paints = self._stream.isatty()
        self._shown = self._paints if shown is None else shown
        self._painted = 0
        self._next_plain_s = clock()
        self._last = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish()

    @property
    def is_shown(self) -> bool:
        """Whether anybody sees it."""
        return self._shown

    def show(self, summary: Summary, *, goal: Objective, total: int | None, done: int | None = None) -> None:
        """Shows where the study stands now."""
        if not self._shown:
            return
        text = progress_text(summary, goal, total=total, done=done)
        if self._paints:
            self._paint(text)
        elif self._clock() >= self._next_plain_s:
            self._print(text)
        else:
            self._last = text

    def finish(self) -> None:
        """Leaves the last line standing."""
        if self._painted:
            self._stream.write("\n")
        elif self._last:
            self._stream.write(self._last + "\n")
        self._stream.flush()
        self._painted, self._last = 0, ""

    def _paint(self, text: str) -> None:
        text = text[: shutil.get_terminal_size().columns - 1]
        self._stream.write("\r" + text.ljust(self._painted))
        self._stream.flush()
        self._painted = len(text)

    def _print(self, text: str) -> None:
        self._last = ""
        self._next_plain_s = self._clock() + PLAIN_EVERY_S
        self._stream.write(text + "\n")
        self._stream.flush()
