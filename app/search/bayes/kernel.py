"""How alike two points are taken to be: a kernel that is partly a product over parameters, partly a sum over them.

The product says that two results tell of each other where they are close in every parameter that matters. The sum, of
one kernel for each ordered parameter, says that what is bad in one parameter is bad whatever the others are: it learns
from results that have but one value in common, and knows points that are far from all of them. How much either counts
is learnt with the rest. Categories, and parameters that are not always active, are no part of the sum but a factor of
it: what is good under one choice may be bad under another, and a few unlucky results must not condemn a choice.

    d  parameters, w  feature columns (a categorical has several)
    theta    log lengthscales, log odds of the sum's share, log signal, log noise        (d + 3,)

One lengthscale a parameter serves both: in one dimension it is a root of d shorter, as distances are.
Source: Rasmussen & Williams 2006, eq. 4.17 (Matern-5/2); Duvenaud et al. 2011 (additive kernels of the first order).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.search.axes import Floats
from app.search.likeness import matern52

SQRT5: Final = math.sqrt(5.0)
JITTER: Final = 1e-6
MOST_SUMMED: Final = 40
"""With more parameters a kernel for each of them costs more than it tells."""
SHARE: Final = (0.0, 2.0)
"""What is believed of the log odds of the sum's share where there is one, mean and deviation: hardly anything."""
NO_SUM: Final = -6.0
"""Log odds that stand for a product alone."""
LEAST_SHARE: Final = 0.02
"""A sum of a smaller share is left out."""
FARTHEST: Final = 340.0
"""Half of a line's length at most, in units in which a kernel decays by exp(-1): exp of it, squared, is a number."""
BLOCK: Final = 2**15
"""Covariances whose sums are taken together: what the processor's cache holds."""


@dataclass(frozen=True, slots=True)
class Prior:
    """Normal priors on theta: where fits start, and what few results leave unsaid.

    The lengthscale grows with the root of the dimension (Hvarfner et al. 2024): distances do, too. The noise is
    believed to be small, but not so firmly that ten noisy results could not say otherwise.
    """

    mean: Floats
    deviation: Floats

    @classmethod
    def of(cls, dimension: int, *, lengthscale: float, noise: float) -> "Prior":
        """The prior of a space with `dimension` parameters; `lengthscale` is the median one in one dimension."""
        return cls(
            np.array([math.log(lengthscale * math.sqrt(dimension))] * dimension + [SHARE[0], 0.0, math.log(noise)]),
            np.array([1.0] * dimension + [SHARE[1], 0.7, 2.0]),
        )

    def starts(self) -> list[Floats]:
        """Where to look for modes: at the prior's mean, and where most of what is seen is noise."""
        noisy = self.mean.copy()
        noisy[-1] = math.log(0.2)
        return [self.mean, noisy]


@dataclass(frozen=True, slots=True)
class Kernel:
    """A fitted kernel: what turns features into covariances."""

    theta: Floats
    columns: tuple[slice, ...]

    @property
    def signal(self) -> float:
        """The variance of the function."""
        return float(math.exp(self.theta[-2]))

    @property
    def noise(self) -> float:
        """The variance of a result around the function."""
        return float(math.exp(self.theta[-1]))

    @property
    def share(self) -> float:
        """How much of the signal is a sum over parameters."""
        share = share_of(float(self.theta[-3]))
        return share if has_sum(self.columns) and share > LEAST_SHARE else 0.0

    @property
    def lengthscales(self) -> Floats:
        """One per parameter, in units of the unit cube, shape `(d,)`."""
        return np.exp(self.theta[:-3])

    def scaled(self, X: Floats) -> Floats:
        """Features in units of their lengthscales."""
        widths = [column.stop - column.start for column in self.columns]
        return X / np.repeat(self.lengthscales, widths)

    def between(self, A: Floats, B: Floats) -> Floats:
        """Covariances of scaled features, shape `(len(A), len(B))`."""
        found = matern52(_squared_distances(A, B))
        share = self.share
        found *= self.signal * (1.0 - share)
        if share > 0.0:
            found += self._sums(A, B, self.signal * share)
        return found

    def _sums(self, A: Floats, B: Floats, variance: float) -> Floats:
        """The sum's covariances of scaled features, shape `(len(A), len(B))`."""
        lines, others = self._in_the_sum()
        root = math.sqrt(len(self.columns))
        found = np.zeros((len(A), len(B)))
        _add_lines(root * A[:, lines], root * B[:, lines], variance / len(lines), found)
        return found * matern52(_squared_distances(A[:, others], B[:, others])) if others else found

    def _in_the_sum(self) -> tuple[list[int], list[int]]:
        """Feature columns that are a parameter each, and those of the other parameters."""
        lines = [column.start for column in self.columns if is_line(column)]
        others = [j for column in self.columns if not is_line(column) for j in range(column.start, column.stop)]
        return lines, others


def is_line(column: slice) -> bool:
    """Whether a parameter is one place and always active."""
    return bool(column.stop - column.start == 1)


def has_sum(columns: Sequence[slice]) -> bool:
    """Whether a sum over parameters is another function than their product, and not too costly."""
    return len(columns) <= MOST_SUMMED and sum(map(is_line, columns)) > 1


def share_of(odds: float) -> float:
    """The sum's share of the signal at log odds."""
    return 1.0 / (1.0 + math.exp(-odds))


def _squared_distances(A: Floats, B: Floats) -> Floats:
    r2 = A @ B.T
    r2 *= -2.0
    r2 += (A**2).sum(1)[:, None]
    r2 += (B**2).sum(1)[None, :]
    return np.maximum(r2, 0.0, out=r2)


def _add_lines(A: Floats, B: Floats, variance: float, found: Floats) -> None:
    """Adds Matern-5/2 covariances of places on lines, `(m, l)` and `(n, l)`, in a tenth of the time `exp` would take.

    With t = root 5 (a - b), (1 + t + t²/3) exp(-t) is a product of three terms in a and three in b. It is the kernel
    where t >= 0, and more than the kernel elsewhere: so the kernel is the lesser one of it and its mirror image.
    """
    if A.size == 0 or B.size == 0:
        return
    low, high = np.minimum(A.min(axis=0), B.min(axis=0)), np.maximum(A.max(axis=0), B.max(axis=0))
    stretch = np.minimum(SQRT5, 2.0 * FARTHEST / np.maximum(high - low, 1e-300))
    A, B = stretch * (A - 0.5 * (low + high)), stretch * (B - 0.5 * (low + high))
    up, down = _rising(A.T, variance), _rising(-A.T, variance)
    for_up, for_down = _falling(B.T), _falling(-B.T)
    rows = max(1, BLOCK // max(1, len(B)))
    for start in range(0, len(A), rows):
        here = slice(start, start + rows)
        for line in range(A.shape[1]):
            part = up[line, here] @ for_up[line]
            found[here] += np.minimum(part, down[line, here] @ for_down[line], out=part)


def _rising(a: Floats, variance: float) -> Floats:
    terms = np.stack([1.0 + a + a * a / 3.0, -1.0 - (2.0 / 3.0) * a, np.full_like(a, 1.0 / 3.0)], axis=2)
    return np.asarray(terms * (variance * np.exp(-a))[:, :, None])


def _falling(b: Floats) -> Floats:
    return np.stack([np.ones_like(b), b, b * b], axis=1) * np.exp(b)[:, None, :]
