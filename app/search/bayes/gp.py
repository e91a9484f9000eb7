"""The Gaussian process: a Matern-5/2 kernel with one lengthscale per parameter, fitted by maximum a posteriori.

    n  results, d  parameters, w  feature columns (a categorical has several), m  points asked
    X        features                                       (n, w)
    z        standardised targets                           (n,)
    D        squared distances per parameter                (d, n, n)
    theta    log lengthscales, log signal, log noise        (d + 2,)
    K        covariance of the results                      (n, n)
    L        its lower Cholesky factor                      (n, n)

Everything is float64: the covariance of close points is singular in less.
Source: Rasmussen & Williams 2006, eq. 2.23-2.24 (posterior), 5.8-5.9 (likelihood and its gradient), 4.17 (kernel).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.linalg.lapack import dpotri
from scipy.optimize import minimize

from app.search.axes import Floats, Indices
from app.search.likeness import matern52

SQRT5: Final = math.sqrt(5.0)
JITTER: Final = 1e-6
MOST_CURVED: Final = 40
"""With more parameters the curvature of a mode costs more than it tells."""
TRIED: Final = 2
"""Draws of theta for each that is kept."""
LENGTHSCALES: Final = (-4.6, 4.6)
SIGNALS: Final = (-3.0, 3.0)
NOISES: Final = (-14.0, 1.0)


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
            np.array([math.log(lengthscale * math.sqrt(dimension))] * dimension + [0.0, math.log(noise)]),
            np.array([1.0] * dimension + [0.7, 2.0]),
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
    def lengthscales(self) -> Floats:
        """One per parameter, in units of the unit cube, shape `(d,)`."""
        return np.exp(self.theta[:-2])

    def scaled(self, X: Floats) -> Floats:
        """Features in units of their lengthscales."""
        widths = [column.stop - column.start for column in self.columns]
        return X / np.repeat(self.lengthscales, widths)

    def between(self, A: Floats, B: Floats) -> Floats:
        """Covariances of scaled features, shape `(len(A), len(B))`."""
        r2 = A @ B.T
        r2 *= -2.0
        r2 += (A**2).sum(1)[:, None]
        r2 += (B**2).sum(1)[None, :]
        found = matern52(np.maximum(r2, 0.0, out=r2))
        found *= self.signal
        return found


class Posterior:
    """What is believed of the function, given results; `believing` adds results without a new fit.

    Args:
        trend: what is expected far from all results; absent: 0 everywhere.
    """

    def __init__(self, kernel: Kernel, X: Floats, z: Floats, trend: Callable[[Floats], Floats] | None = None) -> None:
        self.kernel = kernel
        self._trend = trend or _flat
        z = z - self._trend(X)
        self._scaled = kernel.scaled(X)
        K = kernel.between(self._scaled, self._scaled)
        self._L = _factor(K + kernel.noise * np.eye(len(z)))
        self._z = z
        self._weights = cho_solve((self._L, True), z, check_finite=False)

    def mean(self, X: Floats) -> Floats:
        """Posterior mean at features, shape `(m,)`."""
        return np.asarray(self.kernel.between(self.kernel.scaled(X), self._scaled) @ self._weights) + self._trend(X)

    def predict(self, X: Floats) -> tuple[Floats, Floats]:
        """Posterior mean and deviation of the function (without noise) at features, each of shape `(m,)`."""
        k = self.kernel.between(self.kernel.scaled(X), self._scaled)
        V = solve_triangular(self._L, k.T, lower=True, check_finite=False)  # (n, m)
        variance = self.kernel.signal - np.einsum("ij,ij->j", V, V)
        return k @ self._weights + self._trend(X), np.sqrt(np.maximum(variance, 1e-10))

    def averages(self, X: Floats) -> tuple[Floats, Floats]:
        """Posterior mean and deviation of the function's average over each group of features `(g, b, w)`, each `(g,)`.

        An average is a linear functional of the process, so its deviation is exact, and needs covariances only.
        """
        mean, prior, K = np.zeros(len(X)), np.zeros(len(X)), np.zeros((len(X), len(self._scaled)))
        for i, group in enumerate(X):
            scaled = self.kernel.scaled(group)
            K[i] = self.kernel.between(scaled, self._scaled).mean(axis=0)
            prior[i] = self.kernel.between(scaled, scaled).mean()
            mean[i] = self._trend(group).mean()
        V = solve_triangular(self._L, K.T, lower=True, check_finite=False)  # (n, g)
        variance = prior - np.einsum("ij,ij->j", V, V)
        return mean + K @ self._weights, np.sqrt(np.maximum(variance, 1e-10))

    def skill(self) -> float:
        """How much of the results' variance the others foretell: 1 all of it, 0 or less nothing.

        Source: Rasmussen & Williams 2006, eq. 5.12 (leave-one-out residuals from the inverse covariance).
        """
        inverse, _ = dpotri(self._L, lower=1)
        missed = self._weights / np.diag(inverse)
        return 1.0 - float(np.mean(missed**2) / max(float(np.var(self._z)), 1e-300))

    def believing(self, X: Floats, z: Floats) -> "Posterior":
        """The posterior after further results, by growing the factor: n² work instead of n³."""
        grown = object.__new__(Posterior)
        grown.kernel = self.kernel
        new = self.kernel.scaled(X)
        grown._scaled = np.vstack([self._scaled, new])
        grown._L = _grown(self._L, self.kernel, self._scaled, new)
        grown._trend = self._trend
        grown._z = np.concatenate([self._z, z - self._trend(X)])
        grown._weights = cho_solve((grown._L, True), grown._z, check_finite=False)
        return grown


def _flat(X: Floats) -> Floats:
    return np.zeros(len(X))


def fit(X: Floats, z: Floats, columns: tuple[slice, ...], prior: Prior) -> Kernel:
    """The kernel of highest posterior density."""
    modes = _modes(_distances(X, columns), z, prior, prior.starts())
    return Kernel(min(modes, key=lambda mode: mode.energy).theta, columns)


def hypotheses(X: Floats, z: Floats, columns: tuple[slice, ...], prior: Prior, count: int) -> tuple[Kernel, ...]:
    """`count` kernels drawn from the posterior density of theta: what few results leave open.

    Each mode of the density (a wiggly function, a smooth one with noise, ...) is taken for a normal distribution of its
    curvature; draws from them are weighted by the density itself and resampled evenly. Source: Bishop 2006, sections
    4.4 (Laplace approximation) and 11.1.5 (sampling-importance-resampling).
    """
    D = _distances(X, columns)
    modes = _modes(D, z, prior, prior.starts())
    if len(columns) > MOST_CURVED:
        return tuple(Kernel(modes[i % len(modes)].theta, columns) for i in range(count))
    modes = [_curved(mode, D, z, prior) for mode in modes]
    random = np.random.default_rng(len(z))
    evidence = np.array([mode.log_evidence for mode in modes])
    chosen = _resampled(np.exp(evidence - evidence.max()), TRIED * count, random)
    drawn, weights = [], []
    for mode in (modes[i] for i in chosen):
        step = random.normal(size=len(mode.theta))
        theta = np.clip(mode.theta + mode.root @ step, *_bounds(len(columns)))
        energy, _ = _energy(theta, D, z, prior)
        drawn.append(theta)
        # At most 1: a tail that the normal does not reach must not be the only draw.
        weights.append(math.exp(min(mode.energy - energy + 0.5 * float(step @ step), 0.0)))
    kept = _resampled(np.array(weights), count, random)
    return tuple(Kernel(drawn[i], columns) for i in kept)


@dataclass(frozen=True, slots=True)
class _Mode:
    """A peak of the posterior density of theta; `energy` is its negative log, up to a constant."""

    theta: Floats
    energy: float
    root: Floats
    """A root of the covariance around the peak, shape `(d + 2, d + 2)`."""
    log_evidence: float


def _modes(D: Floats, z: Floats, prior: Prior, starts: Sequence[Floats]) -> list[_Mode]:
    """The peaks that the starts lead to, each once."""
    found: list[_Mode] = []
    bounds = list(zip(*_bounds(len(D)), strict=True))
    for start in starts:
        peak = minimize(
            _energy,
            start,
            args=(D, z, prior),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": 40 if len(D) <= MOST_CURVED else 15, "ftol": 1e-5},
        )
        if all(np.abs(peak.x - mode.theta).max() > 0.3 for mode in found):
            theta = np.asarray(peak.x, dtype=np.float64)
            found.append(_Mode(theta, float(peak.fun), np.diag(prior.deviation), -float(peak.fun)))
    return found


def _curved(mode: _Mode, D: Floats, z: Floats, prior: Prior) -> _Mode:
    """The mode with the covariance that its curvature says, never wider than the prior."""
    _, here = _energy(mode.theta, D, z, prior)
    step = 1e-3
    H = np.array([(_energy(mode.theta + step * e, D, z, prior)[1] - here) / step for e in np.eye(len(mode.theta))])
    H = 0.5 * (H + H.T) * np.outer(prior.deviation, prior.deviation)  # in units of the prior
    values, vectors = np.linalg.eigh(H)
    values = np.maximum(values, 1.0)
    root = prior.deviation[:, None] * vectors / np.sqrt(values)
    return _Mode(mode.theta, mode.energy, root, -mode.energy - 0.5 * float(np.log(values).sum()))


def _resampled(weights: Floats, count: int, random: np.random.Generator) -> Indices:
    """`count` positions in proportion to weights, as evenly as can be, ascending (systematic resampling)."""
    edges = np.cumsum(weights) / weights.sum()
    return np.minimum(np.searchsorted(edges, (np.arange(count) + random.random()) / count), len(weights) - 1)


def _bounds(dimension: int) -> tuple[Floats, Floats]:
    pairs = np.array([LENGTHSCALES] * dimension + [SIGNALS, NOISES])
    return pairs[:, 0], pairs[:, 1]


def _energy(theta: Floats, D: Floats, z: Floats, prior: Prior) -> tuple[float, Floats]:
    """Negative log of likelihood and prior, up to a constant, and its gradient, shape `(d + 2,)`."""
    d, n = len(D), len(z)
    inverse_squares = np.exp(-2.0 * theta[:d])
    signal, noise = math.exp(theta[d]), math.exp(theta[d + 1])
    r2 = np.tensordot(inverse_squares, D, 1)
    r = SQRT5 * np.sqrt(r2)
    decay = np.exp(-r)
    without_noise = signal * (1.0 + r + (5.0 / 3.0) * r2) * decay
    K = without_noise.copy()
    K.flat[:: n + 1] += noise + JITTER
    try:
        L = cholesky(K, lower=True, check_finite=False, overwrite_a=True)
    except np.linalg.LinAlgError:
        return 1e10, np.zeros_like(theta)
    weights = cho_solve((L, True), z, check_finite=False)
    inverse, _ = dpotri(L, lower=1)
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    Q = inverse - np.outer(weights, weights)  # R&W eq. 5.9: gradient = trace(Q dK) / 2
    gradient = np.empty_like(theta)
    slope = Q * ((5.0 / 3.0) * signal * (1.0 + r) * decay)
    gradient[:d] = 0.5 * inverse_squares * (D.reshape(d, -1) @ slope.ravel())
    gradient[d] = 0.5 * float(np.vdot(Q, without_noise))
    gradient[d + 1] = 0.5 * noise * float(np.trace(Q))
    off = (theta - prior.mean) / prior.deviation
    value = 0.5 * float(z @ weights) + float(np.log(np.diag(L)).sum()) + 0.5 * float(off @ off)
    return value, gradient + off / prior.deviation


def _distances(X: Floats, columns: Sequence[slice]) -> Floats:
    D = np.empty((len(columns), len(X), len(X)))
    for j, column in enumerate(columns):
        block = X[:, column]
        D[j] = ((block[:, None, :] - block[None, :, :]) ** 2).sum(-1)
    return D


def _factor(K: Floats) -> Floats:
    """The Cholesky factor, with as little jitter on the diagonal as it takes."""
    jitter = JITTER
    while True:
        try:
            return np.asarray(cholesky(K + jitter * np.eye(len(K)), lower=True, check_finite=False))
        except np.linalg.LinAlgError:
            if jitter > 1.0:
                raise
            jitter *= 10.0


def _grown(L: Floats, kernel: Kernel, old: Floats, new: Floats) -> Floats:
    """The factor of a covariance with more rows, from the factor of the first ones."""
    n, m = len(L), len(new)
    corner = solve_triangular(L, kernel.between(old, new), lower=True, check_finite=False)  # (n, m)
    rest = kernel.between(new, new) + kernel.noise * np.eye(m) - corner.T @ corner
    grown = np.zeros((n + m, n + m))
    grown[:n, :n], grown[n:, :n], grown[n:, n:] = L, corner.T, _factor(rest)
    return grown
