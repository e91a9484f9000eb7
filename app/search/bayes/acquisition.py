"""What a point is worth: expected improvement, in log space, of one objective or of the dominated hypervolume.

    mean, deviation   of the posterior at the points      (m,) or (m, k)
    front             losses of non-dominated results     (p, k)
    reference         the corner hypervolume is measured from (k,)

Logs throughout: far from the best results an improvement of 1e-300 and one of 1e-30 must not look the same, or there
is nothing to climb (Ament et al. 2023, "Unexpected improvements to expected improvement", eq. 9).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from scipy.special import erfcx, log_ndtr, ndtr

from app.search.axes import Floats
from app.search.bayes.beliefs import Beliefs
from app.search.likeness import features
from app.search.pareto import non_dominated
from app.search.prior import fading, has_prior, log_prior

HALF_LOG_TAU: Final = 0.5 * math.log(2.0 * math.pi)
DRAWS: Final = 64
LIKELY: Final = math.log(0.5)
Acquisition: TypeAlias = Callable[[Floats], Floats]
"""Log worth of canonical rows: `(m, d)` to `(m,)`."""


def worth(beliefs: Beliefs, random: np.random.Generator) -> Acquisition:
    """The acquisition of beliefs: improvement times the chance that the point works, tilted by the user's belief."""
    gain = _gain(beliefs, random)
    tilt = fading(len(beliefs.U)) if has_prior(beliefs.encoding) else 0.0

    def value(U: Floats) -> Floats:
        X = features(beliefs.encoding, U)
        worth = gain(X) + beliefs.log_chance(X)
        return worth + tilt * log_prior(beliefs.encoding, U) if tilt else worth

    return value


def log_expected_improvement(mean: Floats, deviation: Floats, best: float) -> Floats:
    """Log of the expected fall below `best` under a Gaussian posterior, for minimisation; shape `(m,)`.

    Source: Jones et al. 1998, eq. 15; the log form as in Ament et al. 2023, eq. 9.
    """
    return np.asarray(np.log(deviation) + log_h((best - mean) / deviation))


def log_h(z: Floats) -> Floats:
    """log(phi(z) + z Phi(z)), to full precision for any z."""
    near = z > -1.0
    inner = np.where(near, z, 0.0)
    direct = np.log(np.exp(-0.5 * inner**2 - HALF_LOG_TAU) + inner * ndtr(inner))
    outer = np.where(near, -1.0, z)
    # 1 + z Phi(z) / phi(z) cancels below; erfcx keeps its digits, and beyond 1e8 the series 1/z² is exact.
    ratio = 1.0 + outer * math.sqrt(math.pi / 2.0) * erfcx(-outer / math.sqrt(2.0))
    tail = np.where(outer < -1e5, outer**-2.0, np.maximum(ratio, 1e-300))
    return np.where(near, direct, -0.5 * outer**2 - HALF_LOG_TAU + np.log(tail))


def reference_point(front: Floats, losses: Floats) -> Floats:
    """The corner for hypervolumes: beyond the front, and as bad as results are, but for those that are far off.

    A corner at the front's own ends gives nothing for reaching past them: a front that began short would stay short.
    Results further above the median than twice what the best lies below it are penalties, and no part of a front.
    """
    worst, best = front.max(axis=0), front.min(axis=0)
    span = np.where(worst > best, worst - best, losses.max(axis=0) - worst)
    middle = np.median(losses, axis=0)
    usual = np.minimum(losses.max(axis=0), middle + 2.0 * (middle - losses.min(axis=0)))
    return np.asarray(np.maximum(worst + 0.1 * np.maximum(span, 1e-3), usual))


def log_hypervolume_improvement(mean: Floats, deviation: Floats, front: Floats, reference: Floats) -> Floats:
    """Log of the expected gain in dominated area of two objectives, exact for independent posteriors; shape `(m,)`.

    The area below the front is a row of strips, one between each two neighbours; in each, the expected gain is a
    product of two one-dimensional ones. Source: Emmerich et al. 2011, eq. 12, in log form.
    """
    front = front[np.argsort(front[:, 0], kind="stable")]
    right = np.append(front[:, 0], reference[0])  # (p + 1,) right edges of the strips
    top = np.insert(front[:, 1], 0, reference[1])  # (p + 1,) their upper edges
    along = _log_psi(mean[:, 0], deviation[:, 0], right)  # (m, p + 1)
    # The first strip reaches to minus infinity; each other begins where its neighbour ends.
    before = np.column_stack([np.full(len(mean), -np.inf), along[:, :-1]])
    widths = along + np.log1p(-np.exp(np.minimum(before - along, -1e-12)))
    heights = _log_psi(mean[:, 1], deviation[:, 1], top)
    terms = widths + heights
    highest = terms.max(axis=1)
    return np.asarray(highest + np.log(np.exp(terms - highest[:, None]).sum(axis=1)))


@dataclass(frozen=True)
class _Improvement:
    """Expected improvement of one objective over the best that is believed of any allowed result."""

    beliefs: Beliefs
    best: float

    def __call__(self, X: Floats) -> Floats:
        mean, deviation = self.beliefs.objectives[0].posterior.predict(X)
        return log_expected_improvement(mean, deviation, self.best)


@dataclass(frozen=True)
class _Area:
    """Expected gain of dominated area of two objectives."""

    beliefs: Beliefs
    front: Floats
    reference: Floats

    def __call__(self, X: Floats) -> Floats:
        return log_hypervolume_improvement(*_moments(self.beliefs, X), self.front, self.reference)


@dataclass(frozen=True)
class _Direction:
    """Expected gain along one random direction of three or more objectives, by sampling.

    The mean gain over all directions is the gain in hypervolume (Golovin & Zhang 2020, lemma 5): trials take turns.
    """

    beliefs: Beliefs
    front: Floats
    reference: Floats
    direction: Floats  # (k,)
    draws: Floats  # (DRAWS, k) standard normal

    def __call__(self, X: Floats) -> Floats:
        mean, deviation = _moments(self.beliefs, X)
        samples = mean[:, None, :] + deviation[:, None, :] * self.draws[None, :, :]  # (m, DRAWS, k)
        gain = self._reach(samples) - self._reach(self.front).max()
        # Smoothed at 0, so that points without a gain in any draw still differ.
        scale = 0.05 * max(float(np.ptp(self.front)), 1e-3)
        return np.asarray(np.log(np.logaddexp(0.0, gain / scale).mean(axis=1)))

    def _reach(self, losses: Floats) -> Floats:
        return np.asarray(((self.reference - losses) / self.direction).min(axis=-1))


def _gain(beliefs: Beliefs, random: np.random.Generator) -> Callable[[Floats], Floats]:
    allowed = beliefs.is_allowed > 0
    if not allowed.any():
        return lambda X: np.zeros(len(X))  # first find anything that is allowed
    expected = _expected(beliefs)
    if len(beliefs.objectives) == 1:
        # The believed value and not the reported one: the luckiest of noisy results is no bar to beat.
        known = beliefs.objectives[0].posterior.mean(beliefs.X[allowed])
        return _Improvement(beliefs, float(np.append(known, expected).min()))
    losses = beliefs.z[allowed]
    reference = reference_point(losses[non_dominated(losses)], losses)
    reached = np.vstack([losses, expected])
    front = reached[non_dominated(reached)]
    if len(beliefs.objectives) == 2:
        return _Area(beliefs, front, reference)
    direction = np.abs(random.normal(size=losses.shape[1])) + 1e-3
    draws = random.normal(size=(DRAWS, losses.shape[1]))
    return _Direction(beliefs, front, reference, direction / np.linalg.norm(direction), draws)


def _expected(beliefs: Beliefs) -> Floats:
    """What pending points that are likely to count are expected to bring, `(p, k)`: what comes next must add to that.

    Without it the points of a batch gather where the first one is expected to be better than all before.
    """
    likely = beliefs.pending[beliefs.log_chance(beliefs.pending) > LIKELY]
    return np.column_stack([belief.posterior.mean(likely) for belief in beliefs.objectives])


def _moments(beliefs: Beliefs, X: Floats) -> tuple[Floats, Floats]:
    moments = [belief.posterior.predict(X) for belief in beliefs.objectives]
    return np.column_stack([mean for mean, _ in moments]), np.column_stack([deviation for _, deviation in moments])


def _log_psi(mean: Floats, deviation: Floats, edges: Floats) -> Floats:
    """Log E[(edge - y)+] for each edge, shape `(m, p)`."""
    return np.asarray(np.log(deviation)[:, None] + log_h((edges[None, :] - mean[:, None]) / deviation[:, None]))


__all__ = [
    "Acquisition",
    "log_expected_improvement",
    "log_h",
    "log_hypervolume_improvement",
    "log_ndtr",
    "non_dominated",
    "reference_point",
    "worth",
]
