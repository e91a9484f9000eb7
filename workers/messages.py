"""What a worker and a trial's process say to each other: JSON with its length in front, over a socket.

    worker -> trial    Start, Told, StopNow
    trial  -> worker   Reported, Kept, Saved, and one verdict: Done, NotFeasible or WentWrong
    keeper -> worker   Began, Ended

Why JSON and not pickle: the trial's process runs the user's code, and what it says is read like any stranger's word.
"""

import signal
import struct
from typing import Annotated, Final, Literal

from pydantic import Field, TypeAdapter

from studyhall.architecture.definition import Architecture
from studyhall.study import Task
from studyhall.trial import FailureKind
from studyhall.words import Metrics, Parameters, Word

MAX_MESSAGE_BYTES: Final = 4 * 1024 * 1024
MAX_TEXT: Final = 16_384
"""How much of a traceback is kept, in characters."""
HEADER: Final = struct.Struct("!I")


class Start(Word):
    """Everything the trial's process needs to know; it is not told the worker's key."""

    say: Literal["start"] = "start"
    trial: str
    number: int
    attempt: int
    seed: int
    parameters: Parameters
    task: Task
    architecture: Architecture | None = None
    objectives: tuple[str, ...]
    device: str
    threads: int
    workdir: str
    resume_from: str | None = None
    resume_step: int = -1
    """The step after which that checkpoint was made; what is reported up to it is known."""
    inherit_from: str | None = None
    """What the trial's parent has kept, brought here."""
    elapsed_s: float = 0.0
    """How long earlier attempts had trained up to that checkpoint."""
    checkpoint_every_s: float = 60.0
    checkpoint_every: int | None = None
    """Steps between checkpoints that others may go on from."""
    is_strict: bool = False
    """Whether it is kept from the network and from files that are not its own."""
    import_from: tuple[str, ...] = ()
    """Directories that the user's packages are imported from, before all others."""
    environment: dict[str, str]


class Told(Word):
    """The server's answer to the reports up to this one, or that there is no server to answer."""

    say: Literal["told"] = "told"
    report: int


class StopNow(Word):
    """End soon: what was measured so far will stand."""

    say: Literal["stop"] = "stop"
    reason: str
    resume: bool = False
    """It shall go on elsewhere, or may go on later: from a checkpoint, if it saves one now."""


class Reported(Word):
    """Metrics at a step; `report` counts the reports of this attempt from 1."""

    say: Literal["reported"] = "reported"
    report: int
    step: Annotated[int, Field(ge=0, le=2**53)]
    metrics: Metrics
    elapsed_s: float


class Kept(Word):
    """A file or directory to keep as an artifact: the worker's own, to remove when it is kept."""

    say: Literal["kept"] = "kept"
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$", max_length=128)]
    path: str


class Saved(Word):
    """A checkpoint that is whole."""

    say: Literal["saved"] = "saved"
    step: Annotated[int, Field(ge=0, le=2**53)]
    path: str
    elapsed_s: float


class Done(Word):
    """The trainable returned. `stopped`: it had been told to stop before that."""

    say: Literal["done"] = "done"
    metrics: dict[str, float]
    stopped: bool


class NotFeasible(Word):
    """This configuration cannot work."""

    say: Literal["not_feasible"] = "not_feasible"
    reason: str


class WentWrong(Word):
    """The trainable raised, or what it returned is no result."""

    say: Literal["went_wrong"] = "went_wrong"
    kind: FailureKind
    message: str
    see_log: bool = False
    """The reason is in the last lines of the log: another program wrote it."""


class Began(Word):
    """The trial's process exists."""

    say: Literal["began"] = "began"
    pid: int


class Ended(Word):
    """The trial's process and all that it started are gone."""

    say: Literal["ended"] = "ended"
    exit_code: int | None = None
    signal: int | None = None
    limit: str | None = None
    """Which limit it was ended for."""
    cpu_s: float = 0.0
    max_rss_mb: float = 0.0
    strays: int = 0
    """How many processes it left behind, which were ended too."""


ToTrial = Start | Told | StopNow
Verdict = Done | NotFeasible | WentWrong
FromTrial = Reported | Kept | Saved | Verdict
FromKeeper = Began | Ended

to_trial: TypeAdapter[ToTrial] = TypeAdapter(Annotated[ToTrial, Field(discriminator="say")])
from_trial: TypeAdapter[FromTrial] = TypeAdapter(Annotated[FromTrial, Field(discriminator="say")])
from_keeper: TypeAdapter[FromKeeper] = TypeAdapter(Annotated[FromKeeper, Field(discriminator="say")])


def frame(message: Word) -> bytes:
    """A message as it goes over the socket."""
    body = message.to_json().encode()
    return HEADER.pack(len(body)) + body


def signal_name(number: int) -> str:
    """SIGSEGV; of real-time signals, which have no names but for the first and the last, their number."""
    return signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"


def last_part(text: str, limit: int = MAX_TEXT) -> str:
    """The end of a text, where the reason of a failure is, without control characters that would trouble a terminal."""
    readable = "".join(char for char in text if char in "\n\t" or char.isprintable())
    return readable if len(readable) <= limit else "…" + readable[1 - limit :]
