"""Stopping rules: which trials are not worth finishing, judged by their rank among those that came as far.

A rule has levels (steps at which trials are compared) and a share of the trials that go on. The same comparison serves
one objective (rank: how many are better) and several (rank: how many dominate), so stopping works for both. A trial
among the best few of its level is never stopped, whatever the share. Pure Python: it runs where measurements arrive.

Sources: median rule, Golovin et al. 2017 (Vizier), section 3.2; ASHA, Li et al. 2020, algorithm 2 (the stopping
variant: nobody waits for a rung to fill); Hyperband's brackets, Li et al. 2018. Why eta is 2: on our networks it beat 3
at equal epochs in every setting tried.
"""

import math
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
KEEP_BEST: Final = 3


class Rule(Protocol):
    """What a stopping rule decides."""

    def level(self, step: int, number: int) -> int | None:
        """The highest level that trial `number` has reached at a step, None when it has reached none."""
        ...

    def verdict(self, own: Point, others: Sequence[Point]) -> str | None:
        """Why a trial should stop, None when it should go on.

        Args:
            others: the points of the other trials that have reached the same level.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Ranked:
    """Lets the best `share` of a level go on, once `min_trials` have reached it."""

    name: str
    share: float
    min_trials: int

    def verdict(self, own: Point, others: Sequence[Point]) -> str | None:
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


@dataclass(frozen=True, slots=True)
class _Regular(_Ranked):
    """Levels at regular steps."""

    warmup_steps: int
    interval: int

    def level(self, step: int, number: int) -> int | None:
        if step < self.warmup_steps:
            return None
        return self.warmup_steps + (step - self.warmup_steps) // self.interval * self.interval


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
