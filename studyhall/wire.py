"""Sentences that exist only in conversation: requests, their answers, pages and problems."""

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import Field, JsonValue, StringConstraints

from studyhall.architecture.definition import Architecture
from studyhall.architecture.graph import Counts
from studyhall.parameters import Parameter
from studyhall.space import Space
from studyhall.study import Algorithm, Budget, Objective, Stopping, StudyDefinition, StudyState, Task
from studyhall.trial import FailureKind, Measurement, Trial
from studyhall.words import (
    Count,
    Labels,
    Metrics,
    ParameterName,
    Parameters,
    ParameterValue,
    PlainText,
    StudyName,
    Token,
    Versions,
    Word,
    WorkerName,
)

LEASE_S = 60.0
LONGEST_WAIT_S = 60.0

T = TypeVar("T")


class Page(Word, Generic[T]):
    """One page of a list; `next_cursor` asks for the next one and is absent on the last."""

    items: tuple[T, ...]
    next_cursor: str | None = None


class FieldProblem(Word):
    """One fault of one field."""

    pointer: str
    message: str


class Problem(Word):
    """RFC 9457 `application/problem+json`."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: tuple[FieldProblem, ...] = ()
    request_id: str | None = None


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


class QueueTrials(Word):
    """Several trials at once, all or none."""

    trials: Annotated[tuple[QueueTrial, ...], Field(min_length=1, max_length=1000)]


class PatchTrial(Word):
    """What people may change in a trial; `metrics` corrects a finished trial and is audited."""

    labels: Labels | None = None
    note: PlainText | None = None
    excluded: bool | None = None
    metrics: Metrics | None = None


Seconds = Annotated[float, Field(ge=0, le=LONGEST_WAIT_S)]
LeaseSeconds = Annotated[float, Field(ge=1, le=3600)]


class Claim(Word):
    """Asks for trials to run. The same token again returns the same trials."""

    token: Token
    worker: WorkerName
    study: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    """A study's id or name; absent: any study with a task that this worker can run."""
    count: Annotated[int, Field(ge=1, le=64)] = 1
    wait_s: Seconds = 10.0
    lease_s: LeaseSeconds = LEASE_S
    capabilities: "Capabilities | None" = None


class Capabilities(Word):
    """What a worker can run; a claim without a study is matched against it."""

    trainables: tuple[Annotated[str, Field(max_length=64)], ...] = ()
    entry_points: tuple[Annotated[str, Field(max_length=256)], ...] = ()
    """Allowed entry points; `package.*` allows a whole package."""
    commands: tuple[Annotated[str, Field(max_length=4096)], ...] = ()
    """Allowed programs: the first word of a command."""
    cpu: Annotated[float, Field(ge=0)] = 1
    gpu: Annotated[float, Field(ge=0)] = 0
    gpu_memory_mb: Annotated[int, Field(ge=0)] = 0
    """On each of its GPUs; 0: nobody tells."""
    memory_mb: Annotated[int, Field(ge=0)] = 0
    labels: Labels = Field(default_factory=dict)
    versions: Versions = Field(default_factory=dict)
    """Of what a task may ask for: `studyhall`, `python`, `torch`."""


class Lease(Word):
    """The right to write to a trial: for how long from now, and how often to renew it."""

    expires_in_s: float
    heartbeat_s: float


class StudyBrief(Word):
    """What a worker needs to know of a study."""

    id: str
    name: str
    objectives: tuple[Objective, ...]
    seed: int
    task: Task | None = None
    architecture: Architecture | None = None
    """What the `arch.` parameters of its trials describe."""
    traceparent: str | None = None
    """The request that made the study, where it was traced (W3C Trace Context): its trials' spans belong below it."""
    keeps_checkpoints: bool = False
    """Its trials may go on later, or others from where they are: save a checkpoint when told to stop, and keep it."""
    checkpoint_every: int | None = None
    """Save a checkpoint every so many steps, too."""


class Origin(Word):
    """The trial from whose checkpoint another one begins."""

    trial: str
    number: int
    step: int
    """Where it begins: the next step is the one after."""


class ClaimedTrial(Word):
    """One trial handed out, under one lease."""

    trial: Trial
    attempt: int
    lease: Lease
    study: StudyBrief
    origin: Origin | None = None
    """Where its first attempt begins; absent: at the beginning."""


class Claimed(Word):
    """The answer to a claim."""

    trials: tuple[ClaimedTrial, ...]


Directive = Literal["continue", "stop"]


class Told(Word):
    """The answer to measurements and heartbeats."""

    directive: Directive
    reason: str | None = None
    give_back: str | None = None
    """Why the worker shall have the trial save a checkpoint, and release it: it goes on later. Who cannot, goes on."""
    lease: Lease


class _Held(Word):
    """What every write of a worker carries."""

    attempt: Annotated[int, Field(ge=1, le=1_000_000)]
    token: Token


class Report(_Held):
    """Measurements of a running trial, one or many; a resend changes nothing."""

    measurements: Annotated[tuple[Measurement, ...], Field(min_length=1, max_length=1000)]
    checkpoint: Count | None = None
    """The step of the newest checkpoint that is kept: from here on others may go on from it."""


class Heartbeat(_Held):
    """Renews the lease; with `wait_s` the answer comes when there is a directive, or then."""

    wait_s: Seconds = 0.0


class NextClaim(Word):
    """A claim for the next trial, made together with a `complete`."""

    token: Token
    worker: WorkerName | None = None
    lease_s: LeaseSeconds = LEASE_S


class Complete(_Held):
    """The final metrics; may carry the last measurements, and a claim for the next trial of the study."""

    metrics: Metrics
    pruned: bool = False
    """The trial was stopped early: its state becomes `pruned`."""
    measurements: Annotated[tuple[Measurement, ...], Field(max_length=1000)] = ()
    checkpoint: Count | None = None
    """The step of the newest checkpoint that is kept; a pruned trial with one may be told to go on later."""
    claim: NextClaim | None = None


class Completed(Word):
    """The answer to `complete`: the stored trial, and the next one if it was asked for and there is one."""

    trial: Trial
    claimed: Claimed | None = None


class Infeasible(_Held):
    """This configuration cannot work: the engine learns from it."""

    reason: PlainText


class Fail(_Held):
    """The attempt went wrong; `kind` decides whether it is tried again."""

    kind: FailureKind
    message: str = ""
    """The end of the traceback or log; the last 16 KiB are kept."""


class Release(_Held):
    """Gives the trial back; it costs neither budget nor a retry."""

    reason: PlainText | None = None


MAX_LOG_PIECE = 65_536


class SendLog(_Held):
    """A piece of what an attempt prints; the same piece again changes nothing."""

    start: Count
    """Where it begins, in characters from the beginning of the attempt's log."""
    text: Annotated[str, StringConstraints(pattern=r"^[^\x00]*$", min_length=1, max_length=MAX_LOG_PIECE)]


class LogKept(Word):
    """How far the server has an attempt's log."""

    next: int
    """Where the next piece begins, in characters."""
    full: bool = False
    """It takes no more of it."""


class Log(Word):
    """A part of an attempt's log."""

    attempt: int
    text: str
    next: int
    """What to ask for next, in characters from the beginning."""
    ended: bool
    """Whether the attempt has ended: then there is no more than what is there."""


class Artifact(Word):
    """A file that an attempt has kept."""

    name: str
    attempt: int
    sha256: str
    size: int
    """In bytes."""
    created_at: datetime


ExportFormat = Literal["jsonl", "csv", "parquet"]
"""One trial a line as the API tells it, or a table (`studyhall.trial_table`)."""


class Ask(Word):
    """A person's request to stop or cancel a trial, with the reason."""

    reason: PlainText | None = None


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


class TrainableInfo(Word):
    """A built-in trainable: its settings and the parameters it understands, as JSON schemas."""

    name: str
    summary: str
    settings: dict[str, Any]
    parameters: dict[str, Any] = Field(default_factory=dict)
    metrics: tuple[str, ...] = ()


class GpuUse(Word):
    """A GPU and how busy it is; sizes in MiB, `utilization` from 0 to 1, null where nobody tells."""

    id: Annotated[str, Field(max_length=128)]
    name: Annotated[str, Field(max_length=128)] = ""
    memory_mb: Annotated[int, Field(ge=0)] = 0
    memory_used_mb: Annotated[int, Field(ge=0)] | None = None
    utilization: Annotated[float, Field(ge=0, le=1)] | None = None


class MachineUse(Word):
    """A worker's machine and how busy it was when it last said so; sizes in MiB."""

    cpus: Annotated[int, Field(ge=0)]
    load: Annotated[float, Field(ge=0)]
    """How many processes wanted a core, over the last minute."""
    memory_mb: Annotated[int, Field(ge=0)]
    memory_used_mb: Annotated[int, Field(ge=0)]
    gpus: Annotated[tuple[GpuUse, ...], Field(max_length=64)] = ()


class RegisterWorker(Word):
    """A worker introduces itself, and says again from time to time that it is there."""

    name: WorkerName
    version: Annotated[str, Field(max_length=32)]
    capabilities: Capabilities = Capabilities()
    trainables: tuple[TrainableInfo, ...] = ()
    host: Annotated[str, Field(max_length=255)] = ""
    slots: Annotated[int, Field(ge=1, le=100_000)] = 1
    """How many trials it runs at once."""
    machine: MachineUse | None = None


class Worker(Word):
    """A worker as the server tells it."""

    name: str
    version: str
    host: str = ""
    state: Literal["online", "offline", "quarantined", "draining"]
    reason: str | None = None
    capabilities: Capabilities
    running: int = 0
    completed: int = 0
    failed: int = 0
    failure_rate: float | None = None
    """Of the attempts it has ended, how many failed or were lost, from 0 to 1."""
    slots: int = 1
    machine: MachineUse | None = None
    first_seen_at: datetime
    last_seen_at: datetime


class PatchWorker(Word):
    """What a person may change of a worker: put it aside, drain it, or take it back."""

    state: Literal["online", "draining", "quarantined"]
    reason: PlainText | None = None


Scope = Literal["admin", "user", "reader", "worker"]


class CreateKey(Word):
    """A key to make; `expires_in_s` absent: 90 days, for workers 30."""

    name: Annotated[PlainText, Field(min_length=1, max_length=128)]
    scope: Scope
    expires_in_s: Annotated[float, Field(gt=0, le=10 * 365 * 86400)] | None = None


class RotateKey(Word):
    """A new key in the place of an old one; the old one is taken for `grace_s` more, 0: it ends at once."""

    grace_s: Annotated[float, Field(ge=0, le=30 * 86400)] = 86400.0
    expires_in_s: Annotated[float, Field(gt=0, le=10 * 365 * 86400)] | None = None
    """Absent: as long as from the making of the old one to its end."""


class Key(Word):
    """A key as the server tells it; `secret` only once, when it is made."""

    id: str
    name: str
    scope: Scope | Literal["guest"]
    """`guest`: a share link, which reads one study."""
    project: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    """To the hour; absent: not yet."""
    secret: str | None = None


class Audited(Word):
    """A line of the audit log: an act that changes who may do what, or what a result is."""

    id: int
    at: datetime
    key: str
    """The id of the key that did it; empty: the server itself, or somebody where no keys are asked for."""
    action: str
    """`key.created`, `study.deleted`, `trial.corrected` …"""
    subject: str
    """The id or name of what it was done to."""
    data: dict[str, JsonValue] = Field(default_factory=dict)


class ServerInfo(Word):
    """What a server is and how it stands; what `studyhall doctor` looks at."""

    version: str
    now: datetime
    """The server's clock, in UTC."""
    database: Literal["sqlite", "postgresql"]
    engines: int | None = None
    """Engine processes that live beside this server; absent: others run them (`studyhall engine`)."""
    writes_waiting: int
    """How many writes wait for the database now."""


class Health(Word):
    """Whether the service is up, without saying anything about its inside."""

    status: Literal["ok", "unavailable"]
