"""What a trainable sees of its trial, and the same thing for a run by hand.

    def train(params: dict, trial: TrialContext) -> dict[str, float]:
        for step in range(1, params["epochs"] + 1):
            ...
            if not trial.report(step, val_accuracy=accuracy, val_loss=loss):
                break
        return {"val_accuracy": accuracy}

A worker runs it in a process of its own (`workers.child.context`); `LocalTrial` runs it here. What counts as a metric
is decided once, in `MetricsGate`, so that a trainable that works by hand works in the fleet.
"""

import hashlib
import math
import operator
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, SupportsFloat, SupportsIndex

from studyhall.architecture.graph import Graph

MAX_METRICS = 100
_METRIC_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]{0,127}")
_ARTIFACT_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")

Number = SupportsFloat | SupportsIndex
"""Whatever `float()` takes: Python's, NumPy's and torch's numbers."""


class Infeasible(Exception):
    """This configuration cannot work; the search learns from it and goes on."""

    def __init__(self, reason: object) -> None:
        self.reason = str(reason)  # the error that tells it, for instance
        super().__init__(self.reason)


class BadCheckpoint(Exception):
    """A checkpoint that cannot be resumed from."""


class TrialContext(Protocol):
    """A trial as its trainable sees it."""

    @property
    def number(self) -> int:
        """The trial's place in its study, from 0."""

    @property
    def seed(self) -> int:
        """Follows from the study's seed and the number; Python's, NumPy's and torch's generators start from it."""

    @property
    def device(self) -> str:
        """`cpu`, or `cuda`: the devices this trial may use are the only ones it sees."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """The `settings` of the study's task."""

    @property
    def objectives(self) -> Sequence[str]:
        """The metrics that the study is about, the first one first."""

    @property
    def network(self) -> Graph | None:
        """The network that the parameters describe, when the study's space has an architecture."""

    @property
    def workdir(self) -> Path:
        """A directory of this attempt's own, gone when it has ended."""

    @property
    def checkpoint_dir(self) -> Path:
        """Where `checkpoint` keeps its directories."""

    @property
    def resume_from(self) -> Path | None:
        """The last checkpoint of an earlier attempt at this trial, or None: begin at the beginning."""

    @property
    def inherit_from(self) -> Path | None:
        """What the trial that this one descends from has kept, by the artifacts' names, or None: begin afresh."""

    def report(self, step: int, /, **metrics: Number) -> bool:
        """Tells metrics at a step (an epoch, a fold) and answers whether to go on.

        Steps count up from wherever you like. A metric that is told twice for one step keeps its first value.

        Raises:
            Infeasible: an objective is not a finite number. Other metrics that are not finite are left out.
            ValueError, TypeError: a metric's name or value, or the step, is none.
        """

    def check(self) -> bool:
        """Whether to go on, without telling anything; costs nothing."""

    def log(self, text: str) -> None:
        """Writes a line to the attempt's log, as `print` does."""

    def artifact(self, name: str, path: str | Path) -> None:
        """Keeps a file or a directory beyond the attempt, under this name."""

    @property
    def wants_checkpoint(self) -> bool:
        """Whether now is a good moment for one: the last is long ago, or the trial shall go on elsewhere."""

    def checkpoint(self, step: int) -> AbstractContextManager[Path]:
        """A directory to save into; it counts as a checkpoint when the `with` block ends without an error.

        Raises:
            ValueError: at the block's end: the directory holds a link, or a name that is not UTF-8.
        """

    def infeasible(self, reason: object) -> Infeasible:
        """Says that this configuration cannot work: `raise trial.infeasible("the model does not fit")`."""


def trial_seed(study_seed: int, number: int) -> int:
    """The seed of one trial, from 0 to 2^32 - 1: the same in every attempt, wherever it runs."""
    return int.from_bytes(hashlib.blake2b(f"{study_seed}/{number}".encode(), digest_size=4).digest(), "big")


@dataclass
class MetricsGate:
    """Decides what of a report counts: finite numbers, each metric once for a step.

    Args:
        objectives: these must be finite; without any, every metric must.
        complain: told once about each metric that is left out.
    """

    objectives: Sequence[str] = ()
    complain: Callable[[str], None] = lambda _: None
    _steps: dict[int, set[str]] = field(default_factory=dict)
    _complained: set[str] = field(default_factory=set)

    def at_step(self, step: int, metrics: Mapping[str, Number]) -> dict[str, float]:
        """The metrics of one step that are new."""
        if not 0 <= step <= 2**53:
            raise ValueError(f"a step is a whole number from 0, not {step!r}")
        if not metrics:
            raise ValueError("report at least one metric: trial.report(step, val_loss=0.3)")
        known = self._steps.setdefault(step, set())
        found = {name: value for name, value in self.finite(metrics, f"at step {step}").items() if name not in known}
        known.update(found)
        return found

    def finite(self, metrics: Mapping[str, Number], place: str) -> dict[str, float]:
        """The metrics whose values are finite.

        Raises:
            Infeasible: an objective is not.
        """
        if len(metrics) > MAX_METRICS:
            raise ValueError(f"{len(metrics)} metrics are more than the {MAX_METRICS} that a trial may have")
        found: dict[str, float] = {}
        for name, given in metrics.items():
            value = _as_float(name, given)
            if math.isfinite(value):
                found[name] = value
            elif name in self.objectives or not self.objectives:
                raise Infeasible(f"'{name}' was {value} {place}")
            else:
                self._complain_once(name, f"'{name}' was {value} {place}; such values of it are left out")
        return found

    def _complain_once(self, name: str, message: str) -> None:
        if name not in self._complained:
            self._complained.add(name)
            self.complain(message)


def result_metrics(result: object, objectives: Sequence[str]) -> dict[str, Number]:
    """What a trainable returned, as metrics: a dict of them, or the one objective's value; None is no metrics.

    Raises:
        TypeError: when it is something else.
    """
    if result is None:
        return {}
    if isinstance(result, Mapping):
        return dict(result)
    if isinstance(result, SupportsFloat | SupportsIndex) and not isinstance(result, str | bytes):
        if len(objectives) == 1:
            return {objectives[0]: result}
        raise TypeError("one number was returned and the study has several objectives; return a dict of metrics")
    raise TypeError(f"a {type(result).__name__} was returned; return a dict of metrics, or the objective's value")


def metric_name(text: str) -> str:
    """What others call a metric (`ndcg@5`, `top 3`, `1`), as a metric's name here: `ndcg_5`, `top_3`, `_1`."""
    named = re.sub(r"[^A-Za-z0-9_./-]", "_", text)
    return (named if named[:1].isalpha() else f"_{named.removeprefix('_')}")[:128]


def checked_artifact(name: str, path: str | Path) -> Path:
    """The path, when both it and the name will do.

    Raises:
        ValueError: the name is no plain file name, or a directory holds what cannot be kept.
        FileNotFoundError: nothing is at the path.
    """
    if not _ARTIFACT_NAME.fullmatch(name):
        raise ValueError(f"'{name}' cannot name an artifact; use letters, digits, '_', '-' and '.'")
    if not Path(path).exists():
        raise FileNotFoundError(f"there is nothing at {path} to keep as '{name}'")
    _check_all_in(Path(path), f"the artifact '{name}'")
    return Path(path).absolute()


def _check_all_in(directory: Path, place: str, *, with_links: bool = True) -> None:
    """Every file of a directory, its name too: here it is the user's to mend; a worker could only fail the trial."""
    for path in (Path(at) / name for at, below, files in os.walk(directory) for name in below + files):
        where = f"{str(path.relative_to(directory))!r} in {place}"
        if path.name.encode("utf-8", "replace").decode() != path.name:
            raise ValueError(f"{where} has a name that is not UTF-8; rename it")
        if path.is_symlink() and not with_links:
            raise ValueError(f"{where} is a link; copy there what it leads to")
        if not (path.is_file() or path.is_dir()) and os.path.lexists(path):  # and not gone by now
            raise ValueError(f"{where} is neither a file nor a directory, nor a link to one")


def _as_float(name: str, value: Number) -> float:
    if not _METRIC_NAME.fullmatch(name):
        raise ValueError(f"'{name}' cannot name a metric; use letters, digits and '_ . / -', a letter first")
    if isinstance(value, str | bytes):
        raise TypeError(f"metric '{name}' is text; report a number")
    detach = getattr(value, "detach", None)  # a loss as training code has it: torch warns when it becomes a number
    try:
        return float(value if detach is None else detach())
    except OverflowError:  # a whole number beyond all floats
        return math.inf
    except (TypeError, ValueError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and getattr(value, "ndim", 1) == 0:
            raise  # it is one number: what a GPU failed at before is told when a number is read from it
        raise TypeError(f"metric '{name}' is a {type(value).__name__}; report a number") from error


@dataclass
class LocalTrial:
    """A trial without a worker: runs a trainable by hand, in a test, or for an SDK that evaluates trials itself.

        trial = LocalTrial(seed=1, settings={"dataset": "digits"})
        print(train({"lr": 0.01, "epochs": 5}, trial), trial.reports)

    Args:
        tell: hears of each report `(step, metrics)` and answers whether to go on; by default it is printed.
    """

    number: int = 0
    seed: int = 0
    device: str = "cpu"
    settings: Mapping[str, Any] = field(default_factory=dict)
    objectives: Sequence[str] = ()
    network: Graph | None = None
    resume_from: Path | None = None
    inherit_from: Path | None = None
    tell: Callable[[int, dict[str, float]], bool] | None = None
    reports: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    artifacts: dict[str, Path] = field(default_factory=dict)
    _goes_on: bool = True

    @cached_property
    def workdir(self) -> Path:
        """A new directory that stays: it is yours to look at and to remove."""
        return Path(tempfile.mkdtemp(prefix="studyhall-trial-"))

    @cached_property
    def checkpoint_dir(self) -> Path:
        """`workdir/checkpoints`."""
        return self.workdir / "checkpoints"

    @cached_property
    def _gate(self) -> MetricsGate:
        return MetricsGate(self.objectives, self.log)

    def report(self, step: int, /, **metrics: Number) -> bool:
        """Tells metrics at a step; see `TrialContext.report`."""
        step = operator.index(step)
        found = self._gate.at_step(step, metrics)
        if found:
            self.reports.append((step, found))
            self._goes_on = (self.tell or self._print)(step, found) and self._goes_on
        return self._goes_on

    def check(self) -> bool:
        """Whether to go on."""
        return self._goes_on

    def stop(self) -> None:
        """From here on `report` and `check` answer no."""
        self._goes_on = False

    def log(self, text: str) -> None:
        """Prints a line."""
        sys.stdout.write(f"{text}\n")

    def artifact(self, name: str, path: str | Path) -> None:
        """Remembers where the artifact is."""
        self.artifacts[name] = checked_artifact(name, path)

    @property
    def wants_checkpoint(self) -> bool:
        """Only when it was asked to stop."""
        return not self._goes_on

    @contextmanager
    def checkpoint(self, step: int) -> Iterator[Path]:
        """A directory to save into, renamed into place at the end of the `with` block."""
        with new_checkpoint(self.checkpoint_dir, step) as directory:
            yield directory

    def infeasible(self, reason: object) -> Infeasible:
        """Raise what this answers."""
        return Infeasible(reason)

    def _print(self, step: int, metrics: dict[str, float]) -> bool:
        self.log(f"step {step}  " + "  ".join(f"{name} {value:.6g}" for name, value in metrics.items()))
        return True


@contextmanager
def new_checkpoint(checkpoints: Path, step: int) -> Iterator[Path]:
    """A directory that becomes `checkpoints/step-N` when the block ends without an error, and otherwise never was."""
    checkpoints.mkdir(parents=True, exist_ok=True)
    beside, final = checkpoints / f".step-{step}", checkpoints / f"step-{step}"
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    try:
        yield beside
        _check_all_in(beside, f"the checkpoint of step {step}", with_links=False)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    shutil.rmtree(final, ignore_errors=True)
    beside.rename(final)
