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
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.linalg.lapack import dpotri
from scipy.optimize import minimize

from app.search.axes import Floats

SQRT5: Final = math.sqrt(5.0)
JITTER: Final = 1e-6
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
            np.array([1.0] * dimension + [0.7, 1.5]),
        )


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
        r2 = (A**2).sum(1)[:, None] + (B**2).sum(1)[None, :] - 2.0 * (A @ B.T)
        return self.signal * matern52(np.maximum(r2, 0.0))


class Posterior:
    """What is believed of the function, given results; `believing` adds results without a new fit."""

    def __init__(self, kernel: Kernel, X: Floats, z: Floats) -> None:
        self.kernel = kernel
        self._scaled = kernel.scaled(X)
        K = kernel.between(self._scaled, self._scaled)
        self._L = _factor(K + kernel.noise * np.eye(len(z)))
        self._z = z
        self._weights = cho_solve((self._L, True), z, check_finite=False)

    def mean(self, X: Floats) -> Floats:
        """Posterior mean at features, shape `(m,)`."""
        return np.asarray(self.kernel.between(self.kernel.scaled(X), self._scaled) @ self._weights)

    def predict(self, X: Floats) -> tuple[Floats, Floats]:
        """Posterior mean and deviation of the function (without noise) at features, each of shape `(m,)`."""
        k = self.kernel.between(self.kernel.scaled(X), self._scaled)
        V = solve_triangular(self._L, k.T, lower=True, check_finite=False)  # (n, m)
        variance = self.kernel.signal - np.einsum("ij,ij->j", V, V)
        return k @ self._weights, np.sqrt(np.maximum(variance, 1e-10))

    def believing(self, X: Floats, z: Floats) -> "Posterior":
        """The posterior after further results, by growing the factor: n² work instead of n³."""
        grown = object.__new__(Posterior)
        grown.kernel = self.kernel
        new = self.kernel.scaled(X)
        grown._scaled = np.vstack([self._scaled, new])
        grown._L = _grown(self._L, self.kernel, self._scaled, new)
        grown._z = np.concatenate([self._z, z])
        grown._weights = cho_solve((grown._L, True), grown._z, check_finite=False)
        return grown


def fit(X: Floats, z: Floats, columns: tuple[slice, ...], prior: Prior, *, starts: Sequence[Floats] = ()) -> Kernel:
    """The kernel of highest posterior density, searched from the prior's mean and from `starts`."""
    D = _distances(X, columns)
    bounds = [LENGTHSCALES] * len(columns) + [SIGNALS, NOISES]
    best, lowest = prior.mean, math.inf
    for start in (prior.mean, *starts):
        found = minimize(
            _negative_log_posterior,
            start,
            args=(D, z, prior),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": 40, "ftol": 1e-5},
        )
        if found.fun < lowest:
            best, lowest = found.x, found.fun
    return Kernel(np.asarray(best, dtype=np.float64), columns)


def matern52(r2: Floats) -> Floats:
    """The Matern-5/2 correlation at squared scaled distances."""
    r = SQRT5 * np.sqrt(r2)
    return np.asarray((1.0 + r + (5.0 / 3.0) * r2) * np.exp(-r))


def _negative_log_posterior(theta: Floats, D: Floats, z: Floats, prior: Prior) -> tuple[float, Floats]:
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
