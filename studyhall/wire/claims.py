"""What workers and the server say to each other about the trials that they hold."""

from typing import Annotated, Literal

from pydantic import Field

from studyhall.architecture.definition import Architecture
from studyhall.study import Objective, Task
from studyhall.trial import FailureKind, Measurement, Trial
from studyhall.words import Count, Labels, Metrics, PlainText, Token, Versions, Word, WorkerName

LEASE_S = 60.0
LONGEST_WAIT_S = 60.0

Seconds = Annotated[float, Field(ge=0, le=LONGEST_WAIT_S)]
LeaseSeconds = Annotated[float, Field(ge=1, le=3600)]


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


class Claim(Word):
    """Asks for trials to run. The same token again returns the same trials."""

    token: Token
    worker: WorkerName
    study: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    """A study's id or name; absent: any study with a task that this worker can run."""
    count: Annotated[int, Field(ge=1, le=64)] = 1
    wait_s: Seconds = 10.0
    lease_s: LeaseSeconds = LEASE_S
    capabilities: Capabilities | None = None


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


class Held(Word):
    """What every write of a worker carries."""

    attempt: Annotated[int, Field(ge=1, le=1_000_000)]
    token: Token


class Report(Held):
    """Measurements of a running trial, one or many; a resend changes nothing."""

    measurements: Annotated[tuple[Measurement, ...], Field(min_length=1, max_length=1000)]
    checkpoint: Count | None = None
    """The step of the newest checkpoint that is kept: from here on others may go on from it."""


class Heartbeat(Held):
    """Renews the lease; with `wait_s` the answer comes when there is a directive, or then."""

    wait_s: Seconds = 0.0


class NextClaim(Word):
    """A claim for the next trial, made together with a `complete`."""

    token: Token
    worker: WorkerName | None = None
    lease_s: LeaseSeconds = LEASE_S


class Complete(Held):
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


class Infeasible(Held):
    """This configuration cannot work: the engine learns from it."""

    reason: PlainText


class Fail(Held):
    """The attempt went wrong; `kind` decides whether it is tried again."""

    kind: FailureKind
    message: str = ""
    """The end of the traceback or log; the last 16 KiB are kept."""


class Release(Held):
    """Gives the trial back; it costs neither budget nor a retry."""

    reason: PlainText | None = None
