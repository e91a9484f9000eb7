"""What people ask of studies, trials and spaces, and what a space check answers."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from studyhall.architecture.graph import Counts
from studyhall.errors import invalid
from studyhall.parameters import Parameter
from studyhall.space import Space
from studyhall.study import Algorithm, Budget, Objective, Stopping, StudyDefinition
from studyhall.trial import Measurement
from studyhall.words import Labels, Metrics, ParameterName, Parameters, ParameterValue, PlainText, StudyName, Word


class CreateStudy(StudyDefinition):
    """A study to make. `if_exists`: what to do when the name is taken."""

    if_exists: Literal["error", "get"] = "error"


class PatchStudy(Word):
    """What may change in a study; absent fields stay as they are."""

    budget: Budget | None = None
    algorithm: Algorithm | None = None
    stopping: Stopping | None = None
    parallelism: Annotated[int, Field(ge=1, le=10_000)] | None = None
    priority: Annotated[int, Field(ge=1, le=1000)] | None = None
    labels: Labels | None = None
    description: PlainText | None = None
    space: Space | None = None
    objectives: tuple[Objective, ...] | None = None


class PauseStudy(Word):
    """What becomes of running trials: they `go_on`, or `save` a checkpoint and wait until the study is resumed."""

    running: Literal["go_on", "save"] = "go_on"


class StopStudy(Word):
    """How to stop: `drain` lets running trials end, `graceful` asks them to stop, `kill` cancels them at once."""

    mode: Literal["drain", "graceful", "kill"] = "graceful"
    reason: PlainText | None = None


CONFIRMS = "confirms"
"""The label of a repetition: the number of the trial that it repeats."""


class ConfirmStudy(Word):
    """Which trials of a study to run again with other seeds: the best `top`, `seeds` times each."""

    top: Annotated[int, Field(ge=1, le=30)] = 3
    """Of several objectives, of the Pareto front in the order of the first one."""
    seeds: Annotated[int, Field(ge=1, le=30)] = 3
    name: StudyName | None = None
    """Of the study that runs them; absent: the name and `-confirmed`."""


class QueueTrial(Word):
    """A trial to run (parameters may be partial, the rest is suggested), or, with a final `state`, one to import."""

    parameters: dict[ParameterName, ParameterValue]
    state: Literal["waiting", "completed", "pruned", "infeasible", "failed"] = "waiting"
    metrics: Metrics | None = None
    measurements: Annotated[tuple[Measurement, ...], Field(max_length=1000)] = ()
    reason: PlainText | None = None
    labels: Labels = Field(default_factory=dict)
    note: PlainText = ""

    @field_validator("measurements")
    @classmethod
    def _one_a_step(cls, told: tuple[Measurement, ...]) -> tuple[Measurement, ...]:
        """Metrics of one step that were told apart belong together, as in reports."""
        by_step: dict[int, Measurement] = {}
        for index, one in enumerate(told):
            before = by_step[one.step].metrics if one.step in by_step else {}
            if clash := [name for name in one.metrics if before.get(name, one.metrics[name]) != one.metrics[name]]:
                at = [(f"/{index}/metrics/{name}", f"step {one.step} has {before[name]!r} already") for name in clash]
                raise invalid(at)
            by_step[one.step] = one.model_copy(update={"metrics": before | one.metrics})
        return tuple(by_step.values())


class QueueTrials(Word):
    """Several trials at once, all or none."""

    trials: Annotated[tuple[QueueTrial, ...], Field(min_length=1, max_length=1000)]


class PatchTrial(Word):
    """What people may change in a trial; `metrics` corrects a finished trial and is audited."""

    labels: Labels | None = None
    note: PlainText | None = None
    excluded: bool | None = None
    metrics: Metrics | None = None


ExportFormat = Literal["jsonl", "csv", "parquet"]
"""One trial a line as the API tells it, or a table (`studyhall.trial_table`)."""


class Ask(Word):
    """A person's request to stop or cancel a trial, with the reason."""

    reason: PlainText | None = None


class CheckSpace(Word):
    """A space to validate without making a study, and how many samples to draw from it."""

    space: Space
    samples: Annotated[int, Field(ge=0, le=100)] = 5


class SampledNetwork(Word):
    """The network of one sample."""

    hash: str
    """The same for isomorphic networks."""
    counts: Counts
    drawing: str
    """One line an operator, its shape and its weights."""


class CheckedArchitecture(Word):
    """What an architecture comes to: the parameters it is flattened to, and the networks of the samples."""

    parameters: tuple[Parameter, ...]
    networks: tuple[SampledNetwork, ...]


class CheckedSpace(Word):
    """What a valid space looks like: its size (absent: a continuum), samples, and how often constraints hold."""

    size: int | None = None
    feasible_share: float
    samples: tuple[Parameters, ...]
    architecture: CheckedArchitecture | None = None


class AlgorithmInfo(Word):
    """An engine or a stopping rule, what it is for, and the JSON schema of its options."""

    name: str
    kind: Literal["engine", "stopping"] = "engine"
    summary: str
    options: dict[str, Any]
    predicts: bool = False
    """Its suggestions say what is expected of them: what `budget.min_improvement` needs."""
