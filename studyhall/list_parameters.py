"""The types of parameter whose value is a list: an order of things, a choice of several, shares of a whole.

A value has as many places in [0, 1] as there are items. Uniform places give a uniform permutation, a uniform simplex,
and, for each size, a uniform subset. Sources: random keys, Bean 1994; a simplex from exponentials, Devroye 1986,
chapter V.2.
"""

import math
from collections.abc import Sequence
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from studyhall.errors import invalid
from studyhall.expression_tree import same
from studyhall.parameter_base import MAX_ITEMS, ParameterBase, Prior, check_default_and_prior, check_distinct
from studyhall.words import JsonScalar, ParameterValue

Items = Annotated[tuple[JsonScalar, ...], Field(min_length=2, max_length=MAX_ITEMS)]
PartName = Annotated[str, Field(min_length=1, max_length=128)]

SHARES = 1_000_000
"""Shares of a simplex are counted in millionths: they read well, and add up to 1 the same way everywhere."""
SHARPNESS = 4.0
"""A share s lies at the place 1 - exp(-SHARPNESS s): small shares, which most are, have most of the room."""


class PermutationParameter(ParameterBase):
    """All items, in any order; the value is a list."""

    type: Literal["permutation"] = "permutation"
    items: Items
    default: tuple[JsonScalar, ...] | None = None
    prior: Prior | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_distinct(self.items, "/items")
        check_default_and_prior(self)
        return self

    @property
    def cardinality(self) -> int:
        """How many orders there are."""
        return math.factorial(len(self.items))

    @property
    def width(self) -> int:
        return len(self.items)

    def contains(self, value: object) -> bool:
        """Whether a value lists every item once."""
        found = positions(value, self.items)
        return found is not None and len(found) == len(self.items)

    def to_units(self, value: ParameterValue) -> tuple[float, ...]:
        """For each item its place in the order: the first one has the lowest."""
        order = _positions(value, self.items, self.name)
        n = len(self.items)
        return tuple((order.index(item) + 0.5) / n for item in range(n))

    def from_units(self, units: Sequence[float]) -> list[JsonScalar]:
        """The items by their places, lowest first."""
        return [self.items[i] for i in sorted(range(len(self.items)), key=lambda i: units[i])]


class SubsetParameter(ParameterBase):
    """Some of the items, at least `min_size` and at most `max_size`; the value is a list, in any order."""

    type: Literal["subset"] = "subset"
    items: Annotated[tuple[JsonScalar, ...], Field(min_length=1, max_length=MAX_ITEMS)]
    min_size: Annotated[int, Field(ge=0, le=MAX_ITEMS)] = 0
    max_size: Annotated[int, Field(ge=0, le=MAX_ITEMS)] | None = None
    """Absent: all of them."""
    default: tuple[JsonScalar, ...] | None = None
    prior: Prior | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_distinct(self.items, "/items")
        if self.largest > len(self.items):
            raise invalid([("/max_size", f"there are {len(self.items)} items only")])
        if self.min_size > self.largest:
            raise invalid([("/min_size", f"min_size ({self.min_size}) must not be above max_size ({self.largest})")])
        check_default_and_prior(self)
        return self

    @property
    def largest(self) -> int:
        """The most items a value may have."""
        return len(self.items) if self.max_size is None else self.max_size

    @property
    def threshold(self) -> float:
        """The place from which on an item is in; uniform places give sizes around the middle of what is allowed."""
        return 1.0 - (self.min_size + self.largest) / (2 * len(self.items))

    @property
    def cardinality(self) -> int:
        """How many subsets there are."""
        return sum(math.comb(len(self.items), size) for size in range(self.min_size, self.largest + 1))

    @property
    def width(self) -> int:
        return len(self.items)

    def contains(self, value: object) -> bool:
        """Whether a value lists allowed items, each at most once, and not too few or too many."""
        found = positions(value, self.items)
        return found is not None and self.min_size <= len(found) <= self.largest

    def to_units(self, value: ParameterValue) -> tuple[float, ...]:
        """For each item the middle of in, or the middle of out."""
        chosen = _positions(value, self.items, self.name)
        out, inside = self.threshold / 2, (1.0 + self.threshold) / 2
        return tuple(inside if item in chosen else out for item in range(len(self.items)))

    def from_units(self, units: Sequence[float]) -> list[JsonScalar]:
        """The items whose places are above the threshold, the highest of them where there are too many or too few."""
        wanted = min(max(sum(u > self.threshold for u in units), self.min_size), self.largest)
        highest = sorted(range(len(self.items)), key=lambda i: -units[i])[:wanted]
        return [self.items[i] for i in sorted(highest)]


class SimplexParameter(ParameterBase):
    """Shares of a whole, one for each part; the value is a list of numbers from 0 to 1 that add up to 1."""

    type: Literal["simplex"] = "simplex"
    parts: Annotated[tuple[PartName, ...], Field(min_length=2, max_length=MAX_ITEMS)]
    default: tuple[JsonScalar, ...] | None = None
    prior: Prior | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_distinct(self.parts, "/parts")
        check_default_and_prior(self)
        return self

    @property
    def cardinality(self) -> None:
        """A continuum."""
        return

    @property
    def width(self) -> int:
        return len(self.parts)

    def contains(self, value: object) -> bool:
        """Whether a value has a share for each part, none negative, that add up to 1 within a millionth each."""
        shares = _numbers(value)
        if shares is None or len(shares) != len(self.parts) or not all(0 <= share <= 1 for share in shares):
            return False
        return abs(sum(shares) - 1) <= len(shares) / SHARES

    def to_units(self, value: ParameterValue) -> tuple[float, ...]:
        """For each part a place that grows with its share."""
        shares = _numbers(value)
        if shares is None:
            raise ValueError(f"{value!r} is not a value of parameter '{self.name}'")
        return tuple(1.0 - math.exp(-SHARPNESS * k / SHARES) for k in _millionths(shares))

    def from_units(self, units: Sequence[float]) -> list[JsonScalar]:
        """The shares at places: in proportion to -log(1 - u)."""
        weights = [-math.log1p(-min(max(u, 0.0), 1.0 - 1e-12)) for u in units]
        if not any(weights):
            weights = [1.0] * len(weights)
        return [k / SHARES for k in _millionths(weights)]


ListParameter: TypeAlias = PermutationParameter | SubsetParameter | SimplexParameter


def positions(value: object, items: Sequence[JsonScalar]) -> list[int] | None:
    """The positions among `items` of what a list holds, in its order; None when it is no list of distinct items."""
    if not isinstance(value, (list, tuple)):
        return None
    found: list[int] = []
    for one in value:
        index = next((i for i, item in enumerate(items) if same(one, item)), None)
        if index is None or index in found:
            return None
        found.append(index)
    return found


def _positions(value: ParameterValue, items: Sequence[JsonScalar], name: str) -> list[int]:
    found = positions(value, items)
    if found is None:
        raise ValueError(f"{value!r} is not a value of parameter '{name}'")
    return found


def _numbers(value: object) -> list[float] | None:
    if not isinstance(value, (list, tuple)):
        return None
    numbers = [one for one in value if isinstance(one, (int, float)) and not isinstance(one, bool)]
    return numbers if len(numbers) == len(value) else None


def _millionths(weights: Sequence[float]) -> list[int]:
    """Whole millionths in proportion to weights; the largest takes what rounding leaves."""
    total = math.fsum(weights)
    counts = [round(SHARES * weight / total) for weight in weights]
    counts[max(range(len(counts)), key=lambda i: counts[i])] += SHARES - sum(counts)
    return counts
