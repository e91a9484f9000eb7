"""Small steps in a mixed space: the neighbours of rows, on whole arrays.

What evolution mutates with and what climbers of an acquisition step with. A step changes a few active parameters: an
ordered one moves a little, a categorical takes another choice, a list changes in one or two of its items, and what
wakes up by that starts anywhere.
"""

from typing import Final

import numpy as np

from app.search.axes import Floats, Truths
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
    changed = _few(active[:, [columns.start for columns in encoding.columns]], random)
    steps = random.normal(size=U.shape) * scale
    for j, (block, columns) in enumerate(zip(encoding.blocks, encoding.columns, strict=True)):
        rows = np.flatnonzero(changed[:, j])
        if len(rows):
            moved[rows, columns] = block.step(U[rows, columns], steps[rows, columns], random)
    return encoding.snap(moved)


def crossed(U: Floats, V: Floats, random: np.random.Generator) -> Floats:
    """Uniform crossover: each place from one of two parents, shape `(m, d)`."""
    return np.where(random.random(U.shape) < 0.5, U, V)


def _few(active: Truths, random: np.random.Generator) -> Truths:
    """Which of the active parameters to change: one for about half of the rows, up to `MOST_CHANGED` for others."""
    m, d = active.shape
    most = np.clip(active.sum(axis=1), 1, MOST_CHANGED)
    count = np.where(random.random(m) < 0.5, 1, random.integers(1, most + 1))
    luck = np.where(active, random.random((m, d)), 2.0)
    rank = luck.argsort(axis=1).argsort(axis=1)
    return np.asarray((rank < count[:, None]) & active)
