"""What an analysis is given: the question, the study, and its trials as columns."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from app.analysis.model import Model
from studyhall.expression import parse
from studyhall.parameters import Parameter
from studyhall.space import Space
from studyhall.study import Objective

Floats: TypeAlias = npt.NDArray[np.float64]
Truths: TypeAlias = npt.NDArray[np.bool_]
Column: TypeAlias = list[Any]

INACTIVE: Final = -0.25
"""The place of an inactive parameter: outside of [0, 1], so that a tree can tell it from every value."""
SEED: Final = 20_261_123


@dataclass(frozen=True, slots=True)
class Options:
    """What an asker may choose; absent: the analysis chooses."""

    objective: str | None = None
    method: str | None = None
    parameters: tuple[str, ...] = ()
    trials: tuple[int, ...] = ()
    max_points: int = 2000


class Trials:
    """Trials as columns of equal length, by number.

    Args:
        columns: `number`, `state`, `parameters`, `metrics` (None: no result) and whatever else was read.
    """

    def __init__(self, columns: Mapping[str, Column]) -> None:
        self.columns = columns
        self.number: Column = columns["number"]
        self.state: Column = columns["state"]
        self.parameters: list[dict[str, Any]] = columns["parameters"]
        self.metrics: list[dict[str, float]] = [metrics or {} for metrics in columns["metrics"]]

    def __len__(self) -> int:
        return len(self.number)

    def times(self, name: str) -> Floats:
        """A column of times as numbers, NaN where absent."""
        return np.array([np.nan if at is None else at for at in self.columns[name]], dtype=np.float64)


@dataclass(frozen=True)
class Question:
    """One question about one study."""

    kind: str
    options: Options
    space: Space
    objectives: tuple[Objective, ...]
    constraints: tuple[str, ...]
    trials: Trials
    total: int
    """How many trials the study has; more than were read when it is very large."""
    now: float = 0.0
    study: Mapping[str, Any] = field(default_factory=dict)
    """Its state, budget and algorithm, for advice."""
    attempts: Mapping[str, Column] = field(default_factory=dict)
    curves: Mapping[str, Column] = field(default_factory=dict)
    engine_model: "Callable[[Question], Model] | None" = None
    """Fits the engine's own model of the objective asked about; None: there is none here."""

    @property
    def is_sampled(self) -> bool:
        """Whether only a part of the trials was read."""
        return len(self.trials) < self.total

    @cached_property
    def objective(self) -> Objective:
        """The objective asked about: the named one, or the first."""
        named = (each for each in self.objectives if each.metric == self.options.objective)
        return next(named, self.objectives[0])

    @cached_property
    def completed(self) -> npt.NDArray[np.intp]:
        """The rows of trials that ran to their end and have a value for every objective."""
        metrics = [objective.metric for objective in self.objectives]
        return np.array(
            [
                row
                for row, (state, told) in enumerate(zip(self.trials.state, self.trials.metrics, strict=True))
                if state == "completed" and all(name in told for name in metrics)
            ],
            dtype=np.intp,
        )

    @cached_property
    def feasible(self) -> npt.NDArray[np.intp]:
        """Those of the completed that break none of the study's constraints."""
        rules = [parse(text) for text in self.constraints]
        kept = [all(r.truth(self.trials.metrics[row]) is not False for r in rules) for row in self.completed]
        return np.asarray(self.completed[np.array(kept, dtype=bool)], dtype=np.intp)

    def losses(self, rows: Sequence[int] | npt.NDArray[np.intp], objective: Objective | None = None) -> Floats:
        """An objective of completed trials, smaller is better, shape `(n,)`."""
        of = objective or self.objective
        values = np.array([self.trials.metrics[row][of.metric] for row in rows], dtype=np.float64)
        return values if of.goal == "minimize" else -values

    def all_losses(self, rows: Sequence[int] | npt.NDArray[np.intp]) -> Floats:
        """Every objective of completed trials, smaller is better, shape `(n, k)`."""
        return np.column_stack([self.losses(rows, objective) for objective in self.objectives])

    @cached_property
    def free(self) -> tuple[Parameter, ...]:
        """The parameters that may vary and have one place on an axis, an architecture's too; lists have several."""
        return tuple(p for p in self.space.scalars if p.cardinality != 1 and p.width == 1)

    def asked(self, default: Sequence[str] = ()) -> tuple[Parameter, ...]:
        """The parameters asked about; all when none is named."""
        names = self.options.parameters or tuple(default)
        chosen = [p for p in self.free if p.name in names] if names else list(self.free)
        return tuple(sorted(chosen, key=lambda p: names.index(p.name)) if names else chosen)

    def places(self, rows: Sequence[int] | npt.NDArray[np.intp]) -> Floats:
        """Where trials stand in the unit cube of the free parameters, shape `(n, d)`; INACTIVE where one is not."""
        return np.asarray(self._every_place[np.asarray(rows, dtype=np.intp)], dtype=np.float64)

    @cached_property
    def _every_place(self) -> Floats:
        return self.places_of(self.trials.parameters)

    def places_of(self, assignments: Sequence[Mapping[str, Any]]) -> Floats:
        """The same for assignments."""
        found = np.full((len(assignments), len(self.free)), INACTIVE)
        # Trial by trial: of an architecture's hundreds of parameters few are active in one network.
        axes = {parameter.name: (j, parameter) for j, parameter in enumerate(self.free)}
        known: dict[tuple[str, type, Any], float] = {}  # with the type: 1 and true are one key otherwise
        for i, parameters in enumerate(assignments):
            for name, value in parameters.items():
                if name not in axes:
                    continue
                j, parameter = axes[name]
                key = (name, type(value), value)
                if key not in known:
                    known[key] = parameter.to_units(value)[0] if parameter.contains(value) else INACTIVE
                found[i, j] = known[key]
        return found


@dataclass(frozen=True, slots=True)
class Finding:
    """An analysis' answer: columns of equal length, and facts about them."""

    columns: dict[str, Column]
    used: int
    """How many trials it rests on."""
    needed: int = 0
    """How many the method takes; with fewer, there are no columns. At 0 it tells what there is."""
    facts: dict[str, Any] = field(default_factory=dict)
    note: str | None = None
    """What a reader must know before believing it."""


def too_few(used: int, needed: int, what: str = "completed trials") -> Finding:
    """The honest answer where a method would draw noise."""
    return Finding({}, used, needed, note=f"Too few trials: this takes {needed} {what}, and there are {used}.")


def no_axis() -> Finding:
    """The answer where every parameter is fixed, or has lists for values: there is nothing to be told apart by."""
    return Finding({}, 0, 1, note="No parameter of this space can vary along an axis.")


def spread(count: int, wanted: int) -> npt.NDArray[np.intp]:
    """At most `wanted` of `count` rows, evenly spread."""
    if count <= wanted:
        return np.arange(count, dtype=np.intp)
    return np.unique(np.linspace(0, count - 1, wanted).astype(np.intp))


def mean_ranks(values: Floats) -> Floats:
    """Ranks from 0, ascending; equal values share the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts + 1) / 2)[inverse.ravel()], dtype=np.float64)


def fenced(losses: Floats) -> Floats:
    """Losses whose bad end is cut at Tukey's far fence: one diverged trial is not all there is to learn.

    Source: Tukey 1977, outer fence (third quartile and three interquartile ranges).
    """
    if len(losses) < 8:
        return losses
    first, third = np.quantile(losses, [0.25, 0.75])
    return np.minimum(losses, third + 3 * (third - first)) if third > first else losses


def axis_of(parameter: Parameter, points: int = 21) -> tuple[Floats, Column]:
    """Places along a parameter's axis, and its values there: each cell of a discrete one, else `points` of them."""
    cells = parameter.cardinality
    if cells is not None and cells <= 2 * points:
        places = (np.arange(cells) + 0.5) / cells
        if parameter.type == "int" and getattr(parameter, "scale", "linear") != "linear":
            low, high = parameter.low, parameter.high
            places = np.array([parameter.to_units(value)[0] for value in range(low, high + 1)])
    else:
        places = np.linspace(0.0, 1.0, points)
    return places, [parameter.from_units((float(place),)) for place in places]
