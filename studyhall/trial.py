"""The trial: one evaluation, the moves it may make, and the measurements on its way.

(new) --a--> waiting --b--> running --c--> completed
                |             |  |---d--> pruned
                |             |  |---e--> infeasible
                |             |  |---f--> failed
                |             |---h--> waiting     (released, or its lease expired and retries are left)
                |---g--> cancelled <--g---|
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field

from studyhall.words import Labels, Metrics, Parameters, PlainText, Word


class TrialState(StrEnum):
    """Where a trial stands; the states after `running` are final."""

    WAITING = "waiting"
    RUNNING = "running"
    COMPLETED = "completed"
    PRUNED = "pruned"
    INFEASIBLE = "infeasible"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing leaves this state."""
        return self not in (TrialState.WAITING, TrialState.RUNNING)


MOVES: Final[frozenset[tuple[TrialState | None, TrialState]]] = frozenset(
    {
        (None, TrialState.WAITING),  # a: queued by a person, suggested ahead of demand
        (None, TrialState.RUNNING),  # b: suggested for a claim
        (None, TrialState.COMPLETED),  # imported, finished
        (None, TrialState.PRUNED),
        (None, TrialState.INFEASIBLE),
        (None, TrialState.FAILED),
        (TrialState.WAITING, TrialState.RUNNING),  # b: claimed
        (TrialState.WAITING, TrialState.COMPLETED),  # late accept: its lease expired, nobody has claimed it since
        (TrialState.WAITING, TrialState.PRUNED),
        (TrialState.WAITING, TrialState.INFEASIBLE),
        (TrialState.WAITING, TrialState.FAILED),
        (TrialState.RUNNING, TrialState.COMPLETED),  # c
        (TrialState.RUNNING, TrialState.PRUNED),  # d
        (TrialState.RUNNING, TrialState.INFEASIBLE),  # e
        (TrialState.RUNNING, TrialState.FAILED),  # f
        (TrialState.WAITING, TrialState.CANCELLED),  # g
        (TrialState.RUNNING, TrialState.CANCELLED),  # g
        (TrialState.RUNNING, TrialState.WAITING),  # h
    }
)
"""Every legal move; `None` is where a trial comes from."""

Source = Literal["model", "initial", "queue", "import", "fallback", "revived", "exploit"]
"""Who chose the parameters: an engine's model, its start, a person, a record, or chance because the engine was late;
`revived`: nobody anew, a stopped trial goes on; `exploit`: those of a better trial, changed a little, from its
checkpoint."""

FailureKind = Literal[
    "user_error", "bad_result", "no_result", "timeout", "entrypoint_not_allowed", "bad_checkpoint",
    "oom", "killed", "worker_lost", "infrastructure",
]  # fmt: skip
INFRASTRUCTURE: Final[frozenset[str]] = frozenset({"oom", "killed", "worker_lost", "infrastructure"})
"""Failures that say nothing about the user's code; they are retried `retry.infrastructure` times."""


class Prediction(Word):
    """What the engine expected of a suggestion: posterior mean and deviation per objective."""

    mean: dict[str, float]
    deviation: dict[str, float]


class Trial(Word):
    """A trial as the server tells it."""

    id: str
    study: str
    number: int
    """Dense within a study, from 0."""
    state: TrialState
    reason: str | None = None
    """Why it ended as it did, or why it waits again."""
    failure: FailureKind | None = None
    parameters: Parameters
    metrics: dict[str, float] = Field(default_factory=dict)
    """The final metrics; of a pruned trial, its last measurement."""
    attempt: int = 0
    """How many times it has been claimed."""
    worker: str | None = None
    source: Source
    predicted: Prediction | None = None
    why: str | None = None
    """One line: which engine suggested this, and why."""
    suggested_at_sequence: int | None = None
    """The study's sequence number that the suggestion knew."""
    parent: int | None = None
    """The number of the trial whose weights this one starts from, where the algorithm says so; null: fresh ones."""
    step: int | None = None
    """The last step reported by the current attempt."""
    stop_requested: str | None = None
    """Why the worker has been asked to stop; it ends the trial, not the request."""
    retry_of: str | None = None
    checkpoint: int | None = None
    """The step of the last checkpoint that its worker keeps."""
    continues: str | None = None
    """The trial from whose checkpoint it began: its own earlier part, or one that did better."""
    continued_by: str | None = None
    """It was stopped, and goes on as that trial."""
    labels: Labels = Field(default_factory=dict)
    note: PlainText = ""
    excluded: bool = False
    """Kept for people, hidden from the engine and from the best."""
    sequence: int
    """The study's sequence number at the last change of this trial."""
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None


class Measurement(Word):
    """Metrics at a step (an epoch, a fold, a rung); steps count from wherever the user likes."""

    step: Annotated[int, Field(ge=0, le=2**53)]
    metrics: Metrics
    elapsed_s: Annotated[float, Field(ge=0, le=1e9)] | None = None


class RecordedMeasurement(Measurement):
    """A measurement as the server tells it, with the attempt it belongs to."""

    attempt: int


class Attempt(Word):
    """One execution of a trial under one lease."""

    trial: str
    attempt: int
    worker: str
    started_at: datetime
    ended_at: datetime | None = None
    outcome: Literal["completed", "pruned", "infeasible", "failed", "cancelled", "released", "lost"] | None = None
    reason: str | None = None
