"""Small steps in a mixed space: the neighbours of rows, on whole arrays.

What evolution mutates with and what climbers of an acquisition step with. A step changes a few active parameters: an
ordered one moves a little, a categorical takes another choice, and what wakes up by that starts anywhere.
"""

from typing import Final

import numpy as np

from app.search.axes import Floats, Indices, Truths
from app.search.encoding import Encoding

MOST_CHANGED: Final = 4


def neighbours(encoding: Encoding, U: Floats, scale: Floats, random: np.random.Generator) -> Floats:
    """One neighbour of each row, shape `(m, d)`, snapped but not yet canonical; constraints may be broken.

    Args:
        U: canonical rows `(m, d)`.
        scale: deviation of a step of an ordered parameter on its unit interval, `(m, 1)` or `(m, d)`.
    """
    active = encoding.active(U)
    # What is inactive has no place of its own; should it wake up, it starts anywhere.
    moved = np.where(active, U, random.random(U.shape))
    changed = _few(active, random)
    steps = random.normal(size=U.shape) * scale
    for j, axis in enumerate(encoding.axes):
        rows = np.flatnonzero(changed[:, j])
        if len(rows) == 0:
            continue
        if not axis.is_ordered:
            other = axis.index(U[rows, j]) + random.integers(1, axis.cells or 2, len(rows))
            moved[rows, j] = axis.at_index(other % (axis.cells or 1))
            continue
        moved[rows, j] = _reflected(U[rows, j] + steps[rows, j])
        if axis.cells is not None:
            before, after = axis.index(U[rows, j]), axis.index(moved[rows, j])
            moved[rows, j] = axis.at_index(_at_least_one_cell(before, after, steps[rows, j], axis.cells))
    return encoding.snap(moved)


def crossed(U: Floats, V: Floats, random: np.random.Generator) -> Floats:
    """Uniform crossover: each place from one of two parents, shape `(m, d)`."""
    return np.where(random.random(U.shape) < 0.5, U, V)


def _few(active: Truths, random: np.random.Generator) -> Truths:
    """Which places to change: one for about half of the rows, up to `MOST_CHANGED` for the others; active ones only."""
    m, d = active.shape
    most = np.clip(active.sum(axis=1), 1, MOST_CHANGED)
    count = np.where(random.random(m) < 0.5, 1, random.integers(1, most + 1))
    luck = np.where(active, random.random((m, d)), 2.0)
    rank = luck.argsort(axis=1).argsort(axis=1)
    return np.asarray((rank < count[:, None]) & active)


def _reflected(u: Floats) -> Floats:
    folded = np.abs(u) % 2.0
    return np.where(folded > 1.0, 2.0 - folded, folded)


def _at_least_one_cell(
    before: Indices,
    after: Indices,
    steps: Floats,
    cells: int,
) -> Indices:
    """Positions that have changed: a step too small to leave its cell goes one cell on."""
    towards = np.where(steps < 0, -1, 1)
    towards = np.where(before + towards < 0, 1, np.where(before + towards >= cells, -1, towards))
    return np.where(after == before, before + towards, after)
