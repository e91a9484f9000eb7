"""What trials leave behind: logs and artifacts."""

from datetime import datetime
from typing import Annotated

from pydantic import StringConstraints

from studyhall.wire.claims import Held
from studyhall.words import Count, Word

MAX_LOG_PIECE = 65_536


class SendLog(Held):
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
    """0 while the trial waits for its first."""
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
