"""Kernels that results leave open: the peaks of the posterior density of theta, and draws around them.

    n  results, d  parameters, p = n (n - 1) / 2 pairs of results
    z        standardised targets                           (n,)
    D        squared distances of pairs, per parameter      (d, p)
    R        distances in one dimension, times root 5, of the sum's parameters       (l, p)
    theta    log lengthscales, log odds of the sum's share, log signal, log noise    (d + 3,)
    Q        what a change of the covariance does to the density

Source: Rasmussen & Williams 2006, eq. 5.8-5.9 (likelihood and its gradient).
"""

import math
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.linalg import cho_solve, cholesky
from scipy.linalg.lapack import dpotri
from scipy.optimize import minimize

from app.search.axes import Floats, Indices
from app.search.bayes.kernel import JITTER, NO_SUM, Kernel, Prior, has_sum, is_line, share_of

SQRT5: Final = math.sqrt(5.0)
MOST_CURVED: Final = 40
"""With more parameters the curvature of a mode costs more than it tells."""
TRIED: Final = 2
"""Draws of theta for each that is kept."""
LENGTHSCALES: Final = (-4.6, 4.6)
ODDS: Final = (NO_SUM, 6.0)
SIGNALS: Final = (-3.0, 3.0)
NOISES: Final = (-14.0, 1.0)


def fit(X: Floats, z: Floats, columns: tuple[slice, ...], prior: Prior) -> Kernel:
    """The product kernel of highest posterior density."""
    modes = _modes(Energy(X, z, columns, prior).without_sum())
    return Kernel(min(modes, key=lambda mode: mode.energy).theta, columns)


def hypotheses(X: Floats, z: Floats, columns: tuple[slice, ...], prior: Prior, count: int) -> tuple[Kernel, ...]:
    """`count` kernels drawn from the posterior density of theta: what few results leave open.

    Each mode of the density (a wiggly function, a smooth one with noise, a sum, ...) is taken for a normal distribution
    of its curvature; draws from them are weighted by the density itself and resampled evenly. Whether there is a sum at
    all is left open, too: where there is none, a little of one misleads. Source: Bishop 2006, sections 4.4 (Laplace
    approximation) and 11.1.5 (sampling-importance-resampling).
    """
    whole = Energy(X, z, columns, prior)
    modes = _modes(whole)
    if len(columns) > MOST_CURVED:
        return tuple(Kernel(modes[i % len(modes)].theta, columns) for i in range(count))
    random = np.random.default_rng(len(z))
    if not whole.has_sum:
        kept = _drawn([_curved(mode) for mode in modes], count, random)
    else:
        products = [_curved(mode) for mode in _modes(whole.without_sum())]
        either = _drawn([*map(_curved, modes), *products], count - count // 2, random)
        # Where a sum explains what was seen and not what is to come, as noise may, half of them still know none.
        half = (len(either) + 1) // 2
        kept = [*either[:half], *_drawn(products, count // 2, random), *either[half:]]
    return tuple(Kernel(theta, columns) for theta in kept)


def _drawn(modes: list["_Mode"], count: int, random: np.random.Generator) -> list[Floats]:
    """`count` thetas around some modes, as the density weighs them."""
    evidence = np.array([mode.log_evidence for mode in modes])
    chosen = _resampled(np.exp(evidence - evidence.max()), TRIED * count, random)
    drawn, weights = [], []
    for mode in (modes[i] for i in chosen):
        step = random.normal(size=len(mode.theta))
        theta = mode.density.bounded(mode.theta + mode.root @ step)
        drawn.append(theta)
        # At most 1: a tail that the normal does not reach must not be the only draw.
        weights.append(math.exp(min(mode.energy - mode.density(theta)[0] + 0.5 * float(step @ step), 0.0)))
    return [drawn[i] for i in _resampled(np.array(weights), count, random)]


@dataclass(frozen=True, slots=True)
class _Mode:
    """A peak of the posterior density of theta; `energy` is its negative log, up to a constant."""

    density: "Energy"
    theta: Floats
    energy: float
    root: Floats
    """A root of the covariance around the peak, shape `(d + 3, d + 3)`."""
    log_evidence: float


def _modes(density: "Energy") -> list[_Mode]:
    """The peaks that the prior's starts lead to, each once."""
    found: list[_Mode] = []
    for start in density.prior.starts():
        peak = minimize(
            density,
            density.bounded(start),
            jac=True,
            method="L-BFGS-B",
            bounds=list(zip(*density.bounds, strict=True)),
            options={"maxiter": 40 if density.dimension <= MOST_CURVED else 15, "ftol": 1e-5},
        )
        theta, energy = np.asarray(peak.x, dtype=np.float64), float(peak.fun)
        if all(np.abs(theta - mode.theta).max() > 0.3 for mode in found):
            found.append(_Mode(density, theta, energy, np.diag(density.prior.deviation), -energy))
    return found


def _curved(mode: _Mode) -> _Mode:
    """The mode with the covariance that its curvature says, never wider than the prior."""
    deviation = mode.density.prior.deviation
    _, here = mode.density(mode.theta)
    step = 1e-3
    H = np.array([(mode.density(mode.theta + step * e)[1] - here) / step for e in np.eye(len(mode.theta))])
    H = 0.5 * (H + H.T) * np.outer(deviation, deviation)  # in units of the prior
    values, vectors = np.linalg.eigh(H)
    values = np.maximum(values, 1.0)
    root = deviation[:, None] * vectors / np.sqrt(values)
    return replace(mode, root=root, log_evidence=-mode.energy - 0.5 * float(np.log(values).sum()))


def _resampled(weights: Floats, count: int, random: np.random.Generator) -> Indices:
    """`count` positions in proportion to weights, as evenly as can be, ascending (systematic resampling)."""
    edges = np.cumsum(weights) / weights.sum()
    return np.minimum(np.searchsorted(edges, (np.arange(count) + random.random()) / count), len(weights) - 1)


class Energy:
    """Negative log of likelihood and prior of theta, up to a constant, and its gradient, shape `(d + 3,)`.

    It works on pairs of results: half of a covariance says all.
    """

    def __init__(self, X: Floats, z: Floats, columns: Sequence[slice], prior: Prior) -> None:
        self.prior, self.dimension = prior, len(columns)
        self.has_sum = has_sum(columns)
        self._z = z
        self._rows, self._others = np.tril_indices(len(z), -1)
        self._D = np.array([((X[self._rows, c] - X[self._others, c]) ** 2).sum(-1) for c in columns])
        self._in_sum = np.array([is_line(c) for c in columns])
        lines = [c.start for c in columns if is_line(c)]
        self._places = math.sqrt(5.0 * self.dimension) * (X[:, lines].T - 0.5)
        self._R = np.sqrt(5.0 * self.dimension * self._D[self._in_sum])
        is_higher = X[self._rows][:, lines].T > X[self._others][:, lines].T
        self._higher = np.where(is_higher, self._rows, self._others)
        self._lower = np.where(is_higher, self._others, self._rows)

    def without_sum(self) -> "Energy":
        """The same results, under a product alone; the log odds say nothing then."""
        other = copy(self)
        other.has_sum = False
        return other

    @property
    def bounds(self) -> tuple[Floats, Floats]:
        """The least and the largest theta."""
        odds = ODDS if self.has_sum else (NO_SUM, NO_SUM)
        pairs = np.array([LENGTHSCALES] * self.dimension + [odds, SIGNALS, NOISES])
        return pairs[:, 0], pairs[:, 1]

    def bounded(self, theta: Floats) -> Floats:
        """The theta nearest to one that may lie beyond the bounds."""
        return np.asarray(np.clip(theta, *self.bounds))

    def __call__(self, theta: Floats) -> tuple[float, Floats]:
        """At one theta; 1e10 where the covariance cannot be factored."""
        d, n = self.dimension, len(self._z)
        share = share_of(float(theta[d])) if self.has_sum else 0.0
        signal, noise = math.exp(theta[d + 1]), math.exp(theta[d + 2])
        inverse_squares = np.exp(-2.0 * theta[:d])
        r2 = inverse_squares @ self._D
        r = SQRT5 * np.sqrt(r2)
        decay = np.exp(-r)
        product = (1.0 + r + (5.0 / 3.0) * r2) * decay
        added, slopes = self._sum(theta) if self.has_sum else (product, None)
        covariance = signal * (product + share * (added - product))
        K = np.zeros((n, n))
        K[self._rows, self._others] = covariance
        K.flat[:: n + 1] = signal + noise + JITTER
        try:
            L = cholesky(K, lower=True, check_finite=False, overwrite_a=True)
        except np.linalg.LinAlgError:
            return 1e10, np.zeros_like(theta)
        weights = cho_solve((L, True), self._z, check_finite=False)
        inverse, _ = dpotri(L, lower=1)
        # R&W eq. 5.9: gradient = trace(Q dK) / 2, which is a sum over pairs and half of one over the diagonal.
        Q = inverse[self._rows, self._others] - weights[self._rows] * weights[self._others]
        on_diagonal = float(np.trace(inverse) - weights @ weights)
        gradient = np.empty_like(theta)
        gradient[:d] = inverse_squares * (self._D @ (Q * ((5.0 / 3.0) * signal * (1.0 - share) * (1.0 + r) * decay)))
        if slopes is not None:
            gradient[:d] += signal * share * (slopes @ Q)
        gradient[d] = signal * share * (1.0 - share) * float(Q @ (added - product))
        gradient[d + 1] = float(Q @ covariance) + 0.5 * signal * on_diagonal
        gradient[d + 2] = 0.5 * noise * on_diagonal
        off = (theta - self.prior.mean) / self.prior.deviation
        if not self.has_sum:
            off[d] = 0.0
        value = 0.5 * float(self._z @ weights) + float(np.log(np.diag(L)).sum()) + 0.5 * float(off @ off)
        return value, gradient + off / self.prior.deviation

    def _sum(self, theta: Floats) -> tuple[Floats, Floats]:
        """The sum's correlations `(p,)`, and their slope in each log lengthscale, downwards `(d, p)`."""
        d, lines = self.dimension, len(self._R)
        added, slopes = np.zeros(len(self._rows)), np.empty((d, len(self._rows)))
        places = np.flatnonzero(self._in_sum)
        for line, (place, inverse) in enumerate(zip(places, np.exp(-theta[places]), strict=True)):
            r = self._R[line] * inverse
            # Of a few places, not of every pair: exp is what a fit would take most time for.
            decay = np.exp(-inverse * self._places[line])[self._higher[line]]
            decay *= np.exp(inverse * self._places[line])[self._lower[line]]
            third = r * (1.0 / 3.0)
            slope = third * r
            third += 1.0
            third *= r
            third += 1.0
            third *= decay
            added += third
            r += 1.0
            slope *= r
            slope *= decay
            slopes[place] = slope
        added /= lines
        slopes[places] /= lines
        others = np.flatnonzero(~self._in_sum)
        if len(others) > 0:
            scaled = np.exp(-2.0 * theta[others])[:, None] * self._D[others]
            r2 = scaled.sum(axis=0)
            r = SQRT5 * np.sqrt(r2)
            decay = np.exp(-r)
            slopes[others] = scaled * (added * (5.0 / 3.0) * (1.0 + r) * decay)
            factor = (1.0 + r + (5.0 / 3.0) * r2) * decay
            slopes[places] *= factor
            added *= factor
        return added, slopes
