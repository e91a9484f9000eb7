"""The posterior of a Gaussian process: what is believed of a function, given results and a kernel.

    n  results, w  feature columns, m  points asked
    X        features                                       (n, w)
    z        standardised targets                           (n,)
    K        covariance of the results                      (n, n)
    L        its lower Cholesky factor                      (n, n)

Everything is float64: the covariance of close points is singular in less.
Source: Rasmussen & Williams 2006, eq. 2.23-2.24.
"""

from collections.abc import Callable

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.linalg.lapack import dpotri

from app.search.axes import Floats
from app.search.bayes.kernel import JITTER, Kernel


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
