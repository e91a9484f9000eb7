"""The trial context inside a worker's child process: each call is a message to the worker."""

import contextlib
import operator
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from studyhall.architecture.graph import Graph
from studyhall.trial_context import Infeasible, MetricsGate, Number, checked_artifact, new_checkpoint
from workers.child.channel import Channel
from workers.messages import Kept, NotFeasible, Reported, Saved, Start, StopNow, Told

LONGEST_ANSWER_S: Final = 2.0
COPIES: Final = ".kept"
"""Where in its scratch directory the copies of artifacts are until the worker has taken them."""


class ChannelTrial:
    """A `studyhall.trial_context.TrialContext` whose worker is at the other end of a channel.

    A report waits for the server's answer, so that a stop decided at a step ends the trial at that step; but never
    longer than the step itself took and never above two seconds, so that neither a training of short steps nor one
    whose server is slow loses more than half of its time.
    """

    def __init__(self, start: Start, channel: Channel) -> None:
        self._start, self._channel = start, channel
        self._gate = MetricsGate(start.objectives, self.log)
        self._reporting = threading.RLock()
        self._reports = self._answered = self._saves = self._copies = 0
        self._goes_on = True
        self._began = self._last_report = self._last_checkpoint = time.monotonic()
        self._last_step = self._saved_step = max(start.resume_step, 0)
        self._shall_resume = False
        self.was_told_to_stop = False
        self.verdict_sent = False

    @property
    def number(self) -> int:
        """The trial's place in its study."""
        return self._start.number

    @property
    def seed(self) -> int:
        """Follows from the study's seed and the number."""
        return self._start.seed

    @property
    def device(self) -> str:
        """`cpu` or `cuda`."""
        return self._start.device

    @property
    def settings(self) -> Mapping[str, Any]:
        """The task's settings."""
        return self._start.task.settings

    @property
    def objectives(self) -> Sequence[str]:
        """The study's metrics."""
        return self._start.objectives

    @cached_property
    def network(self) -> Graph | None:
        """What the parameters describe, when the study's space has an architecture."""
        architecture = self._start.architecture
        return None if architecture is None else architecture.graph(self._start.parameters)

    @property
    def workdir(self) -> Path:
        """This attempt's own directory."""
        return Path(self._start.workdir)

    @property
    def checkpoint_dir(self) -> Path:
        """Where `checkpoint` keeps its directories."""
        return self.workdir / "checkpoints"

    @property
    def resume_from(self) -> Path | None:
        """The last checkpoint of an earlier attempt."""
        return Path(self._start.resume_from) if self._start.resume_from else None

    @property
    def inherit_from(self) -> Path | None:
        """What the trial's parent has kept."""
        return Path(self._start.inherit_from) if self._start.inherit_from else None

    def report(self, step: int, /, **metrics: Number) -> bool:
        """Tells metrics at a step and answers whether to go on."""
        with self._reporting:
            try:
                step = operator.index(step)  # NumPy's and torch's whole numbers too
                found = self._gate.at_step(step, metrics)
            except Infeasible as error:
                self._say_not_feasible(error.reason)
                raise
            self._last_step = max(self._last_step, step)
            if found and step > self._start.resume_step:
                self._send_report(step, found)
            return self.check()

    def check(self) -> bool:
        """Whether to go on, by what the worker has said so far."""
        with self._reporting:
            while (message := self._channel.receive(0.0)) is not None:
                self._hear(message)
            self.was_told_to_stop |= not self._goes_on
            return self._goes_on

    @property
    def has_reported(self) -> bool:
        """Whether this attempt, or the one it goes on from, has told anything."""
        return self._reports > 0 or self._start.resume_step >= 0

    def log(self, text: str) -> None:
        """Writes a line to the attempt's log."""
        with contextlib.suppress(Exception):  # the user's code may have closed it, or put anything in its place
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()

    def artifact(self, name: str, path: str | Path) -> None:
        """Asks the worker to keep a file or directory as it is now: a copy, which nobody changes while it is taken."""
        source = checked_artifact(name, path)
        self._copies += 1
        copy = self.workdir / COPIES / str(self._copies)
        if source.is_dir():
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns(COPIES))
        else:
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
        self._channel.send(Kept(name=name, path=str(copy)))

    @property
    def wants_checkpoint(self) -> bool:
        """Whether the last one is long ago, or this trial shall go on elsewhere, or others from where it is."""
        self.check()
        return (
            self._shall_resume
            or self._is_at_a_level()
            or time.monotonic() - self._last_checkpoint >= self._start.checkpoint_every_s
        )

    def _is_at_a_level(self) -> bool:
        """Whether its population is compared at a step that it has reached since its last checkpoint."""
        every = self._start.checkpoint_every
        return every is not None and self._last_step // every > self._saved_step // every

    @contextmanager
    def checkpoint(self, step: int) -> Iterator[Path]:
        """A directory to save into; the worker takes it when the block has ended."""
        step = operator.index(step)
        self._saves += 1  # the worker may still be at the one before, which may be of this step too
        home = self.checkpoint_dir / str(self._saves)
        with new_checkpoint(home, step) as directory:
            yield directory
        self._last_checkpoint, self._saved_step = time.monotonic(), step
        self._channel.send(Saved(step=step, path=str(home / f"step-{step}"), elapsed_s=self._elapsed_s()))

    def infeasible(self, reason: object) -> Infeasible:
        """Raise what this answers."""
        return Infeasible(reason)

    def final(self, metrics: Mapping[str, Number]) -> dict[str, float]:
        """What counts of the metrics that the trainable returned."""
        return self._gate.finite(metrics, "in the result")

    def _send_report(self, step: int, metrics: dict[str, float]) -> None:
        self._reports += 1
        now = time.monotonic()
        step_s = now - self._last_report
        self._channel.send(Reported(report=self._reports, step=step, metrics=metrics, elapsed_s=self._elapsed_s()))
        deadline = now + min(step_s, LONGEST_ANSWER_S)
        while self._answered < self._reports and (left_s := deadline - time.monotonic()) > 0:
            message = self._channel.receive(left_s)
            if message is None:
                break
            self._hear(message)
        self._last_report = time.monotonic()

    def _hear(self, message: object) -> None:
        match message:
            case Told(report=report):
                self._answered = max(self._answered, report)
            case StopNow(resume=resume):
                self._goes_on = False
                self._shall_resume = resume

    def _elapsed_s(self) -> float:
        return round(self._start.elapsed_s + time.monotonic() - self._began, 6)

    def _say_not_feasible(self, reason: str) -> None:
        # At once: the user's code may catch the exception and train on.
        if not self.verdict_sent:
            self.verdict_sent = True
            self._channel.send(NotFeasible(reason=reason))
