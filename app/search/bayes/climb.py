"""Where an acquisition is highest: many random rows, the neighbours of good results, then climbing from the best.

In mixed spaces a gradient leads nowhere; exact steps of categories and integers do. Small finite spaces are listed.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from app.search.axes import Floats
from app.search.encoding import Encoding
from app.search.moves import neighbours
from app.search.start import remaining

LISTED: Final = 2000
"""What is left of a finite space up to this size is judged row by row."""
ANYWHERE: Final = 400
NEARBY: Final = 300
CLIMBERS: Final = 8
STEPS: Final = 12
ROUNDS: Final = 6


def highest(
    encoding: Encoding,
    acquisition: Callable[[Floats], Floats],
    incumbents: Floats,
    used: set[bytes] | frozenset[bytes],
    random: np.random.Generator,
) -> Floats | None:
    """The canonical row of highest acquisition that was not tried; None when the space is exhausted.

    Args:
        incumbents: canonical rows of the best results, best first, shape `(b, d)`, `b >= 1`.
    """
    left = remaining(encoding, used)
    if left is not None and len(left) <= LISTED:
        return None if len(left) == 0 else np.asarray(left[int(np.argmax(acquisition(left)))])
    rows = np.vstack([encoding.sample(random, ANYWHERE), _around(encoding, incumbents, random)])
    rows = encoding.canonical(rows)
    worth = acquisition(rows)
    for round in range(ROUNDS):
        best = np.argsort(-worth, kind="stable")[:CLIMBERS]
        scale = np.full((CLIMBERS * STEPS, 1), 0.15 / 2**round)
        start = np.repeat(rows[best], STEPS, axis=0)
        stepped = encoding.canonical(neighbours(encoding, start, scale[: len(start)], random))
        stepped = stepped[encoding.is_feasible(stepped)]
        rows, worth = np.vstack([rows[best], stepped]), np.concatenate([worth[best], acquisition(stepped)])
        rows, worth = _distinct(rows, worth)
    return _first_new(encoding, rows, worth, used)


def _around(encoding: Encoding, incumbents: Floats, random: np.random.Generator) -> Floats:
    def propose(count: int) -> Floats:
        base = incumbents[random.integers(len(incumbents), size=count)]
        scale = random.choice(np.array([0.02, 0.08, 0.2]), size=(count, 1))
        return neighbours(encoding, base, scale, random)

    return encoding.gather(propose, NEARBY, tries=2)


def _distinct(rows: Floats, worth: Floats) -> tuple[Floats, Floats]:
    """Each row once: climbers must not all gather on one peak's top."""
    _, first = np.unique(rows, axis=0, return_index=True)
    return rows[first], worth[first]


def _first_new(encoding: Encoding, rows: Floats, worth: Floats, used: set[bytes] | frozenset[bytes]) -> Floats | None:
    order = np.argsort(-worth, kind="stable")
    for position, key in zip(order, encoding.keys(rows[order]), strict=True):
        if key not in used:
            return np.asarray(rows[position])
    return None
