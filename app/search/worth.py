"""What a trial may still become: its end, foretold from where it is by the trials that ran to theirs.

A line with a belief from the start: that what is ahead by so much stays ahead by as much, give or take half of the
spread. So it speaks from the first trial that ended, and what the trials show soon outweighs the belief: where a level
says nothing of the end, or the contrary, the line turns flat, or down. That only good trials run to their end does not
mislead a line, as it would a rank correlation. Pure Python: it runs where measurements arrive.

    x, y    value at a level, value at the end; of trials that ran to their end       (n,)
    b       slope, believed 1 with the weight of BELIEF results of unit spread
    s2      variance around the line, in squares of the spread, with nu degrees of freedom

Source: Gelman et al., Bayesian Data Analysis, 3rd edition, section 14.8 (informative priors as additional data).
"""

import math
import statistics
from collections.abc import Sequence
from typing import Final

BELIEF: Final = 4.0
"""How many results the belief in the slope weighs."""
DOUBT: Final = 0.5
"""The believed deviation around the line, in spreads of the level; it weighs as two results."""
FAR: Final = 3.0
"""So many spreads from the middle of a level everything is as bad, or as good: a run-away loss is no lever."""


class Line:
    """The belief about one objective's end, given its value at a level.

    Args:
        pairs: (value at the level, value at the end) of trials that ran to their end, at least one; less is better.
        level: the values of all trials that have reached the level.
    """

    def __init__(self, pairs: Sequence[tuple[float, float]], level: Sequence[float]) -> None:
        # In units of the largest, whose square may be more than a float holds.
        self._size = max(1e-300, *map(abs, level), *(abs(value) for pair in pairs for value in pair))
        scaled = sorted(value / self._size for value in level)
        middle, self._spread = statistics.median(scaled), _spread(scaled)
        self._low, self._high = middle - FAR * self._spread, middle + FAR * self._spread
        xs, ys = [self._clipped(x) for x, _ in pairs], [y / self._size for _, y in pairs]
        self._n, self._x, self._y = len(pairs), statistics.fmean(xs), statistics.fmean(ys)
        dx, dy = [(x - self._x) / self._spread for x in xs], [(y - self._y) / self._spread for y in ys]
        self._weight = BELIEF + math.fsum(x * x for x in dx)
        self._slope = (BELIEF + math.fsum(x * y for x, y in zip(dx, dy, strict=True))) / self._weight
        rest = math.fsum((y - self._slope * x) ** 2 for x, y in zip(dx, dy, strict=True))
        self._freedom = self._n + 1
        self._variance = (2.0 * DOUBT**2 + rest + BELIEF * (self._slope - 1.0) ** 2) / self._freedom

    def end(self, value: float) -> float:
        """The expected value at the end."""
        return min(max(self._end(value) * self._size, -1.7e308), 1.7e308)

    def chance_above(self, bound: float, value: float) -> float:
        """The probability that a trial with this value at the level ends above a bound."""
        z = (self._clipped(value) - self._x) / self._spread
        deviation = self._spread * math.sqrt(self._variance * (1.0 + 1.0 / self._n + z * z / self._weight))
        return 1.0 - _student((bound / self._size - self._end(value)) / deviation, self._freedom)

    def _end(self, value: float) -> float:
        return self._y + self._slope * (self._clipped(value) - self._x)

    def _clipped(self, value: float) -> float:
        return min(max(value / self._size, self._low), self._high)


def chance_to_lead(
    own: Sequence[float],
    level: Sequence[Sequence[float]],
    courses: Sequence[tuple[Sequence[float], Sequence[float]]],
) -> float:
    """The probability that a trial ends such that no trial which ran to its end dominates it.

    Args:
        own: its objectives at a level, less being better.
        level: those of all trials that have reached the level, its own among them.
        courses: (at the level, at the end) of trials that ran to their end, at least one.

    Returns: for one objective, the chance to become the best; for several, at most that chance: the objectives' ends
        are taken to be independent.
    """
    lines = [
        Line([(before[k], after[k]) for before, after in courses], [point[k] for point in level])
        for k in range(len(own))
    ]
    dominated = (
        math.prod(line.chance_above(bound, value) for line, bound, value in zip(lines, end, own, strict=True))
        for _, end in courses
    )
    return 1.0 - max(dominated)


def _spread(ordered: Sequence[float]) -> float:
    """A robust deviation, never 0: of the middle half, else of all."""
    n = len(ordered)
    middle_half = (ordered[(3 * n) // 4] - ordered[n // 4]) / 1.349 if n > 3 else 0.0
    return middle_half or ordered[-1] - ordered[0] or abs(ordered[0]) or 1.0


def _student(t: float, freedom: float) -> float:
    """The distribution function of Student's t. Source: Wallace 1959, eq. 4.3; off by less than 0.01."""
    z = math.sqrt(freedom * math.log1p(t * t / freedom)) * (8.0 * freedom + 1.0) / (8.0 * freedom + 3.0)
    return 0.5 * math.erfc(-math.copysign(z, t) / math.sqrt(2.0))
