"""Workers and their machines."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from studyhall.wire.claims import Capabilities
from studyhall.words import PlainText, Word, WorkerName


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
