"""What a history says to a model: rows, losses, failures, what is pending, and what was tried.

Losses are to be minimised, whatever the goals. Everything here is finite, whatever was reported: ±1e308 beside 1 are
legal metrics.

    U        canonical rows of trials with results        (n, d)
    losses   one column per objective, minimised          (n, k)
    slack    per outcome constraint, negative: broken     (n, c), NaN where unknown
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from app.search.axes import Floats, Truths
from app.search.encoding import Encoding
from app.search.engine import History, Observation
from app.search.fidelity import foretold_ends
from studyhall.expression import parse
from studyhall.trial import TrialState

FAR: Final = 5.0
"""Robust deviations from the middle beyond which a value is no ordinary one."""


@dataclass(frozen=True)
class Evidence:
    """A history in arrays. Observations that have no place in the current space are left out of all but `used`."""

    encoding: Encoding
    history: History
    told: tuple[Observation, ...]
    """Completed and pruned trials with values, by number."""
    U: Floats
    losses: Floats
    failed: Floats
    """Rows of infeasible and failed trials, `(f, d)`."""
    failed_numbers: tuple[int, ...]
    pending: Floats
    """Rows of waiting and running trials, `(p, d)`."""
    used: frozenset[bytes]
    """Keys of every row that any trial has had."""

    @property
    def started(self) -> int:
        """How many trials the search has begun, ended or not."""
        return len(self.told) + len(self.pending) + len(self.failed)

    @cached_property
    def is_pruned(self) -> Truths:
        """Which results are those of trials that were stopped early, shape `(n,)`."""
        return np.array([o.state is TrialState.PRUNED for o in self.told], dtype=bool)

    @cached_property
    def final_losses(self) -> Floats:
        """Losses in which trials that were stopped early have the end that is foretold of them.

        Their last measurement is what they had reached, not what they would have. Where nothing can be foretold, none
        of them looks better than the middle of those that ran to their end; that they were stopped says: not good.
        """
        whole = self.losses[~self.is_pruned]
        if len(whole) == 0 or not self.is_pruned.any():
            return self.losses
        usual = np.where(self.is_pruned[:, None], np.maximum(self.losses, np.median(whole, axis=0)), self.losses)
        if len(self.history.objectives) > 1:
            return usual
        sign = 1.0 if self.history.objectives[0].goal == "minimize" else -1.0
        ends = foretold_ends(self.told, self.losses[:, 0], sign=sign)
        return np.where(np.isnan(ends)[:, None], usual, ends[:, None])

    @cached_property
    def slack(self) -> Floats:
        """By how much each outcome constraint holds, shape `(n, c)`; ±1 where only its truth is known."""
        return np.array([[_slack(text, o) for text in self.history.constraints] for o in self.told]).reshape(
            len(self.told), len(self.history.constraints)
        )

    @cached_property
    def is_allowed(self) -> Truths:
        """Which results break no outcome constraint, shape `(n,)`."""
        return np.asarray(~(self.slack < 0).any(axis=1), dtype=bool)


def evidence_of(encoding: Encoding, history: History) -> Evidence:
    """Reads a history; the same whatever the order of its observations."""
    told, failed, pending, rows, failed_numbers = [], [], [], [], []
    used: list[Floats] = []
    for observation in sorted(history.observations, key=lambda o: o.number):
        row = encoding.place(observation.parameters)
        if row is None:
            continue
        used.append(row)
        if observation.is_pending:
            pending.append(row)
        elif observation.values is not None and observation.state in (TrialState.COMPLETED, TrialState.PRUNED):
            told.append(observation)
            rows.append(row)
        elif observation.state in (TrialState.INFEASIBLE, TrialState.FAILED):
            failed.append(row)
            failed_numbers.append(observation.number)
    return Evidence(
        encoding,
        history,
        tuple(told),
        _stack(rows, encoding),
        _losses(told, history),
        _stack(failed, encoding),
        tuple(failed_numbers),
        _stack(pending, encoding),
        frozenset(encoding.keys(_stack(used, encoding))),
    )


class Standard:
    """Losses `(n,)` around 0 with deviation 1, order kept, whatever their size; and the way back.

    Beyond `FAR` robust deviations what is better than usual grows with its logarithm, and what is worse with the
    logarithm of that: a training that diverged to 1e9 must not make all honest results look alike. With `squash` all
    that is worse than the middle is pressed together once more: what is bad need not be told apart, and a model that
    does not try sees more of what is good. None of several objectives is pressed twice: what is bad in one is the end
    of the front where another is good.

        t    losses in robust deviations from the middle    (n,)
        z    standardised losses                            (n,)
    """

    def __init__(self, loss: Floats, *, squash: bool = False, alone: bool = True) -> None:
        self._size = max(1.0, float(np.abs(loss).max(initial=0.0)) / 1e100)  # sums and squares of 1e308 overflow
        y = loss / self._size
        self._middle = float(np.median(y)) if len(y) else 0.0
        # The floor keeps far values within 1e12 deviations: their squares must not overflow either.
        self._spread = max(_spread(y - self._middle), 1e-12 * float(np.abs(y - self._middle).max(initial=0.0))) or 1.0
        t = (y - self._middle) / self._spread
        self._unit = max(-float(t.min(initial=0.0)), 1e-3) if squash else None
        self._alone = alone
        squeezed = self._squeezed(t)
        self._mean = float(squeezed.mean()) if len(y) else 0.0
        self._deviation = float(squeezed.std()) or 1.0 if len(y) else 1.0
        self.z: Floats = (squeezed - self._mean) / self._deviation

    def back(self, mean: float, deviation: float) -> tuple[float, float]:
        """A standardised mean and deviation in the units of the losses; finite, whatever was reported."""
        low, middle, high = (self._loss(z) for z in (mean - deviation, mean, mean + deviation))
        return middle, min(high / 2 - low / 2, 1e308)

    def _squeezed(self, t: Floats) -> Floats:
        good = np.maximum(np.minimum(t, 0.0), -FAR) - np.log1p(np.maximum(-t - FAR, 0.0))
        bad = np.maximum(t, 0.0)
        if self._alone or self._unit is None:
            far = np.log1p(np.maximum(bad - FAR, 0.0))
            bad = np.minimum(bad, FAR) + (np.log1p(far) if self._alone else far)
        return np.asarray(good + (bad if self._unit is None else self._unit * np.log1p(bad / self._unit)))

    def _loss(self, z: float) -> float:
        t = z * self._deviation + self._mean
        if self._unit is not None and t > 0.0:
            t = self._unit * _expm1(t / self._unit)
        if t > FAR and (self._alone or self._unit is None):
            far = _expm1(t - FAR)
            t = FAR + (_expm1(far) if self._alone else far)
        elif t < -FAR:
            t = -FAR - _expm1(-t - FAR)
        return min(max((t * self._spread + self._middle) * self._size, -1e308), 1e308)


def has_penalties(loss: Floats) -> bool:
    """Whether some losses are far worse than what is usual."""
    y = loss / max(1.0, float(np.abs(loss).max(initial=0.0)) / 1e100)
    return len(y) > 0 and bool(y.max() - np.median(y) > FAR * _spread(y - np.median(y)))


def standardized(loss: Floats) -> Floats:
    """Losses `(n,)` around 0 with deviation 1; see `Standard`."""
    return Standard(loss).z


def chebyshev(losses: Floats, weights: Floats) -> Floats:
    """One loss `(n,)` out of several `(n, k)` standardised ones; every weighting has a Pareto optimal minimum.

    Source: Knowles 2006 (ParEGO), eq. 2, with rho = 0.05.
    """
    span = losses.max(axis=0) - losses.min(axis=0)
    scaled = (losses - losses.min(axis=0)) / np.where(span > 0, span, 1.0)
    weighted = scaled * weights
    return np.asarray(weighted.max(axis=1) + 0.05 * weighted.sum(axis=1), dtype=np.float64)


def _expm1(x: float) -> float:
    return math.expm1(min(x, 700.0))


def _spread(centered: Floats) -> float:
    """A robust deviation: of the middle half, else of the middle nine tenths, else of all; 0 when all are equal."""
    if len(centered) == 0:
        return 0.0
    for low, high, width in ((25, 75, 1.349), (5, 95, 3.29)):
        a, b = np.percentile(centered, [low, high])
        if b - a > 1e-300:
            return float((b - a) / width)
    # Not std(): the squares of 1e-300 are 0.
    return float(np.abs(centered).max(initial=0.0))


def _losses(told: Sequence[Observation], history: History) -> Floats:
    signs = np.array([1.0 if objective.goal == "minimize" else -1.0 for objective in history.objectives])
    values = np.array([o.values for o in told], dtype=np.float64).reshape(len(told), len(signs))
    return np.asarray(values * signs, dtype=np.float64)


def _slack(text: str, observation: Observation) -> float:
    expression = parse(text)
    slack = expression.slack(observation.metrics)
    if slack is not None:
        # `a < b` with slack 0 is broken: the truth decides the sign.
        return slack if slack != 0 or expression.truth(observation.metrics) is not False else -1e-12
    truth = expression.truth(observation.metrics)
    return np.nan if truth is None else 1.0 if truth else -1.0


def _stack(rows: Sequence[Floats], encoding: Encoding) -> Floats:
    return np.array(rows, dtype=np.float64).reshape(len(rows), encoding.dimension)
