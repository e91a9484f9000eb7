"""Stopping rules: which trials are not worth finishing, judged by those that came as far.

A rule has levels: steps at which trials are compared. Most rules let a share of them go on, by rank; `curve` asks where
a trial would end, as those that ran to their end tell it. The same comparison serves one objective (rank: how many are
better) and several (rank: how many dominate), so stopping works for both. A trial among the best few of its level is
never stopped, whatever the share. Pure Python: it runs where measurements arrive.

Sources: median rule, Golovin et al. 2017 (Vizier), section 3.2; ASHA, Li et al. 2020, algorithm 2 (the stopping
variant: nobody waits for a rung to fill); Hyperband's brackets, Li et al. 2018. Why eta is 2: on our networks it beat 3
at equal epochs in every setting tried.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final, Protocol

from pydantic import Field, ValidationError
from pydantic_core import to_json

from studyhall.errors import FieldError, InvalidInput, field_errors
from studyhall.study import Stopping
from studyhall.wire import AlgorithmInfo
from studyhall.words import Word

Point = tuple[float, ...]
"""The objectives at a level, turned so that less is better."""

Steps = Annotated[int, Field(ge=1, le=10**9)]
Course = tuple[Point, Point]
"""Where a trial that ran to its end was at a level, and at the end."""
KEEP_BEST: Final = 3


class Rule(Protocol):
    """What a stopping rule decides."""

    foretells: ClassVar[bool]
    """Whether verdicts need the courses of trials that ran to their end."""

    def level(self, step: int, number: int) -> int | None:
        """The highest level that trial `number` has reached at a step, None when it has reached none."""
        ...

    def verdict(self, own: Point, others: Sequence[Point], courses: Sequence[Course] = ()) -> str | None:
        """Why a trial should stop, None when it should go on.

        Args:
            others: the points of the other trials that have reached the same level.
            courses: of those among them that ran to their end; only where the rule `foretells`.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Ranked:
    """Lets the best `share` of a level go on, once `min_trials` have reached it."""

    foretells: ClassVar[bool] = False
    name: str
    share: float
    min_trials: int

    def verdict(self, own: Point, others: Sequence[Point], courses: Sequence[Course] = ()) -> str | None:
        total = len(others) + 1
        if total < self.min_trials:
            return None
        kept = max(KEEP_BEST, math.ceil(total * self.share))
        rank = sum(dominates(other, own) for other in others)
        if rank < kept:
            return None
        return f"{self.name}: {rank} of {total} trials were better at this point, the best {kept} go on"


def dominates(a: Point, b: Point) -> bool:
    """Whether a is no worse than b everywhere and better somewhere; less is better."""
    return a != b and all(x <= y for x, y in zip(a, b, strict=True))


class Options(Word):
    """The options of a rule."""

    summary: ClassVar[str]

    def rule(self) -> Rule | None:
        """The rule, None for none."""
        raise NotImplementedError


class NoneOptions(Options):
    """Nothing is stopped early."""

    summary = "Every trial runs to its end."

    def rule(self) -> Rule | None:
        return None


class PercentileOptions(Options):
    """The better part of those that came as far goes on."""

    summary = "Stops trials outside of the best percentile at the same step."
    percentile: Annotated[float, Field(gt=0, lt=100)] = 50.0
    """The share of trials that goes on, in percent."""
    warmup_steps: Annotated[int, Field(ge=0, le=10**9)] = 0
    """No trial is stopped before this step."""
    interval: Steps = 1
    """Trials are compared every so many steps."""
    min_trials: Annotated[int, Field(ge=2, le=10_000)] = 5
    """How many must have come as far before anybody is stopped."""

    def rule(self) -> Rule:
        return _Regular("percentile", self.percentile / 100, self.min_trials, self.warmup_steps, self.interval)


class MedianOptions(Options):
    """The better half of those that came as far goes on."""

    summary = "Stops trials that are worse than the median at the same step."
    warmup_steps: Annotated[int, Field(ge=0, le=10**9)] = 0
    """No trial is stopped before this step."""
    interval: Steps = 1
    """Trials are compared every so many steps."""
    min_trials: Annotated[int, Field(ge=2, le=10_000)] = 5
    """How many must have come as far before anybody is stopped."""

    def rule(self) -> Rule:
        return _Regular("median", 0.5, self.min_trials, self.warmup_steps, self.interval)


class AshaOptions(Options):
    """At each rung one in `eta` goes on to `eta` times as many steps."""

    summary = "Asynchronous successive halving: rungs at growing steps, the best of each go on."
    min_steps: Steps = 1
    """The first rung."""
    eta: Annotated[float, Field(ge=1.5, le=16)] = 2.0
    """How much rarer trials get, and how much further they go, from rung to rung."""

    def rule(self) -> Rule:
        return _Rungs("asha", 1 / self.eta, math.ceil(self.eta), self.min_steps, self.eta, 1)


class HyperbandOptions(Options):
    """ASHA in several brackets, which begin to compare ever later."""

    summary = "ASHA in brackets: every other trial is compared later, in case early ranks mislead."
    min_steps: Steps = 1
    """The first rung of the first bracket."""
    eta: Annotated[float, Field(ge=1.5, le=16)] = 2.0
    """How much rarer trials get, and how much further they go, from rung to rung."""
    brackets: Annotated[int, Field(ge=1, le=10)] = 3
    """Trials take turns in these; each begins one rung later than the one before."""

    def rule(self) -> Rule:
        return _Rungs("hyperband", 1 / self.eta, math.ceil(self.eta), self.min_steps, self.eta, self.brackets)


class CurveOptions(Options):
    """Whoever would hardly end among the best stops; the end is foretold from trials that ran to theirs."""

    summary = "Foretells where a trial ends from those that ran to their end; stops it when that is hardly good enough."
    chance: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    """A trial stops when it is less likely than this to end among the best three."""
    warmup_steps: Annotated[int, Field(ge=0, le=10**9)] = 0
    """No trial is stopped before this step."""
    interval: Steps = 1
    """Ends are foretold every so many steps."""
    min_trials: Annotated[int, Field(ge=4, le=10_000)] = 6
    """How many must have run to their end before anybody is stopped."""

    def rule(self) -> Rule:
        return _Foretold(self.chance, self.min_trials, self.warmup_steps, self.interval)


@dataclass(frozen=True, slots=True)
class _Foretold:
    """Stops what will hardly end among the best, as the line from this level to the end tells it.

    Why lines and no family of curves: losses fall in steps (schedules), rise (overfitting) and cross; where a level
    says nothing of the end, the line is flat, its doubt wide, and nobody stops.
    """

    foretells: ClassVar[bool] = True
    chance: float
    min_trials: int
    warmup_steps: int
    interval: int

    def level(self, step: int, number: int) -> int | None:
        return regular_level(step, self.warmup_steps, self.interval)

    def verdict(self, own: Point, others: Sequence[Point], courses: Sequence[Course] = ()) -> str | None:
        if len(courses) < self.min_trials:
            return None
        doubt = statistics.NormalDist().inv_cdf(1.0 - self.chance)
        hoped = tuple(
            foretold(value, [(before[k], after[k]) for before, after in courses], doubt) for k, value in enumerate(own)
        )
        better = sum(dominates(after, hoped) for _, after in courses)
        if better < KEEP_BEST:
            return None
        return f"curve: {better} of {len(courses)} trials ended better than this one may hope to"


def foretold(value: float, pairs: Sequence[tuple[float, float]], doubt: float) -> float:
    """The least value to hope for at the end: the least-squares line through pairs, less so many deviations.

    The deviation is that of a new value around the line, its own uncertainty included, as in Draper & Smith 1998,
    eq. 3.2.1.

    Args:
        pairs: (value at a level, value at the end), at least 4.
    """
    size = max(abs(value), *(abs(x) for pair in pairs for x in pair)) or 1.0  # squares of 1e308 overflow
    scaled = [(x / size, y / size) for x, y in pairs]
    n = len(scaled)
    x_mean, y_mean = (statistics.fmean(column) for column in zip(*scaled, strict=True))
    sxx = math.fsum((x - x_mean) ** 2 for x, _ in scaled)
    slope = math.fsum((x - x_mean) * (y - y_mean) for x, y in scaled) / sxx if sxx > 0 else 0.0
    off = value / size - x_mean
    rest = math.fsum((y - y_mean - slope * (x - x_mean)) ** 2 for x, y in scaled) / (n - 2)
    spread = math.sqrt(rest * (1.0 + 1.0 / n + (off * off / sxx if sxx > 0 else 0.0)))
    return max(min((y_mean + slope * off - doubt * spread) * size, 1.7e308), -1.7e308)


def regular_level(step: int, warmup_steps: int, interval: int) -> int | None:
    """The last of the steps `warmup_steps`, `warmup_steps + interval`, … that has been reached."""
    return None if step < warmup_steps else warmup_steps + (step - warmup_steps) // interval * interval


@dataclass(frozen=True, slots=True)
class _Regular(_Ranked):
    """Levels at regular steps."""

    warmup_steps: int
    interval: int

    def level(self, step: int, number: int) -> int | None:
        return regular_level(step, self.warmup_steps, self.interval)


@dataclass(frozen=True, slots=True)
class _Rungs(_Ranked):
    """Levels at growing steps; the trials of later brackets skip the first of them."""

    min_steps: int
    eta: float
    brackets: int

    def level(self, step: int, number: int) -> int | None:
        first = self.min_steps * self.eta ** (number % self.brackets)
        if step < math.ceil(first):
            return None
        rungs = math.floor(math.log(step / self.min_steps) / math.log(self.eta) + 1e-9)
        return math.ceil(self.min_steps * self.eta**rungs)


RULES: Final[dict[str, type[Options]]] = {
    "none": NoneOptions,
    "median": MedianOptions,
    "percentile": PercentileOptions,
    "asha": AshaOptions,
    "hyperband": HyperbandOptions,
    "curve": CurveOptions,
}


def rule(stopping: Stopping) -> Rule | None:
    """The rule of a study, None when it stops nothing.

    Raises:
        InvalidInput: there is no such rule, or its options do not fit, each with its JSON pointer.
    """
    if stopping.rule not in RULES:
        known = ", ".join(sorted(RULES))
        fault = FieldError("/stopping/rule", f"unknown stopping rule '{stopping.rule}'; known: {known}")
        raise InvalidInput(errors=[fault])
    try:
        return RULES[stopping.rule].model_validate_json(to_json(stopping.options)).rule()
    except ValidationError as error:
        raise InvalidInput(errors=field_errors(error, prefix=("stopping", "options"))) from error


def rules() -> tuple[AlgorithmInfo, ...]:
    """What `GET /v1/algorithms` tells: each rule and the JSON schema of its options."""
    return tuple(
        AlgorithmInfo(name=name, kind="stopping", summary=options.summary, options=options.model_json_schema())
        for name, options in RULES.items()
    )
