"""The columns of each parameter: one axis for a scalar, one for each item of a permutation, a subset or a simplex.

What has to be seen together (an order, a size, a sum) is snapped, stepped and compared together here; what looks at
single columns (densities, distributions of other libraries) uses the axes and snaps afterwards.

    U        places of one parameter           (m, w), w its width
    steps    normal deviates times a scale     (m, w)
"""

import math
from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeAlias

import numpy as np

from app.search.axes import Axis, Floats, Indices, axis_of
from studyhall.list_parameters import (
    SHARES,
    SHARPNESS,
    ListParameter,
    PermutationParameter,
    SimplexParameter,
    SubsetParameter,
    positions,
)
from studyhall.parameters import Parameter, ScalarParameter

MOST_IN_PAIRS: Final = 16
"""Permutations of more items are compared by positions: pairs grow with the square."""


class Block(Protocol):
    """The columns of one parameter that has more than one value."""

    parameter: Parameter
    axes: tuple[Axis, ...]
    """One for each column."""
    cells: int | None
    """How many values there are; None for a continuum."""

    def snap(self, U: Floats) -> Floats:
        """The places that stand for the values at `U`: of all places with one value, always the same ones."""
        ...

    def features(self, U: Floats) -> list[Floats]:
        """What a distance-based model sees of snapped places: arrays `(m, w)`, each with a lengthscale of its own."""
        ...

    def step(self, U: Floats, steps: Floats, random: np.random.Generator) -> Floats:
        """Neighbours of snapped places, not yet snapped."""
        ...

    def at_index(self, index: Indices) -> Floats:
        """The places of values by their number, from 0, shape `(m, w)`; of what has cells."""
        ...


class Single:
    """A scalar: one axis."""

    def __init__(self, parameter: ScalarParameter) -> None:
        self.parameter: Parameter = parameter
        self.axis = axis_of(parameter)
        self.axes: tuple[Axis, ...] = (self.axis,)
        self.cells = self.axis.cells

    def snap(self, U: Floats) -> Floats:
        return self.axis.snap(U)

    def features(self, U: Floats) -> list[Floats]:
        if self.axis.is_ordered:
            return [U]
        one_hot = np.zeros((len(U), self.cells or 0))
        one_hot[np.arange(len(U)), self.axis.index(U[:, 0])] = np.sqrt(0.5)
        return [one_hot]

    def step(self, U: Floats, steps: Floats, random: np.random.Generator) -> Floats:
        axis, cells = self.axis, self.cells or 1
        if not axis.is_ordered:
            other = axis.index(U) + random.integers(1, max(cells, 2), len(U))[:, None]
            return axis.at_index(other % cells)
        moved = _reflected(U + steps)
        if self.cells is None:
            return moved
        return axis.at_index(_at_least_one_cell(axis.index(U), axis.index(moved), steps, cells))

    def at_index(self, index: Indices) -> Floats:
        return self.axis.at_index(index.astype(np.int64))[:, None]


class Order:
    """A permutation: each item's place is its rank."""

    def __init__(self, parameter: PermutationParameter) -> None:
        self.parameter: Parameter = parameter
        self.axes: tuple[Axis, ...] = tuple(_Key(parameter) for _ in parameter.items)
        self.cells: int | None = parameter.cardinality
        self._n = len(parameter.items)

    def snap(self, U: Floats) -> Floats:
        return (_ranks(U) + 0.5) / self._n

    def features(self, U: Floats) -> list[Floats]:
        if self._n > MOST_IN_PAIRS:
            return [U * math.sqrt(3.0 / self._n)]
        # Which of each two comes first; orders that differ in every pair are at distance 1. Source: Kendall 1938.
        first, second = np.triu_indices(self._n, 1)
        return [np.sign(U[:, second] - U[:, first]) * (0.5 / math.sqrt(len(first)))]

    def step(self, U: Floats, steps: Floats, random: np.random.Generator) -> Floats:
        m, n = U.shape
        rows, item = np.arange(m), random.integers(n, size=m)
        rank, step = _ranks(U), steps[rows, item]
        target = rank[rows, item] + np.where(step < 0, -1, 1) * np.maximum(1, np.rint(np.abs(step) * n)).astype(int)
        target = np.clip(target, 0, n - 1)
        target = np.where(target != rank[rows, item], target, np.where(target == 0, 1, target - 1))
        other = rank.argsort(axis=1)[rows, target]
        moved = rank.astype(np.float64)
        upwards = target > rank[rows, item]
        swaps = random.random(m) < 0.5
        # Half of the steps exchange two items, half take one out and put it in elsewhere.
        moved[rows, item] = np.where(swaps, target, target + np.where(upwards, 0.25, -0.25))
        moved[rows, other] = np.where(swaps, rank[rows, item], moved[rows, other])
        return np.asarray((moved + 0.5) / n)

    def at_index(self, index: Indices) -> Floats:
        return np.array([self._at(int(i)) for i in index]).reshape(len(index), self._n)

    def _at(self, index: int) -> list[float]:
        left, order = list(range(self._n)), []
        for size in range(self._n, 0, -1):
            at, index = divmod(index, math.factorial(size - 1))
            order.append(left.pop(at))
        return [(order.index(item) + 0.5) / self._n for item in range(self._n)]


class Members:
    """A subset: each item is in or out."""

    def __init__(self, parameter: SubsetParameter) -> None:
        self.parameter: Parameter = parameter
        self.axes: tuple[Axis, ...] = tuple(_Membership(parameter) for _ in parameter.items)
        self.cells: int | None = parameter.cardinality
        self._n, self._smallest, self._largest = len(parameter.items), parameter.min_size, parameter.largest
        self._threshold = parameter.threshold
        self._out, self._in = parameter.threshold / 2, (1.0 + parameter.threshold) / 2

    def chosen(self, U: Floats) -> "np.ndarray[tuple[int, int], np.dtype[np.bool_]]":
        """Which items are in, shape `(m, n)`."""
        wanted = np.clip((self._threshold < U).sum(axis=1), self._smallest, self._largest)
        return np.asarray(_ranks(-U) < wanted[:, None])

    def snap(self, U: Floats) -> Floats:
        return np.where(self.chosen(U), self._in, self._out)

    def features(self, U: Floats) -> list[Floats]:
        return list((self._threshold < U).astype(np.float64).T[:, :, None])

    def step(self, U: Floats, steps: Floats, random: np.random.Generator) -> Floats:
        m, n = U.shape
        rows, item = np.arange(m), random.integers(n, size=m)
        inside = self._threshold < U
        low, room = np.where(inside, self._threshold, 0.0), np.where(inside, 1.0 - self._threshold, self._threshold)
        # Anywhere in their halves: where the size must stay, chance decides what makes room.
        moved = low + room * (0.1 + 0.8 * random.random((m, n)))
        moved[rows, item] = np.where(inside[rows, item], 0.0, 1.0)
        return np.asarray(moved)

    def at_index(self, index: Indices) -> Floats:
        return np.array([self._at(int(i)) for i in index]).reshape(len(index), self._n)

    def _at(self, index: int) -> list[float]:
        size = self._smallest
        while index >= (here := math.comb(self._n, size)):
            index, size = index - here, size + 1
        found = []
        for left in range(self._n - 1, -1, -1):
            with_it = math.comb(left, size - 1) if size else 0
            is_in = index < with_it
            index, size = (index, size - 1) if is_in else (index - with_it, size)
            found.append(self._in if is_in else self._out)
        return found


class Shares:
    """A simplex: the places of shares of a whole."""

    cells: int | None = None

    def __init__(self, parameter: SimplexParameter) -> None:
        self.parameter: Parameter = parameter
        self.axes: tuple[Axis, ...] = tuple(_Key(parameter) for _ in parameter.parts)

    def shares(self, U: Floats) -> Floats:
        """The shares at places, in millionths of the whole, shape `(m, n)`."""
        weights = -np.log1p(-np.clip(U, 0.0, 1.0 - 1e-12))
        weights[~weights.any(axis=1)] = 1.0
        counts = np.rint(SHARES * (weights / weights.sum(axis=1, keepdims=True)))
        counts[np.arange(len(U)), counts.argmax(axis=1)] += SHARES - counts.sum(axis=1)
        return np.asarray(counts / SHARES)

    def snap(self, U: Floats) -> Floats:
        return _share_places(self.shares(U))

    def features(self, U: Floats) -> list[Floats]:
        return list(self.shares(U).T[:, :, None])

    def step(self, U: Floats, steps: Floats, random: np.random.Generator) -> Floats:
        m, n = U.shape
        shares, rows = self.shares(U), np.arange(m)
        anyone = random.integers(n, size=m)
        giver = np.where(shares[rows, anyone] > 0, anyone, shares.argmax(axis=1))
        taker = (giver + random.integers(1, n, size=m)) % n
        given = np.minimum(np.maximum(np.abs(steps[rows, giver]), 1e-4), shares[rows, giver])
        shares[rows, giver] -= given
        shares[rows, taker] += given
        return _share_places(shares)

    def at_index(self, index: Indices) -> Floats:
        raise TypeError("a continuum has no positions")

    def lattice(self, resolution: int) -> tuple[int, Callable[[Indices], Floats]]:
        """The shares that are multiples of 1 / (resolution - 1): how many there are, and their places by number."""
        n, parts = len(self.axes), resolution - 1

        def one(number: int) -> list[float]:
            index = number
            rest, found = parts, []
            for others in range(n - 1, 0, -1):
                share = 0
                while index >= (here := math.comb(rest - share + others - 1, others - 1)):
                    index, share = index - here, share + 1
                found.append(share / parts)
                rest -= share
            return [*found, rest / parts]

        def at(index: Indices) -> Floats:
            return self.snap(_share_places(np.array([one(int(i)) for i in index]).reshape(len(index), n)))

        return math.comb(parts + n - 1, n - 1), at


class _Key:
    """A place that means something beside those of the other items only."""

    is_ordered = True
    is_numeric = False
    cells: int | None = None

    def __init__(self, parameter: ListParameter) -> None:
        self.parameter: Parameter = parameter

    def snap(self, u: Floats) -> Floats:
        return np.clip(u, 0.0, 1.0)

    def index(self, u: Floats) -> Indices:
        raise TypeError("a continuum has no positions")

    def at_index(self, index: Indices) -> Floats:
        raise TypeError("a continuum has no positions")

    def numbers(self, u: Floats) -> Floats:
        return np.full(u.shape, math.nan)


class _Membership(_Key):
    """Whether one item is in a subset: two cells, out and in."""

    is_ordered = False
    cells: int | None = 2

    def __init__(self, parameter: SubsetParameter) -> None:
        super().__init__(parameter)
        self._threshold = parameter.threshold

    def snap(self, u: Floats) -> Floats:
        return self.at_index(self.index(u))

    def index(self, u: Floats) -> Indices:
        return (u > self._threshold).astype(np.int64)

    def at_index(self, index: Indices) -> Floats:
        return np.asarray((index + self._threshold) / 2.0, dtype=np.float64)


def block_of(parameter: Parameter) -> Block:
    """The columns of a parameter with more than one value."""
    if isinstance(parameter, PermutationParameter):
        return Order(parameter)
    if isinstance(parameter, SubsetParameter):
        return Members(parameter)
    return Shares(parameter) if isinstance(parameter, SimplexParameter) else Single(parameter)


def item_index(parameter: PermutationParameter | SubsetParameter, item: object) -> int | None:
    """The position of an item among those of a list; None when it is none of them."""
    found = positions([item], parameter.items)
    return None if found is None else found[0]


Places: TypeAlias = tuple[int, Callable[[Indices], Floats]]
"""How many places a block has in a grid, and which these are by number."""
Grid: TypeAlias = Sequence[Places | None]
"""The places of each block; None for a continuum."""


def combinations(places: Sequence[Places], numbers: Indices) -> Floats:
    """Rows of a grid by their number, in mixed radix, the first block slowest; shape `(m, d)`."""
    blocks: list[Floats] = []
    rest = numbers
    for count, at in reversed(places):
        # Operators, not divmod: numbers beyond 64 bits are Python's.
        blocks.append(at(rest % count))
        rest = rest // count
    return np.hstack(blocks[::-1]) if blocks else np.zeros((len(numbers), 0))


def _ranks(U: Floats) -> Indices:
    """The rank of each column within its row, equal ones in the order of columns, shape `(m, n)`."""
    return U.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")


def _share_places(shares: Floats) -> Floats:
    return np.asarray(1.0 - np.exp(-SHARPNESS * shares))


def _reflected(u: Floats) -> Floats:
    folded = np.abs(u) % 2.0
    return np.where(folded > 1.0, 2.0 - folded, folded)


def _at_least_one_cell(before: Indices, after: Indices, steps: Floats, cells: int) -> Indices:
    """Positions that have changed: a step too small to leave its cell goes one cell on."""
    towards = np.where(steps < 0, -1, 1)
    towards = np.where(before + towards < 0, 1, np.where(before + towards >= cells, -1, towards))
    return np.where(after == before, before + towards, after)
