"""Stopping rules: which trials are not worth finishing, judged by those that came as far.

A rule has levels: steps at which trials are compared. Most rules let a share of them go on, by rank; `auto` and `curve`
ask where a trial would end, as those that ran to their end tell it. The same comparison serves one objective (rank: how
many are better) and several (rank: how many dominate), so stopping works for both. A trial among the best few of its
level is never stopped, whatever the share. Pure Python: it runs where measurements arrive.

Trials that were stopped and have a checkpoint may be judged anew, by the same rule: when it would not stop them any
more they go on. Why one rule for both, and no promotion as in ASHA's own algorithm: nobody waits for others to come as
far.

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

from app.search.worth import chance_to_lead
from studyhall.errors import FieldError, InvalidInput, field_errors
from studyhall.study import Stopping
from studyhall.wire.studies import AlgorithmInfo
from studyhall.words import ParameterName, Word

Point = tuple[float, ...]
"""The objectives at a level, turned so that less is better."""

Steps = Annotated[int, Field(ge=1, le=10**9)]
Course = tuple[Point, Point]
"""Where a trial that ran to its end was at a level, and at the end."""
KEEP_BEST: Final = 3


@dataclass(frozen=True, slots=True)
class Effort:
    """How far a trial is, and how much the study has spent; in steps."""

    level: int
    full: int
    """How long the longest of the trials was that ran to their end."""
    spent: float
    """By all trials together."""


@dataclass(frozen=True, slots=True)
class Exploit:
    """How a population goes on from its best."""

    share: float
    """Of a level: parents are of its best share."""
    factor: float
    """By how much parameters change."""
    parameters: tuple[str, ...] | None
    """Which of them change; None: all floats."""
    interval: int
    """Steps between two levels, at which all save a checkpoint."""


class Rule(Protocol):
    """What a stopping rule decides."""

    foretells: ClassVar[bool]
    """Whether verdicts need the courses of trials that ran to their end, and the effort."""

    @property
    def exploit(self) -> Exploit | None:
        """How others take the places of stopped trials; None: they do not, and a stopped one may go on later."""
        ...

    def level(self, step: int, number: int) -> int | None:
        """The highest level that trial `number` has reached at a step, None when it has reached none."""
        ...

    def verdict(
        self, own: Point, others: Sequence[Point], courses: Sequence[Course] = (), effort: Effort | None = None
    ) -> str | None:
        """Why a trial should stop, None when it should go on.

        Args:
            others: the points of the other trials that have reached the same level.
            courses: of those among them that ran to their end; only where the rule `foretells`.
            effort: the same.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Ranked:
    """Lets the best `share` of a level go on, once `min_trials` have reached it."""

    foretells: ClassVar[bool] = False
    name: str
    share: float
    min_trials: int

    def verdict(
        self,
        own: Point,
        others: Sequence[Point],
        courses: Sequence[Course] = (),
        effort: Effort | None = None,
    ) -> str | None:
        total = len(others) + 1
        if total < self.min_trials:
            return None
        kept = max(self.few(total), math.ceil(total * self.share))
        rank = sum(dominates(other, own) for other in others)
        if rank < kept:
            return None
        return f"{self.name}: {rank} of {total} trials were better at this point, the best {kept} go on"

    def few(self, total: int) -> int:
        """How many of a level are never stopped."""
        return KEEP_BEST


def best_few(total: int) -> int:
    """How many of so many are never stopped where the second trial is compared already: one in eight, up to three."""
    return min(KEEP_BEST, 1 + (total - 1) // 8)


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


class AutoOptions(Options):
    """A trial goes on while its chance to become the best is worth the steps that are left."""

    summary = "Stops what has too small a chance to become the best, as far as early values are seen to foretell ends."
    thrift: Annotated[float, Field(gt=0, le=10)] = 0.5
    """How much a chance must be worth: at 1 each step that is left must promise as much as a step of a new trial; less
    stops fewer trials."""
    min_steps: Steps = 1
    """The first step at which trials are judged; from there on, whenever their steps have doubled."""

    def rule(self) -> Rule:
        return _Worth(self.thrift, self.min_steps)


class PopulationOptions(Options):
    """Population based training: the worst make room for others that go on from the best, with other parameters."""

    summary = "Population based training: the worst stop, others go on from the best, with parameters changed a little."
    interval: Steps = 5
    """The population is compared every so many steps; all save a checkpoint then."""
    share: Annotated[float, Field(gt=0, le=0.5)] = 0.25
    """The worst share stops, and goes on from one of the best share."""
    factor: Annotated[float, Field(gt=0, le=10)] = 0.2
    """By how much a parameter changes: it is multiplied or divided by 1 + factor; one in four is drawn anew."""
    parameters: Annotated[tuple[ParameterName, ...], Field(min_length=1, max_length=1000)] | None = None
    """Which parameters change; absent: all floats. Those that a checkpoint depends on, as layers, must not."""
    min_trials: Annotated[int, Field(ge=4, le=10_000)] = 4
    """How many must have come as far before anybody is stopped."""

    def rule(self) -> Rule:
        exploit = Exploit(self.share, self.factor, self.parameters, self.interval)
        return _Population("population", 1.0 - self.share, self.min_trials, self.interval, exploit)


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
    exploit: ClassVar[Exploit | None] = None
    chance: float
    min_trials: int
    warmup_steps: int
    interval: int

    def level(self, step: int, number: int) -> int | None:
        return regular_level(step, self.warmup_steps, self.interval)

    def verdict(
        self,
        own: Point,
        others: Sequence[Point],
        courses: Sequence[Course] = (),
        effort: Effort | None = None,
    ) -> str | None:
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

    exploit: ClassVar[Exploit | None] = None
    warmup_steps: int
    interval: int

    def level(self, step: int, number: int) -> int | None:
        return regular_level(step, self.warmup_steps, self.interval)


@dataclass(frozen=True, slots=True)
class _Rungs(_Ranked):
    """Levels at growing steps; the trials of later brackets skip the first of them."""

    exploit: ClassVar[Exploit | None] = None
    min_steps: int
    eta: float
    brackets: int

    def level(self, step: int, number: int) -> int | None:
        return rung(step, self.min_steps, self.eta, first=number % self.brackets)

    def few(self, total: int) -> int:
        return best_few(total)


def rung(step: int, min_steps: int, eta: float, *, first: int = 0) -> int | None:
    """The last of the steps `min_steps`, `min_steps * eta`, … that has been reached; the `first` few do not count."""
    if step < math.ceil(min_steps * eta**first):
        return None
    rungs = math.floor(math.log(step / min_steps) / math.log(eta) + 1e-9)
    return math.ceil(min_steps * eta**rungs)


@dataclass(frozen=True, slots=True)
class _Worth:
    """Lets a trial go on while its chance to become the best is worth the steps that are left.

    In a search whose ends come in random order, the chance that the next step of effort brings a new best is one in
    the steps spent so far (Rényi's law of records). A trial whose chance is less for each step that it still needs is
    worth less than a new one. Where early values tell nothing of the end nobody's chance is far from that, and trials
    run to their end; where they tell much, few do.
    """

    foretells: ClassVar[bool] = True
    exploit: ClassVar[Exploit | None] = None
    thrift: float
    min_steps: int

    def level(self, step: int, number: int) -> int | None:
        return rung(step, self.min_steps, 2.0)

    def verdict(
        self, own: Point, others: Sequence[Point], courses: Sequence[Course] = (), effort: Effort | None = None
    ) -> str | None:
        if effort is None or not courses or effort.level >= effort.full:
            return None
        if sum(dominates(other, own) for other in others) < best_few(len(others) + 1):
            return None
        left, spent = effort.full - effort.level, max(effort.spent, effort.full)
        chance = chance_to_lead(own, [own, *others], courses)
        if chance >= self.thrift * left / spent:
            return None
        return f"auto: a chance of {100 * chance:.1f} % to become the best is not worth the {left} steps that are left"


@dataclass(frozen=True, slots=True)
class _Population(_Ranked):
    """Stops the worst of a population, whose places are taken by others that go on from its best."""

    interval: int
    exploit: Exploit

    def level(self, step: int, number: int) -> int | None:
        return regular_level(step, self.interval, self.interval)


RULES: Final[dict[str, type[Options]]] = {
    "none": NoneOptions,
    "auto": AutoOptions,
    "median": MedianOptions,
    "percentile": PercentileOptions,
    "asha": AshaOptions,
    "hyperband": HyperbandOptions,
    "curve": CurveOptions,
    "population": PopulationOptions,
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
        raise InvalidInput(errors=field_errors(error, RULES[stopping.rule], prefix=("stopping", "options"))) from error


def rules() -> tuple[AlgorithmInfo, ...]:
    """What `GET /v1/algorithms` tells: each rule and the JSON schema of its options."""
    return tuple(
        AlgorithmInfo(name=name, kind="stopping", summary=options.summary, options=options.model_json_schema())
        for name, options in RULES.items()
    )
