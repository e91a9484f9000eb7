"""A space as a unit cube: every assignment is a row of places in [0, 1], and back.

Only parameters with more than one value have a column. A row may hold any place for a parameter that is inactive;
`canonical` gives all such rows one and the same face, so that a model never learns from, and never searches in, values
that nobody used. Rows are what candidates are; `features` is what a distance-based model sees.

    U         rows of places                          (m, d)
    active    where a place counts                    (m, d)
    X         features: ordered places, one-hot       (m, width)
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np

from app.search.axes import Axis, Floats, Indices, Truths, axis_of
from app.search.conditions import Column, Columns, Condition
from studyhall.expression import Scalar
from studyhall.parameters import Parameter, has_default
from studyhall.space import Space
from studyhall.words import Parameters

CANONICAL: Final = 0.5
"""The place of every inactive parameter. How it is chosen hardly matters; that it is one value does."""


MOST_PLACES: Final = 20_000
LARGEST_LIST_OF_NETWORKS: Final = 2**10
"""Telling networks apart takes a fifth of a millisecond each: larger spaces of them are not listed."""


class Encoding:
    """The unit cube of one space. Make it with `encoding_of`: that keeps the last few."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self.free: tuple[Parameter, ...] = tuple(p for p in space.scalars if p.cardinality != 1)
        self.axes: tuple[Axis, ...] = tuple(axis_of(parameter) for parameter in self.free)
        self.column: dict[str, int] = {parameter.name: j for j, parameter in enumerate(self.free)}
        self._fixed: Parameters = {p.name: p.from_unit(0.5) for p in space.scalars if p.cardinality == 1}
        self._conditions = {name: Condition(when) for name, when in space.conditions.items()}
        self._rules = tuple(Condition(rule) for rule in space.plain_rules)
        self._places: dict[object, Floats | None] = {}
        self._every_row: dict[int, Floats | None] = {}
        self._within: dict[bytes, bool] = {}
        self._names: dict[bytes, bytes] = {}

    @property
    def dimension(self) -> int:
        """How many columns a row has; 0 for a space of one point."""
        return len(self.free)

    # --- from parameters to rows and back ----------------------------------------------------

    def row(self, parameters: Mapping[str, Scalar]) -> Floats:
        """The canonical row of an assignment, shape `(d,)`; what is missing or not a value has the canonical place."""
        found = np.full(self.dimension, CANONICAL)
        for j, parameter in enumerate(self.free):
            if parameter.name in parameters and parameter.contains(parameters[parameter.name]):
                found[j] = parameter.to_unit(parameters[parameter.name])
        return found

    def rows(self, assignments: Iterable[Mapping[str, Scalar]]) -> Floats:
        """The canonical rows of assignments, shape `(m, d)`."""
        found = [self.row(parameters) for parameters in assignments]
        return np.array(found).reshape(len(found), self.dimension)

    def parameters(self, row: Floats) -> Parameters:
        """The assignment at a row, without what is inactive, as plain Python values."""
        values = {p.name: p.from_unit(float(u)) for p, u in zip(self.free, row, strict=True)}
        return self.space.resolve(self._fixed | values)

    def completed(self, parameters: Mapping[str, Scalar]) -> Parameters | None:
        """An assignment of an earlier version of the space as one of this version, or None when it has no place here.

        A parameter that was added since takes its default (else the middle); one that was removed is dropped.
        """
        active: Parameters = {}
        for parameter in self.space.order:
            if self.space.is_active(parameter.name, active):
                given = parameter.name in parameters
                value = parameters[parameter.name] if given else _stand_in(parameter)
                if not parameter.contains(value):
                    return None
                active[parameter.name] = value
        return active

    def place(self, parameters: Mapping[str, Scalar]) -> Floats | None:
        """The canonical row of an assignment that may be of an earlier version of the space; None when it has none.

        Kept for the assignments of a history: it is asked for again with every suggestion.
        """
        # With the type: 1, 1.0 and true are one key otherwise.
        key = tuple((name, value, type(value)) for name, value in parameters.items())
        if key not in self._places:
            if len(self._places) >= MOST_PLACES:
                self._places.clear()
            completed = self.completed(parameters)
            self._places[key] = None if completed is None else self.row(completed)
        return self._places[key]

    # --- facts about rows --------------------------------------------------------------------

    def snap(self, U: Floats) -> Floats:
        """Moves every place onto the one that stands for its value."""
        return np.column_stack([axis.snap(U[:, j]) for j, axis in enumerate(self.axes)]) if self.axes else U

    def active(self, U: Floats) -> Truths:
        """Which places count, shape `(m, d)`."""
        return self._columns(U)[1]

    def canonical(self, U: Floats) -> Floats:
        """Snapped rows in which every inactive place is the canonical one: equal rows are equal assignments."""
        return np.where(self.active(U), self.snap(U), CANONICAL)

    def is_feasible(self, U: Floats) -> Truths:
        """Which rows break no constraint of the space, shape `(m,)`."""
        found = np.ones(len(U), dtype=bool)
        if self._rules:
            columns, _ = self._columns(U)
            for rule in self._rules:
                found &= rule.truth(columns, len(U)) != 0.0
        return self._within_counts(U, found) if self.space.count_rules else found

    def keys(self, canonical: Floats) -> list[bytes]:
        """A name for each canonical row: two rows have one name when they are the same assignment.

        With an architecture, when they are the same network and all else is the same: no engine trains a network twice.
        """
        # Rounded: a value's way to its place and back may differ in the last bits.
        keys = [row.tobytes() for row in np.rint(canonical * 2**40).astype(np.int64)]
        if self.space.architecture is None or self.space.architecture.duplicates == "retrain":
            return keys
        return [self._identity(key, row) for key, row in zip(keys, canonical, strict=True)]

    def features(self, canonical: Floats, active: Truths) -> tuple[Floats, tuple[slice, ...]]:
        """What a distance-based model sees, and which of its columns belong to each parameter.

        An ordered parameter is its place; a categorical is one-hot, any two choices at distance 1; a conditional one
        has a column more that keeps inactive (0) from active (1/2), whatever the value.
        """
        blocks: list[Floats] = []
        slices: list[slice] = []
        width = 0
        for j, (parameter, axis) in enumerate(zip(self.free, self.axes, strict=True)):
            block = self._feature(axis, canonical[:, j], active[:, j])
            if parameter.name in self._conditions:
                block = np.column_stack([block, 0.5 * active[:, j]])
            blocks.append(block)
            slices.append(slice(width, width + block.shape[1]))
            width += block.shape[1]
        return (np.hstack(blocks) if blocks else np.zeros((len(canonical), 0))), tuple(slices)

    # --- random rows -------------------------------------------------------------------------

    def sample(self, random: np.random.Generator, count: int, *, tries: int = 20) -> Floats:
        """Uniform feasible rows, shape `(m, d)` with m <= count: fewer where hardly any row is feasible."""
        return self.gather(lambda n: self.snap(random.random((n, self.dimension))), count, tries=tries)

    def gather(self, propose: Callable[[int], Floats], count: int, *, tries: int = 20) -> Floats:
        """Feasible rows out of proposals of `count` rows, repeated up to `tries` times while there are too few."""
        kept: list[Floats] = []
        found = 0
        for _ in range(tries):
            proposed = propose(count)
            proposed = proposed[self.is_feasible(proposed)]
            kept.append(proposed[: count - found])
            found += len(kept[-1])
            if found == count:
                break
        return np.vstack(kept)

    def every_row(self, limit: int) -> Floats | None:
        """Every feasible assignment once, as canonical rows `(m, d)`; None when there may be more than `limit`."""
        if limit not in self._every_row:
            self._every_row[limit] = self._list_rows(limit)
        return self._every_row[limit]

    # --- inside ------------------------------------------------------------------------------

    def _list_rows(self, limit: int) -> Floats | None:
        total = 1
        if self.space.architecture is not None:
            limit = min(limit, LARGEST_LIST_OF_NETWORKS)
        for axis in self.axes:
            if axis.cells is None or (total := total * axis.cells) > limit:
                return None
        U = combinations([axis.at_index(np.arange(axis.cells or 0)) for axis in self.axes], np.arange(total))
        return np.unique(self.canonical(U[self.is_feasible(U)]), axis=0)

    def _within_counts(self, U: Floats, so_far: Truths) -> Truths:
        """Which of the rows that broke nothing so far keep to the counts of their networks, shape `(m,)`."""
        found = so_far.copy()
        rows = np.flatnonzero(so_far)
        U = self.canonical(U[rows])
        for row, key, u in zip(rows, np.rint(U * 2**40).astype(np.int64), U, strict=True):
            name = key.tobytes()
            if name not in self._within:
                _make_room(self._within)
                self._within[name] = self.space.satisfies(self.parameters(u))
            found[row] = self._within[name]
        return found

    def _identity(self, key: bytes, row: Floats) -> bytes:
        if key not in self._names:
            _make_room(self._names)
            self._names[key] = (self.space.identity(self.parameters(row)) or "").encode()
        return self._names[key]

    def _feature(self, axis: Axis, u: Floats, active: Truths) -> Floats:
        if axis.is_ordered:
            return u[:, None]
        one_hot = np.zeros((len(u), axis.cells or 0))
        one_hot[np.arange(len(u)), axis.index(u)] = np.sqrt(0.5)
        return one_hot * active[:, None]

    def _columns(self, U: Floats) -> tuple[Columns, Truths]:
        """The columns of all parameters, inactive ones marked; and the activity of the free ones, shape `(m, d)`."""
        rows = len(U)
        active = np.ones((rows, self.dimension), dtype=bool)
        columns: dict[str, Column] = {}
        for parameter in self.space.order:
            name = parameter.name
            here = self._is_active(name, columns, rows)
            j = self.column.get(name)
            if j is None:
                columns[name] = Column(here, constant=self._fixed[name])
            else:
                active[:, j] = here
                columns[name] = Column(here, self.axes[j], U[:, j])
        return columns, active

    def _is_active(self, name: str, columns: Columns, rows: int) -> Truths:
        condition = self._conditions.get(name)
        if condition is None:
            return np.ones(rows, dtype=bool)
        return np.asarray(condition.truth(columns, rows) == 1.0, dtype=bool)


@lru_cache(maxsize=16)
def encoding_of(space: Space) -> Encoding:
    """The encoding of a space; kept, because tables of its conditions are worth keeping."""
    return Encoding(space)


def combinations(places: Sequence[Floats], numbers: Indices) -> Floats:
    """Rows of the grid of `places` by their number, in mixed radix, the first column slowest; shape `(m, d)`."""
    U = np.empty((len(numbers), len(places)))
    rest = numbers
    for j in reversed(range(len(places))):
        # Operators, not divmod: numbers beyond 64 bits are Python's.
        U[:, j] = places[j][(rest % len(places[j])).astype(np.int64)]
        rest = rest // len(places[j])
    return U


def _make_room(kept: dict[bytes, Any]) -> None:
    if len(kept) >= MOST_PLACES:
        kept.clear()


def _stand_in(parameter: Parameter) -> Scalar:
    return parameter.default if has_default(parameter) else parameter.from_unit(0.5)
