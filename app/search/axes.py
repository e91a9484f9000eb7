"""The parameters' unit intervals on whole arrays: what `to_unit` and `from_unit` say for one value, for thousands.

An engine looks at thousands of candidates for every suggestion; one Python call each would cost more than its model.
Tests hold every axis against the parameter it stands for.

    u       place on the unit interval       (m,)
    index   position among discrete values   (m,)
"""

import math
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from studyhall.expression_tree import Scalar
from studyhall.parameters import (
    CategoricalParameter,
    FloatParameter,
    IntParameter,
    OrdinalParameter,
    Parameter,
    ScalarParameter,
)

Floats: TypeAlias = npt.NDArray[np.float64]
Truths: TypeAlias = npt.NDArray[np.bool_]
Indices: TypeAlias = npt.NDArray[np.int64]


class Axis(Protocol):
    """One parameter that has more than one value."""

    parameter: Parameter
    is_ordered: bool
    """Whether near places mean similar values; false for a categorical."""
    is_numeric: bool
    """Whether every value is a number (truth values are not)."""
    cells: int | None
    """How many values there are; None for a continuum."""

    def snap(self, u: Floats) -> Floats:
        """The place that stands for the value at `u`: of all places with one value, always the same one."""
        ...

    def index(self, u: Floats) -> Indices:
        """The position of the value among those of a discrete parameter, from 0."""
        ...

    def at_index(self, index: Indices) -> Floats:
        """The place of the value at a position; the inverse of `index`."""
        ...

    def numbers(self, u: Floats) -> Floats:
        """The values as numbers, NaN where they are none."""
        ...


class Continuum:
    """A float without a step."""

    is_ordered = True
    is_numeric = True

    def __init__(self, parameter: FloatParameter) -> None:
        self.parameter: Parameter = parameter
        self.cells: int | None = None
        self._scale = _Scale(parameter.scale, parameter.low, parameter.high)

    def snap(self, u: Floats) -> Floats:
        return np.clip(u, 0.0, 1.0)

    def index(self, u: Floats) -> Indices:
        raise TypeError("a continuum has no positions")

    def at_index(self, index: Indices) -> Floats:
        raise TypeError("a continuum has no positions")

    def numbers(self, u: Floats) -> Floats:
        return self._scale.numbers(u)


class Cells:
    """Equally wide cells, one for each value: choices, linear integers, floats with a step."""

    def __init__(self, parameter: ScalarParameter, cells: int) -> None:
        self.parameter: Parameter = parameter
        self.is_ordered = not isinstance(parameter, CategoricalParameter)
        self.is_numeric = _is_numeric(parameter)
        self.cells: int | None = cells
        self._cells = cells
        self._numbers = _cell_numbers(parameter, cells)

    def snap(self, u: Floats) -> Floats:
        return self.at_index(self.index(u))

    def index(self, u: Floats) -> Indices:
        # As in from_unit: truncation, and 1.0 belongs to the last cell.
        return np.minimum((np.clip(u, 0.0, 1.0) * self._cells).astype(np.int64), self._cells - 1)

    def at_index(self, index: Indices) -> Floats:
        return np.asarray((index + 0.5) / self._cells, dtype=np.float64)

    def numbers(self, u: Floats) -> Floats:
        index = self.index(u)
        if isinstance(self._numbers, tuple):
            low, step = self._numbers
            return np.asarray(low + index * step, dtype=np.float64)
        return self._numbers[index]


class ScaledIntegers:
    """An int on a log, reverse_log or logit scale: cells of different widths."""

    is_ordered = True
    is_numeric = True

    def __init__(self, parameter: IntParameter) -> None:
        self.parameter: Parameter = parameter
        self._low, self._high = parameter.low, parameter.high
        self.cells: int | None = parameter.cardinality
        self._scale = _Scale(parameter.scale, *parameter.bounds())

    def snap(self, u: Floats) -> Floats:
        return self._scale.units(self.numbers(u))

    def index(self, u: Floats) -> Indices:
        return np.asarray(self.numbers(u) - self._low, dtype=np.int64)

    def at_index(self, index: Indices) -> Floats:
        return self._scale.units(np.asarray(index + self._low, dtype=np.float64))

    def numbers(self, u: Floats) -> Floats:
        return np.clip(np.rint(self._scale.numbers(u)), self._low, self._high)


def axis_of(parameter: ScalarParameter) -> Axis:
    """The axis of a parameter with more than one value."""
    if isinstance(parameter, FloatParameter) and parameter.cardinality is None:
        return Continuum(parameter)
    if isinstance(parameter, IntParameter) and parameter.scale != "linear":
        return ScaledIntegers(parameter)
    assert parameter.cardinality is not None  # noqa: S101 - only floats without a step are continua
    return Cells(parameter, parameter.cardinality)


class _Scale:
    """The vectorised twin of the scales of `studyhall.parameters`."""

    def __init__(self, scale: str, low: float, high: float) -> None:
        self._scale, self._low, self._high = scale, low, high
        a, b = self._axis(np.array([low, high], dtype=np.float64))
        self._a, self._width = float(a), float(b - a)

    def units(self, x: Floats) -> Floats:
        return np.clip((self._axis(x) - self._a) / self._width, 0.0, 1.0)

    def numbers(self, u: Floats) -> Floats:
        t = self._a + self._width * np.clip(u, 0.0, 1.0)
        match self._scale:
            case "log":
                x = np.exp(t)
            case "reverse_log":
                x = self._high - (np.exp(-t) - self._low)
            case "logit":
                x = 1 / (1 + np.exp(-t))
            case _:
                x = t
        return np.clip(x, self._low, self._high)

    def _axis(self, x: Floats) -> Floats:
        match self._scale:
            case "log":
                return np.log(x)
            case "reverse_log":
                return -np.log(self._low + (self._high - x))
            case "logit":
                return np.log(x / (1 - x))
        return x


def _cell_numbers(parameter: ScalarParameter, cells: int) -> Floats | tuple[float, float]:
    """The values of cells: a table, or (first, step) for what may have billions of cells."""
    if isinstance(parameter, (IntParameter, FloatParameter)):
        return float(parameter.low), float(parameter.step or 1)
    return np.array([_as_number(parameter.from_unit((i + 0.5) / cells)) for i in range(cells)])


def _is_numeric(parameter: Parameter) -> bool:
    if isinstance(parameter, (CategoricalParameter, OrdinalParameter)):
        return all(isinstance(choice, (int, float)) and not isinstance(choice, bool) for choice in parameter.choices)
    return isinstance(parameter, (IntParameter, FloatParameter))


def _as_number(value: Scalar) -> float:
    # Truth values count as numbers in an expression's arithmetic, as in Python.
    return float(value) if isinstance(value, (bool, int, float)) else math.nan
