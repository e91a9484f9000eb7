"""The study: one search, from its definition to how it ended."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, JsonValue, model_validator

from studyhall.errors import invalid
from studyhall.expression import ExpressionError, parse
from studyhall.space import Space
from studyhall.words import Count, Finite, Labels, MetricName, PlainText, StudyName, Versions, Word, Worded

Goal = Literal["minimize", "maximize"]
LONGEST_PATTERN = 500
PLACEHOLDER: Final = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_./-]*)\}")
"""What stands for a value in a command; braces that are doubled stand for themselves."""


class Objective(Word):
    """A metric and what to do with it; a study ends when one trial is as good as every `target` that is given."""

    metric: MetricName
    goal: Goal = "minimize"
    target: Finite | None = None

    def is_better(self, value: float, than: float) -> bool:
        """Whether one value of the metric beats another."""
        return value < than if self.goal == "minimize" else value > than

    def reaches_target(self, value: float) -> bool:
        """Whether a value is as good as the target."""
        return self.target is not None and not self.is_better(self.target, value)


Options = Annotated[dict[Annotated[str, Field(max_length=64)], JsonValue], Field(max_length=50)]


class Algorithm(Word):
    """Which engine proposes, with which options; `GET /v1/algorithms` lists both."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=32)] = "auto"
    options: Options = Field(default_factory=dict)
    seed: Count | None = None
    """Everything random follows from it; a study made without one is given one."""
    ahead: Annotated[int, Field(ge=0, le=64)] | None = None
    """How many suggestions are kept ready for the next claims, and made anew when results come in. 0: each is computed
    when it is asked for, with all results known. Absent: one for every four trials that run, at most 8."""


class Stopping(Word):
    """The rule that ends weak trials early."""

    rule: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=32)] = "none"
    options: Options = Field(default_factory=dict)


class Budget(Word):
    """What a study may cost; it completes when any of them is spent. Absent: no limit of this kind."""

    max_trials: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    max_seconds: Annotated[float, Field(gt=0, le=1e9)] | None = None
    max_failed: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    max_device_seconds: Annotated[float, Field(gt=0, le=1e12)] | None = None
    """Of all trials together, those that run included, which are asked to stop when it is spent."""
    min_improvement: Annotated[float, Field(ge=0, le=1e300)] | None = None
    """In units of the objective: the search has converged when its model expects less of one more trial, several times
    in a row. Needs one objective and an engine that predicts (`GET /v1/algorithms`)."""

    @property
    def ends_by_time(self) -> bool:
        """Whether time alone can spend it."""
        return self.max_seconds is not None or self.max_device_seconds is not None


class Retry(Word):
    """How often a trial is run again by itself."""

    infrastructure: Annotated[int, Field(ge=0, le=20)] = 3
    user_error: Annotated[int, Field(ge=0, le=20)] = 0


class Transfer(Word):
    """Which earlier studies of the project teach this one, by what they had found when it was made."""

    studies: Annotated[tuple[StudyName, ...], Field(max_length=5)] = ()
    """By name; of those found (`find`), the study then tells the names here."""
    find: bool = False
    """Look for others with the same objectives whose spaces overlap, at most 3."""


class Resources(Word):
    """What one attempt needs of the machine that runs it; `gpu` may be a fraction."""

    cpu: Annotated[float, Field(ge=0, le=1024)] = 1
    gpu: Annotated[float, Field(ge=0, le=64)] = 0
    gpu_memory_mb: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    """On each GPU."""
    memory_mb: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    labels: Labels = Field(default_factory=dict)
    versions: Versions = Field(default_factory=dict)
    """The lowest version of each that will do: `studyhall`, `python`, `torch`."""

    @model_validator(mode="after")
    def _memory_is_on_a_gpu(self) -> Self:
        if self.gpu_memory_mb and not self.gpu:
            raise invalid([("/gpu_memory_mb", "needs a GPU to be on: give gpu too")])
        return self


class Task(Word):
    """What a worker runs for a trial: exactly one of `trainable`, `entry_point` and `command`."""

    trainable: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)] | None = None
    entry_point: (
        Annotated[
            str,
            Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$", max_length=256),
            Worded("should be a function in a module: package.module:function"),
        ]
        | None
    ) = None
    command: (
        Annotated[tuple[Annotated[str, Field(max_length=4096)], ...], Field(min_length=1, max_length=200)] | None
    ) = None
    settings: Options = Field(default_factory=dict)
    resources: Resources = Resources()
    timeout_s: Annotated[float, Field(gt=0, le=30 * 86400)] | None = None

    @model_validator(mode="after")
    def _one_door(self) -> Self:
        doors = [self.trainable, self.entry_point, self.command]
        if sum(door is not None for door in doors) != 1:
            raise invalid([("", "give exactly one of trainable, entry_point and command")])
        if self.command is not None and (faults := list(_command_faults(self.settings))):
            raise invalid(faults)
        return self


def _command_faults(settings: Mapping[str, JsonValue]) -> Iterator[tuple[str, str]]:
    """What a worker could not read a program's metrics by: `metrics_file`, `patterns`."""
    file, patterns = settings.get("metrics_file"), settings.get("patterns", {})
    if file is not None and (not isinstance(file, str) or file.startswith("/") or ".." in file.split("/")):
        yield "/settings/metrics_file", "the path of a file below the attempt's directory"
    if not isinstance(patterns, dict):
        yield "/settings/patterns", "an object of regular expressions by metric"
        return
    for metric, pattern in patterns.items():
        if fault := _pattern_fault(str(pattern)):
            yield f"/settings/patterns/{metric}", fault


def _pattern_fault(pattern: str) -> str | None:
    if len(pattern) > LONGEST_PATTERN:
        return f"is longer than {LONGEST_PATTERN} characters"
    try:
        groups = re.compile(pattern).groups
    except (re.error, RecursionError, OverflowError, Warning) as error:
        return f"is no regular expression: {error}"
    return None if groups else "needs a group around the number: 'loss: (\\S+)'"


class StudyState(StrEnum):
    """`stopping`: no new trials, running ones may still end. `failed`: too many trials failed."""

    ACTIVE = "active"
    PAUSED = "paused"
    STOPPING = "stopping"
    COMPLETED = "completed"
    FAILED = "failed"

    @property
    def has_ended(self) -> bool:
        """Whether nothing happens any more unless a person resumes the study."""
        return self in (StudyState.COMPLETED, StudyState.FAILED)


class StudyDefinition(Word):
    """What a user POSTs to make a study."""

    name: StudyName
    space: Space
    objectives: Annotated[tuple[Objective, ...], Field(min_length=1, max_length=10)]
    constraints: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=1000)], ...], Field(max_length=50)] = ()
    """Over metrics: `latency_ms <= 20`. A trial that breaks one is left out of the best and the front."""
    algorithm: Algorithm = Algorithm()
    stopping: Stopping = Stopping()
    budget: Budget = Budget()
    retry: Retry = Retry()
    transfer: Transfer = Transfer()
    parallelism: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """The most trials that may run at once."""
    priority: Annotated[int, Field(ge=1, le=1000)] = 1
    """Its weight among the studies that share workers: with 2, twice the share of one with 1."""
    task: Task | None = None
    """Absent: whoever claims the trials evaluates them."""
    labels: Labels = Field(default_factory=dict)
    description: PlainText = ""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        faults = [*self._objective_faults(), *self._constraint_faults()]
        if faults:
            raise invalid(faults)
        return self

    def _objective_faults(self) -> list[tuple[str, str]]:
        metrics = [objective.metric for objective in self.objectives]
        return [
            (f"/objectives/{index}/metric", f"'{metric}' is already an objective")
            for index, metric in enumerate(metrics)
            if metric in metrics[:index]
        ]

    def _constraint_faults(self) -> list[tuple[str, str]]:
        found = []
        for index, text in enumerate(self.constraints):
            try:
                if not parse(text).names:
                    found.append((f"/constraints/{index}", "reads no metric"))
            except ExpressionError as error:
                found.append((f"/constraints/{index}", str(error)))
        return found

    def meets_constraints(self, metrics: dict[str, float]) -> bool:
        """Whether metrics break none of the study's constraints; a metric not reported breaks none."""
        return all(parse(text).truth(metrics) is not False for text in self.constraints)


class TrialCounts(Word):
    """How many trials a study has in each state."""

    waiting: int = 0
    running: int = 0
    completed: int = 0
    pruned: int = 0
    infeasible: int = 0
    failed: int = 0
    cancelled: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.waiting + self.running + self.finished

    @property
    def finished(self) -> int:
        """Those that will not change any more."""
        return self.completed + self.pruned + self.infeasible + self.failed + self.cancelled


class Incumbent(Word):
    """The best trial so far of a study with one objective."""

    trial: str
    number: int
    value: float


class Study(StudyDefinition):
    """A study as the server tells it."""

    id: str
    state: StudyState
    reason: str | None = None
    """Why it is not active: `user`, `budget`, `target`, `converged`, `exhausted`, `max_failed`, …"""
    space_version: int = 1
    sequence: int
    """Raised by every write to the study: its version (ETag), the event cursor and the cache key."""
    trials: TrialCounts = TrialCounts()
    planned_trials: int | None = None
    """How many it will have once `max_trials` are spent: with those that cost nothing, as imported ones."""
    best: Incumbent | None = None
    expected_improvement: float | None = None
    """By how much the next trial would improve on the best, as the model last saw it, in units of the objective."""
    device_seconds: float = 0.0
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None = None
    archived_at: datetime | None = None
    """Since when it is put away: not in lists, and read-only."""


def definition_of(study: Study) -> StudyDefinition:
    """What to POST to make the same study again."""
    fields: dict[str, Any] = {name: getattr(study, name) for name in StudyDefinition.model_fields}
    return StudyDefinition.model_construct(**fields)
