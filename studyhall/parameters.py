"""The types of parameter: what each may be, and its place on the unit interval.

Every parameter maps its values onto [0, 1] (`to_unit`) and back (`from_unit`); engines think there, or in the exact
choices. Those whose value is a list are in `studyhall.list_parameters`. Sources of the scales: log and reverse_log as
in the Vizier paper (Golovin et al. 2017), logit as in Stan.
"""

import math
from collections.abc import Sequence
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from studyhall.errors import invalid
from studyhall.expression_tree import Scalar, same
from studyhall.list_parameters import ListParameter, PermutationParameter, SimplexParameter, SubsetParameter
from studyhall.parameter_base import MAX_CHOICES, ParameterBase, Prior, check_default_and_prior, check_distinct
from studyhall.words import MAX_BOUND, MAX_INT, Finite, JsonScalar, ParameterValue

Scale: TypeAlias = Literal["linear", "log", "reverse_log", "logit"]
Bound = Annotated[float, Field(ge=-MAX_BOUND, le=MAX_BOUND, allow_inf_nan=False)]
IntBound = Annotated[int, Field(ge=-MAX_INT, le=MAX_INT)]


class _Single(ParameterBase):
    """A parameter whose value is a scalar: one place."""

    def to_unit(self, value: Scalar) -> float:
        """The place of a value in [0, 1]."""
        raise NotImplementedError

    def from_unit(self, u: float) -> Scalar:
        """The value at a place in [0, 1]."""
        raise NotImplementedError

    def to_units(self, value: ParameterValue) -> tuple[float, ...]:
        if isinstance(value, list):
            raise ValueError(f"{value!r} is not a value of parameter '{self.name}'")
        return (self.to_unit(value),)

    def from_units(self, units: Sequence[float]) -> Scalar:
        return self.from_unit(units[0])


class _Numeric(_Single):
    """What float and int share; `a`, `b` are the bounds on the scale's own axis."""

    scale: Scale = "linear"

    def bounds(self) -> tuple[float, float]:
        """The ends of the axis: what lies at 0 and at 1 of the unit interval."""
        raise NotImplementedError

    def _to_axis(self, x: float) -> float:
        low, high = self.bounds()
        match self.scale:
            case "log":
                return math.log(x)
            case "reverse_log":
                return -math.log(low + (high - x))  # in this order it is exact at x = high, however small low is
            case "logit":
                return math.log(x / (1 - x))
        return x

    def _from_axis(self, t: float) -> float:
        low, high = self.bounds()
        match self.scale:
            case "log":
                return math.exp(t)
            case "reverse_log":
                return high - (math.exp(-t) - low)
            case "logit":
                return 1 / (1 + math.exp(-t))
        return t

    def _unit(self, x: float, low: float, high: float) -> float:
        a, b = self._to_axis(low), self._to_axis(high)
        return 0.5 if a == b else min(max((self._to_axis(x) - a) / (b - a), 0.0), 1.0)

    def _value(self, u: float, low: float, high: float) -> float:
        if u <= 0 or u >= 1:  # the way over the axis may miss the ends by a rounding error
            return low if u <= 0 else high
        a, b = self._to_axis(low), self._to_axis(high)
        return min(max(self._from_axis(a + (b - a) * u), low), high)

    def _scale_faults(self, low: float, high: float) -> list[tuple[str, str]]:
        if self.scale in ("log", "reverse_log") and low <= 0:
            return [("/low", f"scale '{self.scale}' needs low > 0")]
        if self.scale == "logit" and (low <= 0 or high >= 1):
            return [("/scale", "scale 'logit' needs 0 < low and high < 1")]
        return []


class FloatParameter(_Numeric):
    """A real number in [low, high], on a grid of `step` from low when a step is given."""

    type: Literal["float"] = "float"
    low: Bound
    high: Bound
    step: Annotated[float, Field(gt=0, le=MAX_BOUND)] | None = None
    default: Bound | None = None
    prior: Prior | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        faults = self._range_faults() or self._scale_faults(self.low, self.high) or self._step_faults()
        if faults:
            raise invalid(faults)
        check_default_and_prior(self)
        return self

    def _range_faults(self) -> list[tuple[str, str]]:
        if self.low > self.high:
            return [("/low", f"low ({self.low:g}) must not be above high ({self.high:g})")]
        resolution = 8 * math.ulp(max(abs(self.low), abs(self.high)))
        if self.low != self.high and self.high - self.low < resolution:
            return [("/high", "high is too close to low to be told apart in double precision")]
        return []

    def _step_faults(self) -> list[tuple[str, str]]:
        if self.step is None:
            return []
        if self.scale != "linear":
            return [("/step", f"step and scale '{self.scale}' do not go together")]
        if self.low != self.high and self.step > self.high - self.low:
            return [("/step", "step is larger than the range")]
        if (self.high - self.low) / self.step > 1e9:
            return [("/step", "step is too small for the range; leave it out")]
        return []

    def bounds(self) -> tuple[float, float]:
        return self.low, self.high

    @property
    def cardinality(self) -> int | None:
        """How many values there are; None for a continuum."""
        if self.low == self.high:
            return 1
        return None if self.step is None else math.floor((self.high - self.low) / self.step * (1 + 1e-12)) + 1

    def contains(self, value: object) -> bool:
        """Whether a value lies in the range and, with a step, on its grid."""
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not self.low <= value <= self.high:
            return False
        if self.step is None or self.low == self.high:
            return True
        nearest = self.low + round((value - self.low) / self.step) * self.step
        return math.isclose(value, nearest, rel_tol=1e-15, abs_tol=1e-6 * self.step)

    def to_unit(self, value: Scalar) -> float:
        """The place of a value in [0, 1]; with a step, the middle of its cell."""
        x = _number(value)
        if self.cardinality is not None and self.step is not None and self.low != self.high:
            return (round((x - self.low) / self.step) + 0.5) / self.cardinality
        return self._unit(x, self.low, self.high)

    def from_unit(self, u: float) -> float:
        """The value at a place in [0, 1]; every grid value is equally wide."""
        if self.low == self.high:
            return self.low
        if self.step is None or self.cardinality is None:
            return self._value(u, self.low, self.high)
        k = min(int(min(max(u, 0.0), 1.0) * self.cardinality), self.cardinality - 1)
        # min: low + k * step may leave the range by one rounding error.
        return min(self.low + k * self.step, self.high)


class IntParameter(_Numeric):
    """An integer in [low, high], counted from low in steps of `step`."""

    type: Literal["int"] = "int"
    low: IntBound
    high: IntBound
    step: Annotated[int, Field(ge=1, le=MAX_INT)] = 1
    default: IntBound | None = None
    prior: Prior | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        faults = self._range_faults() or self._scale_faults(self.low, self.high)
        if faults:
            raise invalid(faults)
        check_default_and_prior(self)
        return self

    def _range_faults(self) -> list[tuple[str, str]]:
        if self.low > self.high:
            return [("/low", f"low ({self.low}) must not be above high ({self.high})")]
        if self.step > 1 and self.scale != "linear":
            return [("/step", f"step and scale '{self.scale}' do not go together")]
        if self.low != self.high and self.step > self.high - self.low:
            return [("/step", "step is larger than the range")]
        return []

    def bounds(self) -> tuple[float, float]:
        # Half a step beyond each end, so that the end values are as likely as the others.
        half = 0.5 if self.scale == "linear" else min(0.5, self.low * 0.5 if self.low > 0 else 0.5)
        return self.low - half, self.high + half

    @property
    def cardinality(self) -> int:
        """How many values there are."""
        return (self.high - self.low) // self.step + 1

    def contains(self, value: object) -> bool:
        """Whether a value is an integer of this range; 3.0 is not."""
        if isinstance(value, bool) or not isinstance(value, int):
            return False
        return self.low <= value <= self.high and (value - self.low) % self.step == 0

    def to_unit(self, value: Scalar) -> float:
        """The place of a value in [0, 1], in the middle of its cell."""
        if self.scale == "linear":
            return ((int(_number(value)) - self.low) // self.step + 0.5) / self.cardinality
        return self._unit(_number(value), *self.bounds())

    def from_unit(self, u: float) -> int:
        """The value at a place in [0, 1]."""
        if self.scale == "linear":
            k = min(int(min(max(u, 0.0), 1.0) * self.cardinality), self.cardinality - 1)
            return self.low + k * self.step
        return min(max(round(self._value(u, *self.bounds())), self.low), self.high)


class _Discrete(_Single):
    """What the parameters with a list of choices share."""

    def _values(self) -> Sequence[Scalar]:
        raise NotImplementedError

    @property
    def cardinality(self) -> int:
        """How many choices there are."""
        return len(self._values())

    def contains(self, value: object) -> bool:
        """Whether a value is one of the choices: 1 is 1.0, but true is not 1."""
        return isinstance(value, (bool, int, float, str, type(None))) and any(
            same(value, choice) for choice in self._values()
        )

    def choice_index(self, value: Scalar) -> int:
        """The position of a value among the choices.

        Raises:
            ValueError: when it is not one of them.
        """
        for index, choice in enumerate(self._values()):
            if same(value, choice):
                return index
        raise ValueError(f"{value!r} is not a choice of parameter '{self.name}'")

    def to_unit(self, value: Scalar) -> float:
        """The middle of the value's cell in [0, 1]; the order means nothing for a categorical."""
        return (self.choice_index(value) + 0.5) / self.cardinality

    def from_unit(self, u: float) -> Scalar:
        """The choice at a place in [0, 1]."""
        return self._values()[min(int(min(max(u, 0.0), 1.0) * self.cardinality), self.cardinality - 1)]


Choices = Annotated[tuple[JsonScalar, ...], Field(min_length=1, max_length=MAX_CHOICES)]


class CategoricalParameter(_Discrete):
    """One of several JSON scalars without an order."""

    type: Literal["categorical"] = "categorical"
    choices: Choices
    default: JsonScalar = None
    prior: Prior | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_distinct(self.choices)
        check_default_and_prior(self)
        return self

    def _values(self) -> Sequence[Scalar]:
        return self.choices


class OrdinalParameter(_Discrete):
    """One of several JSON scalars whose order means something."""

    type: Literal["ordinal"] = "ordinal"
    choices: Choices
    default: JsonScalar = None
    prior: Prior | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_distinct(self.choices)
        check_default_and_prior(self)
        return self

    def _values(self) -> Sequence[Scalar]:
        return self.choices


class BoolParameter(_Discrete):
    """true or false."""

    type: Literal["bool"] = "bool"
    default: bool | None = None
    prior: Prior | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_default_and_prior(self)
        return self

    def _values(self) -> Sequence[Scalar]:
        return (False, True)


class ConstantParameter(_Discrete):
    """A value that every trial gets."""

    type: Literal["constant"] = "constant"
    value: JsonScalar

    @property
    def default(self) -> Scalar:
        """The only value there is."""
        return self.value

    def _values(self) -> Sequence[Scalar]:
        return (self.value,)


ScalarParameter: TypeAlias = (
    FloatParameter | IntParameter | CategoricalParameter | OrdinalParameter | BoolParameter | ConstantParameter
)
Parameter = Annotated[ScalarParameter | ListParameter, Field(discriminator="type")]


def has_default(parameter: Parameter) -> bool:
    """Whether a parameter has a default; null may be one, if it is a choice."""
    return isinstance(parameter, ConstantParameter) or "default" in parameter.model_fields_set


def default_of(parameter: Parameter) -> ParameterValue:
    """The default of a parameter that has one, as a value of an assignment; without one, the middle."""
    if not has_default(parameter):
        return parameter.middle()
    return list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default


def _number(value: Scalar) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    raise ValueError(f"{value!r} is not a number")


__all__ = [
    "MAX_CHOICES",
    "BoolParameter",
    "CategoricalParameter",
    "ConstantParameter",
    "Finite",
    "FloatParameter",
    "IntParameter",
    "ListParameter",
    "OrdinalParameter",
    "Parameter",
    "PermutationParameter",
    "Prior",
    "ScalarParameter",
    "Scale",
    "SimplexParameter",
    "SubsetParameter",
    "default_of",
    "has_default",
]
