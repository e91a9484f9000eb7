"""What the server and an engine process say to each other: JSON in frames, over a pair of pipes.

A frame is four bytes of length, big end first, and that much JSON. No pickle: a pipe carries values, never code.
"""

from typing import Annotated, Final

from pydantic import Field

from app.search.engine import Lesson, Observation, Suggestion
from studyhall.space import Space
from studyhall.study import Algorithm, Objective
from studyhall.trial import Prediction
from studyhall.words import Parameters, Word

LENGTH_BYTES: Final = 4
LONGEST_FRAME: Final = 256 << 20


class Ask(Word):
    """Wants suggestions; carries only what the engine process does not know yet."""

    study: str
    space: Space | None
    """None: the one it was told before."""
    algorithm: Algorithm
    objectives: tuple[Objective, ...]
    constraints: tuple[str, ...]
    count: Annotated[int, Field(ge=1)]
    number: Annotated[int, Field(ge=0)]
    max_trials: int | None
    parallelism: int | None
    max_device_seconds: float | None = None
    changed: tuple[Observation, ...]
    removed: tuple[int, ...]
    lessons: tuple[Lesson, ...] = ()
    """Of earlier studies; told with the space."""
    points: tuple[Parameters, ...] = ()
    """Wants predictions at these points instead of suggestions."""
    hidden: tuple[int, ...] = ()
    """Trials that this question leaves out: its answers are to take their place."""
    forget: tuple[str, ...] = ()
    """Studies that will not be asked about again soon."""


class Load(Word):
    """Imports an engine ahead of the first question, outside of its time limit."""

    algorithm: Algorithm


class Message(Word):
    """One of the two."""

    ask: Ask | None = None
    load: Load | None = None


class Answer(Word):
    """Suggestions, or predictions, or why there are none."""

    suggestions: tuple[Suggestion, ...] = ()
    predictions: tuple[Prediction, ...] = ()
    error: str | None = None
    is_last: bool = False
    """The process ends with this answer."""


def frame(message: Word) -> bytes:
    """A message as it goes through the pipe."""
    # Without unset fields: "default": null of a parameter is not the same as no default.
    body = message.model_dump_json(exclude_unset=True).encode()
    return len(body).to_bytes(LENGTH_BYTES, "big") + body
