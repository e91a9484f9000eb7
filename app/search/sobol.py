"""A scrambled Sobol sequence: covers the unit cube more evenly than chance. Trial n depends on (seed, n) alone.

Source: Joe & Kuo 2008 direction numbers with Owen-type scrambling, from `scipy.stats.qmc`.
"""

from functools import lru_cache
from typing import Final

import numpy as np
from scipy.stats import qmc

from app.search import random
from app.search.axes import Floats
from app.search.encoding import Encoding, encoding_of
from app.search.engine import History, Suggestion
from app.search.options import SobolOptions
from studyhall.space import Space

MOST_POINTS: Final = 2**16
"""How far into the sequence feasible points are looked for; beyond it, trial n is random's trial n."""


def suggest(
    space: Space,
    history: History,  # noqa: ARG001 - the protocol: the sequence looks at nothing
    count: int,
    *,
    options: SobolOptions,  # noqa: ARG001 - the protocol: it has none
    seed: int,
    number: int,
) -> list[Suggestion]:
    """The points `number`, `number + 1`, … of the sequence, counting feasible points only."""
    encoding = encoding_of(space)
    rows = points(encoding, seed, number, count)
    return [
        Suggestion(encoding.parameters(row), source="model", why=f"sobol: point {n} of seed {seed}")
        for n, row in enumerate(rows, start=number)
    ]


def points(encoding: Encoding, seed: int, first: int, count: int) -> Floats:
    """The feasible points `first` … `first + count - 1` of the sequence of a seed, as canonical rows `(count, d)`.

    Raises:
        SpaceInfeasible: hardly any point satisfies the constraints.
    """
    if not encoding.space.rules:
        return encoding.canonical(_sequence(encoding.dimension, seed, first, count))
    feasible = _feasible(encoding.space, seed, first + count)
    rows = [feasible[n] if n < len(feasible) else _random(encoding, seed, n) for n in range(first, first + count)]
    return np.array(rows).reshape(count, encoding.dimension)


def _random(encoding: Encoding, seed: int, number: int) -> Floats:
    return encoding.row(random.draw(encoding.space, seed, number))


@lru_cache(maxsize=4)
def _feasible(space: Space, seed: int, enough: int) -> Floats:
    """The first feasible points, `enough` of them or as many as there are among the first `MOST_POINTS`."""
    encoding = encoding_of(space)
    found: list[Floats] = []
    start, total, block = 0, 0, 256
    while total < enough and start < MOST_POINTS:
        U = encoding.canonical(_sequence(encoding.dimension, seed, start, block))
        found.append(U[encoding.is_feasible(U)])
        total += len(found[-1])
        start, block = start + block, min(2 * block, MOST_POINTS - start - block)
    return np.vstack(found)


def _sequence(dimension: int, seed: int, first: int, count: int) -> Floats:
    if dimension == 0 or count == 0:
        return np.zeros((count, dimension))
    sequence = qmc.Sobol(dimension, scramble=True, rng=np.random.default_rng(seed))
    # One more than `first`, so that no call starts at 0: there scipy warns about counts that are no power of two.
    sequence.fast_forward(first + 1)
    return np.asarray(sequence.random(count), dtype=np.float64)
