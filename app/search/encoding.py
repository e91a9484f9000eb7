"""A space as a unit cube: every assignment is a row of places in [0, 1], and back.

Only parameters with more than one value have columns: one, or of a list one for each item (`app.search.blocks`). A
row may hold any place for a parameter that is inactive; `canonical` gives all such rows one and the same face, so that
a model never learns from, and never searches in, values that nobody used. Rows are what candidates are; `features` is
what a distance-based model sees.

    U         rows of places                          (m, d)
    active    where a place counts                    (m, d)
    X         features: ordered places, one-hot       (m, width)
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property, lru_cache
from typing import Any, Final

import numpy as np

from app.search.axes import Axis, Floats, Truths
from app.search.blocks import Block, Grid, Single, block_of
from app.search.cells import CellWays, cells_in
from app.search.conditions import Column, Columns, Condition
from studyhall.architecture.graph import COUNTS
from studyhall.parameters import IntParameter, Parameter, default_of
from studyhall.space import Space
from studyhall.words import Parameters, ParameterValue

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
        self.blocks: tuple[Block, ...] = tuple(block_of(parameter) for parameter in self.free)
        self.axes: tuple[Axis, ...] = tuple(axis for block in self.blocks for axis in block.axes)
        self.columns: tuple[slice, ...] = _columns(self.blocks)
        self._number: dict[str, int] = {parameter.name: j for j, parameter in enumerate(self.free)}
        self._fixed: Parameters = {p.name: p.middle() for p in space.scalars if p.cardinality == 1}
        self._ways = tuple(self._cells_ways())
        self._conditions = {name: Condition(when) for name, when in space.conditions.items()}
        self._rules = tuple(Condition(rule) for rule in space.plain_rules)
        self._places: dict[object, Floats | None] = {}
        self._every_row: dict[int, Floats | None] = {}
        self._within: dict[bytes, bool] = {}
        self._names: dict[bytes, bytes] = {}

    @property
    def dimension(self) -> int:
        """How many columns a row has; 0 for a space of one point."""
        return len(self.axes)

    # --- from parameters to rows and back ----------------------------------------------------

    def row(self, parameters: Mapping[str, ParameterValue]) -> Floats:
        """The canonical row of an assignment, shape `(d,)`; what is missing or not a value has the canonical place."""
        found = np.full(self.dimension, CANONICAL)
        for parameter, block, columns in zip(self.free, self.blocks, self.columns, strict=True):
            if parameter.name in parameters and parameter.contains(parameters[parameter.name]):
                places = np.array(parameter.to_units(parameters[parameter.name]))
                found[columns] = places if isinstance(block, Single) else block.snap(places[None, :])[0]
        return found

    def rows(self, assignments: Iterable[Mapping[str, ParameterValue]]) -> Floats:
        """The canonical rows of assignments, shape `(m, d)`."""
        found = [self.row(parameters) for parameters in assignments]
        return np.array(found).reshape(len(found), self.dimension)

    def parameters(self, row: Floats) -> Parameters:
        """The assignment at a row, without what is inactive, as plain Python values."""
        values = {p.name: p.from_units(row[s].tolist()) for p, s in zip(self.free, self.columns, strict=True)}
        return self.space.resolve(self._fixed | values)

    def completed(self, parameters: Mapping[str, ParameterValue]) -> Parameters | None:
        """An assignment of an earlier version of the space as one of this version, or None when it has no place here.

        A parameter that was added since takes its default (else the middle); one that was removed is dropped.
        """
        active: Parameters = {}
        for parameter in self.space.order:
            if self.space.is_active(parameter.name, active):
                given = parameter.name in parameters
                value = parameters[parameter.name] if given else default_of(parameter)
                if not parameter.contains(value):
                    return None
                active[parameter.name] = value
        return active

    def place(self, parameters: Mapping[str, ParameterValue]) -> Floats | None:
        """The canonical row of an assignment that may be of an earlier version of the space; None when it has none.

        Kept for the assignments of a history: it is asked for again with every suggestion.
        """
        # With the type: 1, 1.0 and true are one key otherwise.
        key = tuple((name, _hashable(value), type(value)) for name, value in parameters.items())
        if key not in self._places:
            if len(self._places) >= MOST_PLACES:
                self._places.clear()
            completed = self.completed(parameters)
            self._places[key] = None if completed is None else self.row(completed)
        return self._places[key]

    # --- facts about rows --------------------------------------------------------------------

    def snap(self, U: Floats) -> Floats:
        """Moves every place onto the one that stands for its value."""
        if not self.axes:
            return U
        return np.hstack([block.snap(U[:, s]) for block, s in zip(self.blocks, self.columns, strict=True)])

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
        """What a distance-based model sees, and which of its columns have a lengthscale in common.

        An ordered parameter is its place; a categorical is one-hot, any two choices at distance 1; a conditional one
        has a column more that keeps inactive (0) from active (1/2), whatever the value. What is in a subset, and the
        shares of a simplex, have a lengthscale each: some matter more than others. What ways there are through a cell
        has one too: cells may be alike though their edges differ.
        """
        found: list[Floats] = []
        for parameter, block, columns in zip(self.free, self.blocks, self.columns, strict=True):
            here = active[:, columns.start, None]
            seen = block.features(canonical[:, columns])
            if parameter.name in self._conditions:
                # The canonical place of what is ordered is one already; what is not must have no face at all.
                is_place = isinstance(block, Single) and block.axis.is_ordered
                seen = seen if is_place else [part * here for part in seen]
                seen[0] = np.hstack([seen[0], 0.5 * here])
            found.extend(seen)
        found.extend(ways.features(canonical, active) for ways in self._ways)
        slices: list[slice] = []
        for part in found:
            start = slices[-1].stop if slices else 0
            slices.append(slice(start, start + part.shape[1]))
        return (np.hstack(found) if found else np.zeros((len(canonical), 0))), tuple(slices)

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
            places: Grid = [None if block.cells is None else (block.cells, block.at_index) for block in self.blocks]
            most = limit if self.space.architecture is None else min(limit, LARGEST_LIST_OF_NETWORKS)
            self._every_row[limit] = self.listed(places, most)
        return self._every_row[limit]

    def listed(self, grid: Grid, limit: int) -> Floats | None:
        """Every feasible assignment of a grid once, as canonical rows `(m, d)`, the first parameter slowest.

        Only active parameters branch: three branches of four parameters are a sum, not a product. None when there are
        more than `limit`, constraints aside.

        Args:
            grid: for each block how many places it has, and which these are by number; None for a continuum.
        """
        U = np.full((1, self.dimension), CANONICAL)
        for parameter in self.space.order:
            if (j := self._number.get(parameter.name)) is None:
                continue
            here = self.active(U)[:, self.columns[j].start]
            count, at = grid[j] or (limit + 1, None)
            times = np.where(here, min(count, limit + 1), 1)  # counts may be beyond 64 bits
            if (total := int(times.sum())) > limit:
                return None
            if at is not None and here.any():
                number = np.arange(total) - np.repeat(np.cumsum(times) - times, times)
                U, here = np.repeat(U, times, axis=0), np.repeat(here, times)
                U[here, self.columns[j]] = at(np.arange(count))[number[here]]
        U = self.canonical(U[self.is_feasible(U)])
        return U[sorted({key: i for i, key in enumerate(self.keys(U))}.values())]

    # --- inside ------------------------------------------------------------------------------

    def _within_counts(self, U: Floats, so_far: Truths) -> Truths:
        """Which of the rows that broke nothing so far keep to the counts of their networks, shape `(m,)`."""
        found = so_far.copy()
        rows = np.flatnonzero(so_far)
        U = self.canonical(U[rows])
        for row, key, u in zip(rows, np.rint(U * 2**40).astype(np.int64), U, strict=True):
            name = key.tobytes()
            if name not in self._within:
                _make_room(self._within)
                self._within[name] = self._keeps_to_counts(u)
            found[row] = self._within[name]
        return found

    def _keeps_to_counts(self, row: Floats) -> bool:
        """The scalar answer; without making an assignment where the rules read counts alone, which takes most time."""
        architecture = self.space.architecture
        if architecture is None or not all(rule.names <= set(COUNTS) for rule in self.space.count_rules):
            return self.space.satisfies(self.parameters(row))
        places = row.tolist()
        values = dict(self._fixed_decisions)
        for name, j, table in self._decisions:
            values[name] = table[min(int(places[j] * len(table)), len(table) - 1)]
        for name, j, parameter in self._continua:
            values[name] = parameter.from_units([places[j]])
        counts = architecture.counts_once(values)
        return all(rule.truth(counts) is not False for rule in self.space.count_rules)

    @cached_property
    def _fixed_decisions(self) -> Parameters:
        architecture = self.space.architecture
        names = frozenset[str]() if architecture is None else architecture.names
        return {name: value for name, value in self._fixed.items() if name in names}

    @cached_property
    def _decisions(self) -> list[tuple[str, int, list[ParameterValue]]]:
        """The architecture's decisions with equally wide cells: name, column, values."""
        return [
            (parameter.name, columns.start, [parameter.from_units([(i + 0.5) / cells]) for i in range(cells)])
            for parameter, columns, cells in self._of_architecture()
            if cells is not None
        ]

    @cached_property
    def _continua(self) -> list[tuple[str, int, Parameter]]:
        """The others."""
        return [(p.name, columns.start, p) for p, columns, cells in self._of_architecture() if cells is None]

    def _cells_ways(self) -> Iterator[CellWays]:
        architecture = self.space.architecture
        for cell in () if architecture is None else cells_in(architecture.plan.root):
            numbers = {nodes: self._number.get(edge.parameter) for nodes, edge in cell.edges.items()}
            columns = {nodes: None if j is None else self.columns[j].start for nodes, j in numbers.items()}
            axes = {nodes: None if column is None else self.axes[column] for nodes, column in columns.items()}
            yield CellWays(cell, columns, axes)

    def _of_architecture(self) -> Iterator[tuple[Parameter, slice, int | None]]:
        architecture = self.space.architecture
        for parameter, columns in zip(self.free, self.columns, strict=True):
            if architecture is not None and parameter.name in architecture.names:
                scaled = isinstance(parameter, IntParameter) and parameter.scale != "linear"
                yield parameter, columns, None if scaled else parameter.cardinality

    def _identity(self, key: bytes, row: Floats) -> bytes:
        if key not in self._names:
            _make_room(self._names)
            self._names[key] = (self.space.identity(self.parameters(row)) or "").encode()
        return self._names[key]

    def _columns(self, U: Floats) -> tuple[Columns, Truths]:
        """The columns of all parameters, inactive ones marked; and the activity of the free ones, shape `(m, d)`."""
        rows = len(U)
        active = np.ones((rows, self.dimension), dtype=bool)
        columns: dict[str, Column] = {}
        for parameter in self.space.order:
            name = parameter.name
            here = self._is_active(name, columns, rows)
            j = self._number.get(name)
            if j is None:
                columns[name] = Column(here, constant=self._fixed[name])
            else:
                active[:, self.columns[j]] = here[:, None]
                columns[name] = Column(here, self.blocks[j], U[:, self.columns[j]])
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


def _make_room(kept: dict[bytes, Any]) -> None:
    if len(kept) >= MOST_PLACES:
        kept.clear()


def _columns(blocks: tuple[Block, ...]) -> tuple[slice, ...]:
    ends = np.cumsum([len(block.axes) for block in blocks]).tolist()
    return tuple(slice(end - len(block.axes), end) for end, block in zip(ends, blocks, strict=True))


def _hashable(value: ParameterValue) -> object:
    return tuple((one, type(one)) for one in value) if isinstance(value, list) else value
