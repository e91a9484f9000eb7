"""What makes cells alike whose edges differ: the ways from their input to their output, as words of operators.

A way through a cell is the sequence of operators on it; an edge that is skipped says nothing, and a way with a `none`
on it is no way. Two cells with the same ways compute much the same, however their nodes are numbered. Source: the path
encoding of White et al. 2021 (BANANAS, section 3.2), truncated by hashing instead of by length.

    d    digit of each edge's operator: -1 none, 0 skipped, else from 1    (m,)
"""

import itertools
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from app.search.axes import Axis, Floats, Indices, Truths
from studyhall.architecture.plan import Chain, Edges, Leaf, Maybe, Pick, Repeat, Step

BUCKETS: Final = 61
"""Ways are told apart up to so many; a prime, so that no operator is lost in it."""
Nodes = tuple[int, int]


class CellWays:
    """The ways through one cell.

    Args:
        columns, axes: of the decision about each edge; None: there is nothing to decide.
    """

    def __init__(self, cell: Edges, columns: Mapping[Nodes, int | None], axes: Mapping[Nodes, Axis | None]) -> None:
        self._columns, self._axes = columns, axes
        self._digits = {nodes: _digits(edge) for nodes, edge in cell.edges.items()}
        self._base = 1 + max(int(digits.max()) for digits in self._digits.values())
        self._ways = tuple(_ways(cell.nodes))

    def features(self, canonical: Floats, active: Truths) -> Floats:
        """Which ways there are, `(m, BUCKETS)`: cells without a way in common are about at distance 1."""
        d = {nodes: self._chosen(nodes, canonical) for nodes in self._digits}
        found = np.zeros((len(canonical), BUCKETS))
        for way in self._ways:
            word, is_open = np.zeros(len(canonical), dtype=np.int64), np.ones(len(canonical), dtype=bool)
            for nodes in way:
                is_open &= d[nodes] >= 0
                word = np.where(d[nodes] > 0, word * self._base + d[nodes], word)
            found[np.flatnonzero(is_open), word[is_open] % BUCKETS] = 1.0
        decided = [column for column in self._columns.values() if column is not None]
        there = active[:, decided[:1]] if decided else np.ones((len(canonical), 1))  # all edges wake up together
        return np.asarray(found * there / np.sqrt(2.0 * len(self._ways)))

    def _chosen(self, nodes: Nodes, canonical: Floats) -> Indices:
        axis, column = self._axes[nodes], self._columns[nodes]
        if axis is None or column is None:
            return np.full(len(canonical), self._digits[nodes][0])
        return np.asarray(self._digits[nodes][axis.index(canonical[:, column])])


def cells_in(step: Step) -> Iterator[Edges]:
    """The cells below a step."""
    match step:
        case Edges():
            yield step
        case Chain(steps, _) | Repeat(_, steps):
            yield from itertools.chain.from_iterable(map(cells_in, steps))
        case Maybe(_, inner):
            yield from cells_in(inner)
        case Pick(_, options):
            yield from itertools.chain.from_iterable(map(cells_in, options.values()))


def _digits(edge: Pick) -> Indices:
    """The digit of each option, in the order of the decision's values."""
    found = []
    for number, step in enumerate(edge.options.values(), start=1):
        operator = step.operator.name if isinstance(step, Leaf) else ""
        found.append({"none": -1, "identity": 0}.get(operator, number))
    return np.array(found, dtype=np.int64)


def _ways(nodes: int) -> Iterator[tuple[Nodes, ...]]:
    """Each way from the first node to the last, as edges."""
    inner = range(1, nodes - 1)
    for stops in itertools.chain.from_iterable(itertools.combinations(inner, n) for n in range(nodes - 1)):
        yield tuple(itertools.pairwise((0, *stops, nodes - 1)))
