"""The `tpe` engine: a tree-structured Parzen estimator that sees whole assignments, conditions included.

Results are split into a few good ones and the rest; a mixture of small kernels, one around each result, describes
either group, and the next point is where good ones are likeliest compared with the rest. A kernel spans all parameters
at once, so what goes well together stays together. Where a result has no value for a parameter, its kernel is the
uniform prior there: a branch of a conditional space is learnt from the trials that took it.

Pending trials belong to the rest (a "constant liar"), which spreads a batch. Failed ones belong to neither: the chance
to work is told by `chance` and weighs as it does for `bayes`. Why no densities of failures: they know no edges.

    U        rows of one group                  (n, d)
    V        rows of candidates                 (m, d)

Sources: Bergstra et al. 2011, section 4; Watanabe 2023 (arXiv 2304.11127) for bandwidths and the split.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import logsumexp, ndtr, ndtri

from app.search.axes import Axis, Floats, Indices
from app.search.chance import chance_of
from app.search.encoding import Encoding, encoding_of
from app.search.engine import History, Suggestion
from app.search.evidence import Evidence, evidence_of
from app.search.likeness import features
from app.search.options import TpeOptions
from app.search.pareto import order_of_merit
from app.search.start import initial, is_starting, start_trials, untried
from app.search.turns import Proposal, Weight, take_turns
from studyhall.space import Space

NARROWEST: Final = 0.01
RECENT: Final = 25
"""Of the rest, so many latest results count in full; older ones fade linearly."""


def suggest(
    space: Space, history: History, count: int, *, options: TpeOptions, seed: int, number: int
) -> list[Suggestion]:
    """Sobol points first, then points where good results are dense and others are not."""
    evidence = evidence_of(encoding_of(space), history)
    if is_starting(evidence, len(history.observations), start_trials(evidence, options.start)):
        return initial(evidence, count, seed=seed, number=number, name="tpe")
    tpe = Tpe(evidence, options)
    return take_turns(evidence, lambda _: tpe, count, seed=seed, number=number)


class Tpe:
    """Proposes where good results are likely and others are not."""

    def __init__(self, evidence: Evidence, options: TpeOptions, costs: Weight | None = None) -> None:
        self._encoding, self._costs = evidence.encoding, costs
        self._candidates = options.candidates
        good, self._rest = split(evidence, options.good_share)
        self._works = chance_of(evidence)
        self._likely = Mixture(evidence.encoding, good, np.ones(len(good)))
        self._why = f"tpe: likely among the best {len(good)} of {len(evidence.told)} results"

    def propose(self, pending: Floats, used: set[bytes], random: np.random.Generator) -> Proposal | None:
        """Of candidates drawn from the good group, the new one that stands out most from the rest."""
        rest = np.vstack([self._rest, pending])
        others = Mixture(self._encoding, rest, _fading(len(rest)))
        rows = self._encoding.gather(lambda count: self._likely.sample(count, random), self._candidates, tries=10)
        rows = self._encoding.canonical(rows)
        rows = rows[[key not in used for key in self._encoding.keys(rows)]]
        if len(rows) == 0:
            rows = untried(self._encoding, used, self._candidates, random)
        if len(rows) == 0:
            return None
        ratio = self._likely.log_density(rows) - others.log_density(rows)
        if self._works is not None:
            caution = self._works.caution(features(self._encoding, pending))
            ratio += self._works.log_weight(features(self._encoding, rows), caution)
        if self._costs is not None:
            ratio -= self._costs.log_weight(features(self._encoding, rows))
        return Proposal(rows[int(np.argmax(ratio))], self._why)


def split(evidence: Evidence, share: float) -> tuple[Floats, Floats]:
    """The rows of the good results and of the other ones, each in the order of their numbers."""
    n = len(evidence.told)
    best = order_of_merit(evidence)[: min(math.ceil(share * n), RECENT)]
    is_good = np.isin(np.arange(n), best)
    return evidence.U[is_good], evidence.U[~is_good]


class Mixture:
    """A density over assignments: one kernel around each row, and a broad one that is the prior."""

    def __init__(self, encoding: Encoding, U: Floats, weights: Floats) -> None:
        self._encoding = encoding
        self._U = U
        self._active = encoding.active(U)
        self._log_weights = np.log(np.append(weights, 1.0) / (weights.sum() + 1.0))
        width = 0.2 * (len(U) + 1) ** (-1.0 / (encoding.dimension + 4))
        self._kernels = [_kernel(axis, max(width, NARROWEST, 1.0 / (len(U) + 100)), len(U)) for axis in encoding.axes]

    def log_density(self, V: Floats) -> Floats:
        """At canonical rows, up to a constant that is the same for all mixtures; shape `(m,)`."""
        active = self._encoding.active(V)
        terms = np.tile(self._log_weights, (len(V), 1))  # (m, n + 1): the last column is the prior's
        for j, kernel in enumerate(self._kernels):
            rows, centers = np.flatnonzero(active[:, j]), np.flatnonzero(self._active[:, j])
            if len(rows) and len(centers):
                terms[np.ix_(rows, centers)] += kernel.log_ratio(V[rows, j], self._U[centers, j])
        return np.asarray(logsumexp(terms, axis=1))

    def sample(self, count: int, random: np.random.Generator) -> Floats:
        """Rows drawn from the mixture, snapped, shape `(count, d)`; constraints may be broken."""
        chosen = random.choice(len(self._log_weights), size=count, p=np.exp(self._log_weights))
        V = random.random((count, self._encoding.dimension))
        for j, kernel in enumerate(self._kernels):
            near = np.flatnonzero((chosen < len(self._U)) & np.append(self._active[:, j], False)[chosen])
            V[near, j] = kernel.sample(self._U[chosen[near], j], random)
        return self._encoding.snap(V)


@dataclass(frozen=True, slots=True)
class _Bell:
    """A normal kernel on [0, 1], cut off at the ends."""

    width: float

    def log_ratio(self, v: Floats, centers: Floats) -> Floats:
        """Log density against the uniform prior, shape `(len(v), len(centers))`."""
        z = (v[:, None] - centers[None, :]) / self.width
        inside = ndtr((1.0 - centers) / self.width) - ndtr(-centers / self.width)
        return np.asarray(-0.5 * z**2 - math.log(self.width * math.sqrt(2.0 * math.pi)) - np.log(inside))

    def sample(self, centers: Floats, random: np.random.Generator) -> Floats:
        low, high = ndtr(-centers / self.width), ndtr((1.0 - centers) / self.width)
        u = low + (high - low) * random.random(len(centers))
        return np.asarray(np.clip(centers + self.width * ndtri(np.clip(u, 1e-300, 1 - 1e-16)), 0.0, 1.0))


@dataclass(frozen=True, slots=True)
class _Choice:
    """A kernel on choices: its own one, and a little of each of the others."""

    axis: Axis
    cells: int
    stray: float
    """The chance of any choice but by the center's own weight."""

    def log_ratio(self, v: Floats, centers: Floats) -> Floats:
        same = self.axis.index(v)[:, None] == self.axis.index(centers)[None, :]
        return np.where(same, math.log(self.cells * (1.0 - self.stray) + self.stray), math.log(self.stray))

    def sample(self, centers: Floats, random: np.random.Generator) -> Floats:
        own: Indices = self.axis.index(centers)
        strays = random.random(len(centers)) < self.stray
        return self.axis.at_index(np.where(strays, random.integers(self.cells, size=len(centers)), own))


def _kernel(axis: Axis, width: float, results: int) -> _Bell | _Choice:
    if not axis.is_ordered:
        cells = axis.cells or 1
        return _Choice(axis, cells, stray=cells / (cells + results + 1.0))
    # Narrower than half a cell, all the kernel's weight would stay in one cell.
    return _Bell(max(width, 0.5 / axis.cells) if axis.cells is not None else width)


def _fading(n: int) -> Floats:
    """Weights by age, oldest first: the latest `RECENT` count 1, those before fade to 1 / n."""
    if n <= RECENT:
        return np.ones(n)
    return np.concatenate([np.linspace(1.0 / n, 1.0, n - RECENT), np.ones(RECENT)])
