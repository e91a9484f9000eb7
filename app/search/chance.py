"""The chance that a trial ends with a result: Gaussian process classification of those that did and those that did not.

Why no regression on labels of 1 and -1: it knows too little doubt. Of 26 points that such a one sent over an
edge, it had given 21 more than 99 in 100. A classifier's doubt grows with the distance to what was tried.

    n, d     trials that ended, parameters
    X        their features                                 (n, w)
    y        1 where one had a result, else -1              (n,)
    theta    log lengthscales, log amplitude                (d + 1,)
    K        covariance of the latent function              (n, n)
    tau, nu  precision and precision times mean of sites    (n,)
    B        I + sqrt(tau) K sqrt(tau), L its Cholesky factor

Source: Rasmussen & Williams 2006, section 3.6 (expectation propagation with the probit likelihood), 5.5.2 (gradient).
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize
from scipy.special import log_ndtr, ndtr

from app.search.axes import Floats, Indices
from app.search.evidence import Evidence
from app.search.likeness import feature_columns, features, matern52

MOST: Final = 60
"""The latest so many results and the latest so many failures are learnt from."""
OFFSET: Final = 0.5
"""The latent function's mean before any trial: a chance of about 0.6 to work."""
BIAS: Final = 1.0
"""The deviation of that mean."""
LENGTHSCALE: Final = 0.3
"""What is believed of a lengthscale in one dimension; it grows with the root of the dimension."""
AMPLITUDE: Final = 3.0
"""What is believed of the latent function's deviation: edges are sharp."""
SLOPES: Final = (0.0, 2.0)
"""How much of a kernel is linear: edges across the whole space are straight, islands are not. Both are tried."""
BLIND: Final = (5.0, -6.0)
"""Log lengthscale and log amplitude of a kernel that knows nothing but how often trials fail."""
LEAST_WEIGHT: Final = 0.02
"""Kernels that explain the failures worse than this are left out."""
LATEST: Final = 20
"""Crashes among so many latest trials are counted."""
EARLY: Final = 25.0
"""In a search of n trials, (EARLY / n)³ crashes are no reason for caution: edges are found by falling off them."""
RATE: Final = 3.0
"""How much each further crash adds to the log of the caution."""
MOST_CAUTION: Final = 300.0
BY_LUCK: Final = 0.1
"""So much skill is seen where failures strike anywhere, too."""
SAFE: Final = 0.97
"""Beyond this share of the chance that trials with a result had, caution asks for no more."""


class Shape(NamedTuple):
    """Which kernel of the latent function: hyperparameters, and the share of the linear part."""

    theta: tuple[float, ...]
    slope: float


class Classifier:
    """The posterior of the latent function under one kernel."""

    def __init__(self, shape: Shape, X: Floats, y: Floats, columns: tuple[slice, ...]) -> None:
        self._shape = shape
        self._widths = [column.stop - column.start for column in columns]
        self._scaled = self._scale(X)
        K = self._between(self._scaled, self._scaled)
        K.flat[:: len(y) + 1] += 1e-6
        self._sites = propagate(K, y)
        self.log_evidence = self._sites.log_evidence
        self.skill = _skill(self._sites.left_out, y)

    def chance(self, X: Floats) -> Floats:
        """The chance to work at features, shape `(m,)`. Source: R&W eq. 3.82."""
        A = self._scale(X)
        k = self._between(A, self._scaled)
        V = solve_triangular(self._sites.L, self._sites.root[:, None] * k.T, lower=True, check_finite=False)
        amplitude2 = math.exp(2.0 * self._shape.theta[-1])
        prior = amplitude2 * (1.0 + self._shape.slope * (A**2).sum(axis=1)) + BIAS**2
        variance = np.maximum(prior - np.einsum("ij,ij->j", V, V), 0.0)
        return np.asarray(ndtr((OFFSET + k @ self._sites.weights) / np.sqrt(1.0 + variance)))

    def _scale(self, X: Floats) -> Floats:
        return np.asarray((X - 0.5) / np.repeat(np.exp(self._shape.theta[:-1]), self._widths))

    def _between(self, A: Floats, B: Floats) -> Floats:
        inner = A @ B.T
        r2 = np.maximum((A**2).sum(axis=1)[:, None] + (B**2).sum(axis=1)[None, :] - 2.0 * inner, 0.0)
        return math.exp(2.0 * self._shape.theta[-1]) * (matern52(r2) + self._shape.slope * inner) + BIAS**2


@dataclass(frozen=True, slots=True)
class Chance:
    """The chance to work, over all kernels that the trials leave open, and how much it should weigh now."""

    parts: tuple[tuple[float, Classifier], ...]
    """Each with its weight; these add up to 1."""
    worked: Floats
    """Features of trials with results, `(n, w)`."""
    crashes: int
    """Among the latest trials."""
    ended: int

    def log_chance(self, X: Floats) -> Floats:
        """Log probability to end with a result at features, shape `(m,)`."""
        chance = np.zeros(len(X))
        for weight, part in self.parts:
            chance += weight * part.chance(X)
        return np.asarray(np.log(np.maximum(chance, 1e-300)))

    def caution(self, pending: Floats) -> float:
        """How many times a chance that is too low weighs, with trials at features `pending` under way; 1 or more.

        Steered by what happens: while trials crash seldom, a doubtful region is worth a look; each crash makes the
        next less likely. One look at a time: doubtful points of one batch would all fall off the same edge, so one
        that is under way counts as a crash. Failures that nothing foretells are no reason to stay away from anything.
        """
        log_chance = self.log_chance(pending)
        expected = self.crashes + float(np.where(log_chance < self._safe, 1.0, 1.0 - np.exp(log_chance)).sum())
        allowed = (EARLY / (self.ended + len(pending))) ** 3
        skill = sum(weight * part.skill for weight, part in self.parts)
        trust = min(2.0 * max(skill - BY_LUCK, 0.0), 1.0)
        return min(math.exp(RATE * trust * max(0.0, expected - allowed)), MOST_CAUTION)

    def log_weight(self, X: Floats, caution: float) -> Floats:
        """What counts for points beside their gain: the log chance, and below what is safe many times over, `(m,)`.

        Why no more above it: where all is safe, the safest point is the one that teaches least.
        """
        log_chance = self.log_chance(X)
        return np.asarray(log_chance - (caution - 1.0) * np.maximum(0.0, self._safe - log_chance))

    @property
    def _safe(self) -> float:
        """The log chance from which on a point is not doubtful."""
        usual = float(np.median(self.log_chance(self.worked))) if len(self.worked) else 0.0
        return math.log(SAFE) + usual


def chance_of(evidence: Evidence) -> Chance | None:
    """What is believed of a history; None while nothing has failed, and where all trials are the same point.

    Kernels are learnt from a prefix of the history that grows in steps: a fit costs many times what a posterior does.
    """
    encoding = evidence.encoding
    if len(evidence.failed) == 0 or encoding.dimension == 0:
        return None
    numbers = np.array([*(o.number for o in evidence.told), *evidence.failed_numbers])
    order = np.argsort(numbers, kind="stable")
    y = np.repeat([1.0, -1.0], [len(evidence.U), len(evidence.failed)])[order]
    U = np.vstack([evidence.U, evidence.failed])[order]
    X, columns = features(encoding, U), feature_columns(encoding)
    n = len(y)
    step = 1 if n <= 20 else 5 if n <= 60 else 20
    early, seen = _latest(y[: n - n % step]), _latest(y)
    edges = tuple((column.start, column.stop) for column in columns)
    shapes = _learnt(_Ended(X[early].tobytes(), y[early].tobytes(), len(early), edges))
    parts = tuple((weight, Classifier(shape, X[seen], y[seen], columns)) for weight, shape in shapes)
    return Chance(parts, X[seen][y[seen] > 0], int((y[-LATEST:] < 0).sum()), n)


def _latest(y: Floats) -> Indices:
    """Positions of the latest results and the latest failures, ascending."""
    return np.sort(np.concatenate([np.flatnonzero(y > 0)[-MOST:], np.flatnonzero(y < 0)[-MOST:]]))


class _Ended(NamedTuple):
    """Ended trials as a key of the cache."""

    X: bytes
    y: bytes
    n: int
    columns: tuple[tuple[int, int], ...]


@lru_cache(maxsize=64)
def _learnt(ended: _Ended) -> tuple[tuple[float, Shape], ...]:
    """The kernels that ended trials leave open, each with its weight."""
    columns = tuple(slice(start, stop) for start, stop in ended.columns)
    X, y = np.frombuffer(ended.X).reshape(ended.n, -1), np.frombuffer(ended.y)
    found = [fit(X, y, columns, slope) for slope in SLOPES]
    blind = Shape((*[BLIND[0]] * len(columns), BLIND[1]), 0.0)
    found.append((blind, -Classifier(blind, X, y, columns).log_evidence))
    weights = np.exp(min(energy for _, energy in found) - np.array([energy for _, energy in found]))
    kept = np.where(weights > LEAST_WEIGHT * weights.sum(), weights, 0.0)
    kept /= kept.sum()
    return tuple((float(weight), shape) for weight, (shape, _) in zip(kept, found, strict=True) if weight > 0)


def fit(X: Floats, y: Floats, columns: tuple[slice, ...], slope: float) -> tuple[Shape, float]:
    """The kernel of highest posterior density, and its energy: the negative log of evidence and prior."""
    energy = Energy(X, y, columns, slope)
    bounds = [(-4.6, 4.6)] * len(columns) + [(-2.0, 3.0)]
    found = minimize(
        energy, energy.mean, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 25, "ftol": 1e-4}
    )
    return Shape(tuple(map(float, found.x)), slope), float(found.fun)


class Energy:
    """Negative log of evidence and prior of theta, up to a constant, and its gradient, shape `(d + 1,)`."""

    def __init__(self, X: Floats, y: Floats, columns: tuple[slice, ...], slope: float) -> None:
        self._y, self._slope = y, slope
        self._D = np.array([((X[:, None, c] - X[None, :, c]) ** 2).sum(-1) for c in columns])  # (d, n, n)
        self._P = np.array([(X[:, c] - 0.5) @ (X[:, c] - 0.5).T for c in columns])  # (d, n, n)
        d = len(columns)
        self.mean = np.array([math.log(LENGTHSCALE * math.sqrt(d))] * d + [math.log(AMPLITUDE)])
        self._last: Sites | None = None

    def __call__(self, theta: Floats) -> tuple[float, Floats]:
        d, n = len(self._D), len(self._y)
        inverse_squares, amplitude2 = np.exp(-2.0 * theta[:d]), math.exp(2.0 * theta[d])
        r2 = np.tensordot(inverse_squares, self._D, 1)
        r = math.sqrt(5.0) * np.sqrt(r2)
        decay = np.exp(-r)
        unit = (1.0 + r + (5.0 / 3.0) * r2) * decay + self._slope * np.tensordot(inverse_squares, self._P, 1)
        K = amplitude2 * unit + BIAS**2
        K.flat[:: n + 1] += 1e-6
        # From the sites of the step before: steps are small, and few sweeps are left to do.
        sites = self._last = propagate(K, self._y, self._last)
        inverse = cho_solve((sites.L, True), np.diag(sites.root), check_finite=False)
        Q = np.outer(sites.weights, sites.weights) - sites.root[:, None] * inverse  # R&W eq. 5.27
        slopes = Q * ((5.0 / 3.0) * amplitude2 * (1.0 + r) * decay)
        gradient = np.empty(d + 1)
        gradient[:d] = 0.5 * inverse_squares * (self._D.reshape(d, -1) @ slopes.ravel())
        gradient[:d] -= self._slope * amplitude2 * inverse_squares * (self._P.reshape(d, -1) @ Q.ravel())
        gradient[d] = amplitude2 * float(np.vdot(Q, unit))
        off = theta - self.mean  # the prior's deviation is 1
        return 0.5 * float(off @ off) - sites.log_evidence, off - gradient


@dataclass(frozen=True, slots=True)
class Sites:
    """Normal approximations of all likelihoods together, and what follows from them."""

    tau: Floats
    nu: Floats
    root: Floats
    L: Floats
    weights: Floats
    """The posterior mean at features is their covariances times these."""
    log_evidence: float
    left_out: Floats
    """Log chance of each outcome as the others foretell it, `(n,)`."""


def propagate(K: Floats, y: Floats, start: Sites | None = None, *, sweeps: int = 30) -> Sites:
    """Expectation propagation, all sites at once. Source: R&W algorithm 3.5, eq. 3.59, 3.65 and 3.66."""
    n = len(y)
    tau, nu = (np.full(n, 1e-3), np.zeros(n)) if start is None else (start.tau, start.nu)
    evidence = -math.inf
    for sweep in range(sweeps):
        root = np.sqrt(tau)
        L = cholesky(np.eye(n) + root[:, None] * K * root[None, :], lower=True, check_finite=False)
        V = solve_triangular(L, root[:, None] * K, lower=True, check_finite=False)
        variance = np.maximum(np.diag(K) - np.einsum("ij,ij->j", V, V), 1e-10)
        mean = K @ nu - V.T @ (V @ nu)
        # The cavity: what all others say of each.
        tau_c = np.maximum(1.0 / variance - tau, 1e-10)
        mean_c = (mean / variance - nu) / tau_c
        s = np.sqrt(1.0 + 1.0 / tau_c)
        z = y * (mean_c + OFFSET) / s
        left_out = log_ndtr(z)
        before, evidence = (
            evidence,
            float(
                left_out.sum()
                + 0.5 * np.log1p(tau / tau_c).sum()
                - np.log(np.diag(L)).sum()
                + 0.5 * (nu @ mean - (nu**2 / (tau + tau_c)).sum())
                + 0.5 * (mean_c * tau_c / (tau + tau_c) * (tau * mean_c - 2.0 * nu)).sum()
            ),
        )
        if (sweep > 1 and abs(evidence - before) < 1e-4) or sweep == sweeps - 1:
            break
        ratio = np.exp(-0.5 * z * z - 0.5 * math.log(2.0 * math.pi) - left_out)
        mean_h = mean_c + y * ratio / (tau_c * s)
        variance_h = 1.0 / tau_c - ratio * (z + ratio) / (tau_c**2 * s**2)
        # Damped: sites that all change at once overshoot.
        tau, nu = (
            0.1 * tau + 0.9 * np.maximum(1.0 / variance_h - tau_c, 1e-8),
            0.1 * nu + 0.9 * (mean_h / variance_h - tau_c * mean_c),
        )
    weights = nu - root * cho_solve((L, True), root * (K @ nu), check_finite=False)
    return Sites(tau, nu, root, L, weights, evidence, left_out)


def _skill(left_out: Floats, y: Floats) -> float:
    """How much of what the base rate leaves open the other trials foretell: 1 all of it, 0 nothing."""
    worked = (y > 0).mean()
    rate = np.clip(np.where(y > 0, worked, 1.0 - worked), 0.5 / len(y), 1.0 - 0.5 / len(y))
    return float(np.clip(1.0 - left_out.sum() / np.log(rate).sum(), 0.0, 1.0))
