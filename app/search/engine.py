"""What an engine sees and what it answers: the one protocol of the search floor.

An engine is a pure function: no clock, no state, no I/O. The same space, history, count, seed and number give the same
suggestions on any server, so nothing is lost at a restart. What it would be slow to rebuild may be cached; dropping a
cache changes nothing but time. Standard library only: the API process reads this file.
"""

from dataclasses import dataclass, field
from typing import Literal, Protocol

from studyhall.expression import parse
from studyhall.space import Space
from studyhall.study import Objective
from studyhall.trial import Prediction, TrialState
from studyhall.words import Parameters


@dataclass(frozen=True, slots=True)
class Observation:
    """One trial as an engine may see it; excluded trials never get here."""

    number: int
    state: TrialState
    """Waiting and running trials are pending: their parameters are taken, their values unknown."""
    parameters: Parameters
    values: tuple[float, ...] | None = None
    """In the order of the study's objectives, as reported (never negated), finite; None without a result."""
    metrics: dict[str, float] = field(default_factory=dict)
    curve: tuple[tuple[int, float], ...] = ()
    """(step, first objective), ascending by step."""
    seconds: float | None = None
    """How long the trial ran."""

    @property
    def is_pending(self) -> bool:
        """Whether its result is still to come."""
        return not self.state.is_final


@dataclass(frozen=True, slots=True)
class Lesson:
    """What an earlier study found, as it was when the later one was made."""

    study: str
    """Its name."""
    observations: tuple[Observation, ...]
    """Completed trials with values of the later study's objectives, in the earlier study's parameters."""


@dataclass(frozen=True, slots=True)
class History:
    """All that an engine may know of a study: one line per trial, running ones included."""

    objectives: tuple[Objective, ...]
    observations: tuple[Observation, ...] = ()
    """Ordered by number; numbers may have gaps where a trial is excluded."""
    constraints: tuple[str, ...] = ()
    """Over metrics; an observation that breaks one counts for no best."""
    max_trials: int | None = None
    parallelism: int | None = None
    max_device_seconds: float | None = None
    """How long all trials together may run."""
    lessons: tuple[Lesson, ...] = ()
    """Of earlier studies; to be judged by what this one finds, for they may mislead."""

    def completed(self) -> tuple[Observation, ...]:
        """The observations that ran to their end and have values."""
        return tuple(o for o in self.observations if o.state is TrialState.COMPLETED and o.values is not None)

    def meets_constraints(self, observation: Observation) -> bool:
        """Whether an observation's metrics break none of the study's constraints; an absent metric breaks none."""
        return all(parse(text).truth(observation.metrics) is not False for text in self.constraints)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Parameters proposed and not yet a trial."""

    parameters: Parameters
    source: Literal["model", "initial"]
    """`initial` comes from the start of a search, before or without any model."""
    why: str
    """One line for people: which engine suggested this, and for what reason."""
    predicted: Prediction | None = None
    parent: int | None = None
    """The trial whose weights this one is to start from; None: from fresh ones."""


class Engine(Protocol):
    """Proposes `count` points of a space."""

    def __call__(self, space: Space, history: History, count: int, *, seed: int, number: int) -> list[Suggestion]:
        """The suggestions, in the order in which they should become trials.

        Args:
            number: the number that the first suggestion will get as a trial; everything random follows from
                `(seed, number)` and nothing else.

        Returns: `count` suggestions; fewer only when the space holds no point that was not tried.

        Raises:
            SpaceInfeasible: no point was found that satisfies the space's constraints.
        """
        ...
