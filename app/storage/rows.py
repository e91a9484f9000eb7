"""One dataclass per table that a transaction changes; field names are the column names.

Rows are the only values in the house that change: a transaction owns them until it commits.
"""

from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class StudyRow:
    """A row of `studies`; columns are explained in `tables`."""

    id: str
    project: str
    name: str
    definition: str
    space_version: int
    seed: int
    state: str
    reason: str | None
    sequence: int
    next_number: int
    created: int
    max_trials: int | None
    parallelism: int | None
    priority: int
    turn: float
    claimable: bool
    exhausted: bool
    waiting: int
    running: int
    completed: int
    pruned: int
    infeasible: int
    failed: int
    cancelled: int
    best_trial: str | None
    best_number: int | None
    best_value: float | None
    expected_improvement: float | None
    converging: int
    device_seconds: float
    steps: float
    last_result: int
    created_at: float
    updated_at: float
    ended_at: float | None
    archived_at: float | None
    traceparent: str | None


@dataclass(slots=True, eq=False)
class TrialRow:
    """A row of `trials`; columns are explained in `tables`."""

    id: str
    study_id: str
    number: int
    state: str
    reason: str | None
    failure: str | None
    parameters: str
    metrics: str | None
    value: float | None
    on_front: bool
    attempt: int
    token: str | None
    result: str | None
    worker: str | None
    source: str
    predicted: str | None
    why: str | None
    suggested_at: int | None
    parent: int | None
    identity: str | None
    step: int | None
    points: int
    level: int | None
    checkpoint: int | None
    continues: str | None
    continued_by: str | None
    refused: int
    stop_requested: str | None
    retry_of: str | None
    labels: str
    note: str
    excluded: bool
    counted: bool
    lost: int
    errors: int
    not_before: float | None
    expires_at: float | None
    lease_s: float | None
    sequence: int
    created_at: float
    started_at: float | None
    finished_at: float | None


@dataclass(slots=True, eq=False)
class AttemptRow:
    """A row of `attempts`."""

    trial_id: str
    attempt: int
    worker: str
    started_at: float
    ended_at: float | None
    outcome: str | None
    reason: str | None


@dataclass(slots=True, eq=False)
class MeasurementRow:
    """A row of `measurements`."""

    trial_id: str
    attempt: int
    step: int
    metrics: str
    elapsed_s: float | None


@dataclass(slots=True, eq=False)
class LogRow:
    """A row of `logs`."""

    trial_id: str
    attempt: int
    start: int
    until: int
    text: str


@dataclass(slots=True, eq=False)
class ArtifactRow:
    """A row of `artifacts`."""

    trial_id: str
    attempt: int
    name: str
    sha256: str
    size: int
    created_at: float


@dataclass(slots=True, eq=False)
class LessonRow:
    """A row of `lessons`."""

    study_id: str
    earlier: str
    trials: str


@dataclass(slots=True, eq=False)
class LevelRow:
    """A row of `levels`."""

    study_id: str
    level: int
    trial_id: str
    point: str


@dataclass(slots=True, eq=False)
class EventRow:
    """A row of `events`."""

    study_id: str
    sequence: int
    kind: str
    trial_id: str | None
    number: int | None
    at: float
    data: str | None


@dataclass(slots=True, eq=False)
class WorkerRow:
    """A row of `workers`."""

    project: str
    name: str
    version: str
    host: str
    state: str
    reason: str | None
    capabilities: str
    trainables: str
    slots: int
    machine: str | None
    completed: int
    failed: int
    streak: int
    first_seen_at: float
    last_seen_at: float


@dataclass(slots=True, eq=False)
class KeyRow:
    """A row of `keys`."""

    id: str
    project: str
    name: str
    scope: str
    study_id: str | None
    hash: str
    created_at: float
    expires_at: float | None
    revoked_at: float | None
    last_used_at: float | None = None
    taken_until: float | None = None
    """The end of its grace, once it was rotated."""


@dataclass(slots=True, eq=False)
class WebhookRow:
    """A row of `webhooks`."""

    id: str
    project: str
    study_id: str | None
    url: str
    kinds: str
    secret: str
    state: str
    error: str | None
    delivered_at: float | None
    created_at: float


@dataclass(slots=True, eq=False)
class AnswerRow:
    """A row of `answers`."""

    key_id: str
    route: str
    idempotency_key: str
    request: str
    status: int
    body: str
    at: float
