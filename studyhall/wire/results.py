"""What is read of studies: events, summaries, and columns for charts and analyses."""

from datetime import datetime
from typing import Literal

from pydantic import Field, JsonValue

from studyhall.study import StudyState
from studyhall.trial import Trial
from studyhall.words import Labels, Parameters, Word


class Event(Word):
    """Something that happened in a study; `sequence` is its place and the cursor."""

    sequence: int
    kind: str
    study: str
    trial: str | None = None
    number: int | None = None
    at: datetime
    data: dict[str, JsonValue] = Field(default_factory=dict)


class Events(Word):
    """Events after a cursor; `sequence` is the cursor to ask with next."""

    items: tuple[Event, ...]
    sequence: int


class Feed(Word):
    """How far each study of a project is; of very many, the five hundred that changed last."""

    sequences: dict[str, int]
    """The sequence number of each study, by its id."""
    cursor: str
    """What to ask with next: as long as it is the same, so is all this."""


class Best(Word):
    """The best trials: one for one objective, the Pareto front for several; empty before the first result."""

    trials: tuple[Trial, ...]


class Summary(Word):
    """A study at a glance."""

    id: str
    name: str
    state: StudyState
    reason: str | None = None
    sequence: int
    trials: dict[str, int]
    max_trials: int | None = None
    planned_trials: int | None = None
    """How many it will have once `max_trials` are spent: with those that cost nothing, as imported ones."""
    best: Trial | None = None
    trials_per_minute: float | None = None
    elapsed_s: float
    device_seconds: float
    no_worker: str | None = None
    """Why no worker runs its trials: what it asks for and none has, or that none is there. Null where one can."""


class History(Word):
    """The course of a search as columns of equal length, by trial number; thinned out to `max_points`."""

    metric: str
    goal: Literal["minimize", "maximize"]
    number: tuple[int, ...]
    state: tuple[str, ...]
    value: tuple[float | None, ...]
    best: tuple[float | None, ...]
    finished_at: tuple[float | None, ...]
    feasible: tuple[bool | None, ...]
    """Whether it breaks none of the study's constraints; null without metrics."""
    total: int
    """How many trials have ended, shown or not."""
    sequence: int = 0
    """The study's sequence number that this holds for."""


class TrialColumns(Word):
    """Many trials at once, newest first, as columns of equal length: a tenth of the work of pages of trials."""

    number: tuple[int, ...]
    state: tuple[str, ...]
    parameters: tuple[Parameters, ...]
    metrics: tuple[dict[str, float] | None, ...]
    worker: tuple[str | None, ...]
    source: tuple[str, ...]
    attempt: tuple[int, ...]
    step: tuple[int | None, ...]
    excluded: tuple[bool, ...]
    labels: tuple[Labels, ...]
    reason: tuple[str | None, ...]
    sequence: tuple[int, ...]
    started_at: tuple[float | None, ...]
    """Seconds since 1970."""
    finished_at: tuple[float | None, ...]
    next_cursor: str | None = None


AnalysisKind = Literal[
    "ablation",
    "calibration",
    "contour",
    "convergence",
    "curves",
    "edf",
    "health",
    "hypervolume",
    "importance",
    "operators",
    "parallel",
    "pareto",
    "partial_dependence",
    "rank",
    "slice",
    "timeline",
]


class Analysis(Word):
    """What a study's history says, as columns of equal length and facts about them; docs/analyses.md tells each kind.

    `is_enough` is false, and the columns are empty, while the trials are too few for the method.
    """

    study: str
    sequence: int
    """The study's sequence number that this holds for."""
    kind: str
    total: int
    """How many trials the study has."""
    used: int
    """How many trials this rests on."""
    needed: int
    """How many trials the method takes."""
    is_enough: bool
    is_sampled: bool
    """Whether only every so many-th trial was read, because there are very many."""
    note: str | None = None
    """What to know before believing it."""
    columns: dict[str, list[JsonValue]]
    facts: dict[str, JsonValue] = Field(default_factory=dict)
