"""What the engine believes of a space, given a history: a Gaussian process for everything that was measured.

One for each objective and one for each outcome constraint; the chance that a trial works at all is told by `chance`.
Kernels are fitted to a prefix of the history that grows in steps, so that most suggestions need no fit; they follow
from that prefix alone, so a restarted server fits the same ones.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from scipy.special import log_ndtr

from app.search.axes import Floats
from app.search.bayes.fitting import fit, hypotheses
from app.search.bayes.gp import Posterior
from app.search.bayes.kernel import Kernel, Prior
from app.search.bayes.trend import trend_of
from app.search.chance import Chance, chance_of
from app.search.encoding import Encoding
from app.search.evidence import Evidence, Standard, has_penalties
from app.search.lessons import lessons_of
from app.search.likeness import feature_columns, features
from studyhall.trial import Prediction

MOST_RESULTS: Final = 1000
"""Beyond it the model sees the better half of this many results and the latest others."""
LENGTHSCALE: Final = 0.3
"""What is believed of a lengthscale in one dimension, before any result."""
NOISE: Final = 5e-3
"""What is believed of the noise's share of the variance, before any result."""
MOST_LIMITS: Final = 3
"""Outcome constraints with a model of their own."""
LARGEST_FIT: Final = 128
"""Kernels are learnt from at most so many results: a fit costs n³ dozens of times, a posterior once."""


@dataclass(frozen=True, slots=True)
class View:
    """One way to look at the same results; which one is right, fifty results cannot say.

    Suggestions take turns with the views: where they agree nothing is lost, and where one is wrong (a valley taken for
    a slope, an outlier for the whole scale, noise for a wiggle) the others are not.
    """

    draw: int
    """Which of the kernels that the results leave open."""
    squash: bool
    """Whether the worse half of the results is pressed together."""
    alone: bool = True
    """Whether it looks at the only objective."""


VIEWS: Final = tuple(View(draw, squash=draw % 2 == 1) for draw in range(4))


@dataclass(frozen=True)
class Belief:
    """What is believed of one measured quantity, in standardised units."""

    posterior: Posterior
    standard: Standard

    def believing(self, X: Floats) -> "Belief":
        """The belief after points whose results are pending: each is taken to be what is expected of it."""
        return Belief(self.posterior.believing(X, self.posterior.mean(X)), self.standard)


@dataclass(frozen=True)
class Limit:
    """What is believed of an outcome constraint: that its slack is at least `threshold`, standardised."""

    posterior: Posterior
    threshold: float

    def log_chance(self, X: Floats) -> Floats:
        """Log probability that the constraint holds, shape `(m,)`."""
        mean, deviation = self.posterior.predict(X)
        return np.asarray(
            log_ndtr((mean - self.threshold) / np.hypot(deviation, math.sqrt(self.posterior.kernel.noise)))
        )


@dataclass(frozen=True)
class Beliefs:
    """All of them, and the results they rest on."""

    encoding: Encoding
    U: Floats
    """Canonical rows of the results the model sees, `(n, d)`."""
    X: Floats
    """Their features, `(n, w)`."""
    z: Floats
    """Their standardised losses, `(n, k)`."""
    is_allowed: Floats
    """1 where a result breaks no outcome constraint, `(n,)`."""
    objectives: tuple[Belief, ...]
    limits: tuple[Limit, ...]
    works: Chance | None
    """The chance that a trial ends with a result; None while none has failed."""
    caution: float
    """How many times a chance to work that is too low weighs."""
    pending: Floats
    """Features of the points whose results are pending and believed, `(p, w)`."""

    def believing(self, U: Floats) -> "Beliefs":
        """The beliefs when rows are pending."""
        if len(U) == 0:
            return self
        X = features(self.encoding, U)
        return Beliefs(
            self.encoding,
            self.U,
            self.X,
            self.z,
            self.is_allowed,
            tuple(belief.believing(X) for belief in self.objectives),
            self.limits,
            self.works,
            1.0 if self.works is None else self.works.caution(X),
            np.vstack([self.pending, X]),
        )

    def log_chance(self, X: Floats) -> Floats:
        """Log probability that points end with a result that breaks no constraint, shape `(m,)`.

        Below what is safe, the chance to end at all weighs `caution` times.
        """
        found = np.zeros(len(X))
        for limit in self.limits:
            found += limit.log_chance(X)
        return found + self.works.log_weight(X, self.caution) if self.works else found

    def prediction(self, evidence: Evidence, row: Floats) -> Prediction:
        """What is expected at a row, in the units and the direction of the objectives."""
        return self.predictions(evidence, row[None, :])[0]

    def predictions(self, evidence: Evidence, U: Floats) -> list[Prediction]:
        """What is expected at rows `(m, d)`."""
        X = features(self.encoding, U)
        found: list[Prediction] = [Prediction(mean={}, deviation={}) for _ in U]
        for objective, belief in zip(evidence.history.objectives, self.objectives, strict=True):
            for prediction, mean, deviation in zip(found, *belief.posterior.predict(X), strict=True):
                loss, spread = belief.standard.back(float(mean), float(deviation))
                prediction.mean[objective.metric] = loss if objective.goal == "minimize" else -loss
                prediction.deviation[objective.metric] = spread
        return found


def beliefs_of(evidence: Evidence, view: View) -> Beliefs:
    """Learns from a history with at least one result; pending points are not yet in it."""
    encoding = evidence.encoding
    seen = _seen(evidence)
    U, losses = evidence.U[seen], evidence.final_losses[seen]
    X = features(encoding, U)
    columns = feature_columns(encoding)
    settled = _settled(evidence, len(seen))
    works = chance_of(evidence)
    views = [_at(view, loss, alone=losses.shape[1] == 1) for loss in losses.T]
    standards = [_standard(loss, each) for loss, each in zip(losses.T, views, strict=True)]
    earlier = _earlier(evidence, columns, view)
    return Beliefs(
        encoding,
        U,
        X,
        np.column_stack([standard.z for standard in standards]),
        evidence.is_allowed[seen].astype(np.float64),
        tuple(
            _belief(X, loss, standard, columns, settled, each, lessons)
            for loss, standard, each, lessons in zip(losses.T, standards, views, earlier, strict=True)
        ),
        tuple(limit for slack in _slacks(evidence.slack[seen]) if (limit := _limit(X, slack, columns)) is not None),
        works,
        1.0 if works is None else works.caution(X[:0]),
        X[:0],
    )


def _at(view: View, loss: Floats, *, alone: bool) -> View:
    """How a view looks at one objective.

    One of several is squashed only where penalties stretch it: what is bad in it is the end of the front where another
    is good.
    """
    return View(view.draw, squash=view.squash and (alone or has_penalties(loss)), alone=alone)


def _standard(loss: Floats, view: View) -> Standard:
    return Standard(loss, squash=view.squash, alone=view.alone)


def _belief(
    X: Floats,
    loss: Floats,
    standard: Standard,
    columns: tuple[slice, ...],
    settled: int,
    view: View,
    earlier: list[Posterior],
) -> Belief:
    early = _standard(loss[:settled], view)
    trend = trend_of(earlier, X[:settled], early.z)
    unforeseen = early.z if trend is None else early.z - trend(X[:settled])
    kernels = _kernels(X[:settled], unforeseen, columns, count=len(VIEWS))
    return Belief(Posterior(kernels[view.draw], X, standard.z, trend), standard)


def _earlier(evidence: Evidence, columns: tuple[slice, ...], view: View) -> list[list[Posterior]]:
    """What each earlier study expects, for each objective."""
    found: list[list[Posterior]] = [[] for _ in evidence.history.objectives]
    for _, lesson in lessons_of(evidence):
        X = features(evidence.encoding, lesson.U)
        for posteriors, loss in zip(found, lesson.losses.T, strict=True):
            z = Standard(loss, squash=view.squash, alone=lesson.losses.shape[1] == 1).z
            posteriors.append(Posterior(_kernels(X, z, columns)[0], X, z))
    return found


def _seen(evidence: Evidence) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Which results the model sees, ascending: all, or of too many the best and the latest."""
    n = len(evidence.told)
    if n <= MOST_RESULTS:
        return np.arange(n)
    z = np.column_stack([Standard(loss).z for loss in evidence.final_losses.T]).sum(axis=1)
    best = np.argsort(z, kind="stable")[: MOST_RESULTS // 2]
    others = np.setdiff1d(np.arange(n), best)[-(MOST_RESULTS // 2) :]
    return np.sort(np.concatenate([best, others]))


def _settled(evidence: Evidence, seen: int) -> int:
    """How many of the first results the kernels are learnt from.

    Results of late trials must not change what is learnt from early ones, so those after the first pending trial do
    not count, unless a straggler would hold up too many.
    """
    first_pending = min((o.number for o in evidence.history.observations if o.is_pending), default=math.inf)
    before = sum(o.number < first_pending for o in evidence.told)
    n = min(before if before >= 0.8 * len(evidence.told) else len(evidence.told), seen)
    step = 1 if n <= 40 else 5 if n <= 80 else 10 if n <= 160 else 20 if n <= 500 else 50
    return max(n - n % step, 1)


def _slacks(slack: Floats) -> list[Floats]:
    """What to model of outcome constraints: each of a few; of many only the worst, each in units of its spread."""
    if slack.shape[1] <= MOST_LIMITS:
        return list(slack.T)
    scaled = slack / np.maximum(np.nanmax(np.abs(slack), axis=0, initial=1e-300), 1e-300)
    return [np.fmin.reduce(scaled, axis=1)]


def _limit(X: Floats, slack: Floats, columns: tuple[slice, ...]) -> Limit | None:
    known = ~np.isnan(slack)
    if known.sum() < 3:
        return None
    X, slack = X[known], slack[known]
    with_threshold = Standard(np.append(slack, 0.0))  # the threshold goes the way of the values
    z = with_threshold.z
    (kernel,) = _kernels(X, z[:-1], columns)
    return Limit(Posterior(kernel, X, z[:-1]), float(z[-1]))


class _Results(NamedTuple):
    """Results as a key of the cache, and what is wanted of them."""

    X: bytes
    z: bytes
    n: int
    columns: tuple[tuple[int, int], ...]
    noise: float
    wanted: int


def _kernels(
    X: Floats, z: Floats, columns: tuple[slice, ...], *, noise: float = NOISE, count: int = 1
) -> tuple[Kernel, ...]:
    """The likeliest kernel, or `count` that the results leave open."""
    chosen = _for_fit(z, len(columns))
    edges = tuple((column.start, column.stop) for column in columns)
    return _fitted(_Results(X[chosen].tobytes(), z[chosen].tobytes(), len(chosen), edges, noise, count))


@lru_cache(maxsize=64)
def _fitted(results: _Results) -> tuple[Kernel, ...]:
    """The kernels of results; kept, because most suggestions ask for those of the suggestion before."""
    columns = tuple(slice(start, stop) for start, stop in results.columns)
    X = np.frombuffer(results.X).reshape(results.n, -1)
    z = np.frombuffer(results.z)
    prior = Prior.of(len(columns), lengthscale=LENGTHSCALE, noise=results.noise)
    if results.wanted == 1:
        return (fit(X, z, columns, prior),)
    return hypotheses(X, z, columns, prior, results.wanted)


def _for_fit(z: Floats, dimension: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Which results a kernel is learnt from: the best third and an even sample of the others."""
    most = min(LARGEST_FIT, max(40, math.isqrt(4_000_000 // max(dimension, 1))))
    if len(z) <= most:
        return np.arange(len(z))
    order = np.argsort(z, kind="stable")
    best, rest = order[: most // 3], np.sort(order[most // 3 :])
    even = rest[np.linspace(0, len(rest) - 1, most - len(best)).astype(np.int64)]
    return np.sort(np.concatenate([best, even]))
