"""The `neural` engine: a deep ensemble that learns to predict a trial's score, and searches the space by mutation.

White, Neiswanger and Savani 2021 (BANANAS), sections 3 and 4: networks on a flat one-hot encoding, independent Thompson
sampling, candidates that are small mutations of the best. One-hot with a mark for what is inactive: on the tables we
measured, path encodings were no better. Batches need no tricks: every pick is an own draw from the posterior.

All networks of the ensemble train at once, as one batched product in numpy: for a few hundred results and 5 networks
of two layers that is faster than torch, and the engine process stays free of it.

    X    features of results               (n, f)
    t    standardised losses               (n,)
    W    weights of a layer, per network   (networks, in, out)
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from app.search.axes import Floats, Indices
from app.search.encoding import Encoding, encoding_of
from app.search.engine import History, Suggestion
from app.search.evidence import Evidence, Standard, chebyshev, evidence_of, standardized
from app.search.moves import neighbours
from app.search.options import NeuralOptions
from app.search.pareto import order_of_merit
from app.search.start import initial, untried
from app.search.turns import Proposal, take_turns
from studyhall.space import Space

NETWORKS: Final = 5
HIDDEN: Final = 64
STEPS: Final = 200
RATE: Final = 0.01
DECAY: Final = 1e-3
PARENTS: Final = 20
CHILDREN: Final = 10
FEW: Final = 12
"""Up to so many values in order are one-hot."""
WIDEST: Final = 1000
"""Choices are one-hot while all parameters together have no more columns than this; a fit would take too long."""
STALL: Final = 40
"""After so many results without a better one the pool is drawn from everywhere, not from the best."""


def suggest(
    space: Space, history: History, count: int, *, options: NeuralOptions, seed: int, number: int
) -> list[Suggestion]:
    """A random start, then what the ensemble believes in, with a share of random points for ever."""
    evidence = evidence_of(encoding_of(space), history)
    if evidence.started < options.start or len(evidence.told) < 3 or evidence.encoding.dimension == 0:
        return initial(evidence, count, seed=seed, number=number, name="neural")
    neural = Neural(evidence, options, seed=seed, number=number)
    return take_turns(evidence, lambda _: neural, count, seed=seed, number=number)


class Neural:
    """Proposes by Thompson sampling over a pool of mutants; fitted once for a whole batch."""

    def __init__(self, evidence: Evidence, options: NeuralOptions, *, seed: int, number: int) -> None:
        self._evidence, self._options = evidence, options
        self._encoding = evidence.encoding
        random = np.random.default_rng([seed, number, 1])
        self._rows = self._pool(random)
        features = _features(self._encoding, np.vstack([evidence.U, self._rows]))
        targets = _targets(evidence, random)
        n = len(evidence.U)
        predicted = fit(features[:n], targets, random).predict(features[n:])  # (networks, pool)
        self._mean, self._deviation = predicted.mean(axis=0), predicted.std(axis=0)
        self._keys = self._encoding.keys(self._rows)

    def propose(self, pending: Floats, used: set[bytes], random: np.random.Generator) -> Proposal | None:
        """The pool's best by a draw from the posterior; now and then a point that no model has chosen."""
        if random.random() < self._options.random_share:
            rows = untried(self._encoding, used, 1, random)
            return Proposal(rows[0], "neural: a random point, so that no corner stays unseen") if len(rows) else None
        drawn = self._mean + self._deviation * random.standard_normal(len(self._mean))
        for i in np.argsort(drawn):
            if self._keys[i] not in used:
                why = f"neural: best of {len(drawn)} candidates by a draw from {NETWORKS} networks"
                return Proposal(self._rows[i], why)
        return None

    def _pool(self, random: np.random.Generator) -> Floats:
        """Mutants of the best results, and random rows: `(m, d)`, feasible, each network once."""
        order = order_of_merit(self._evidence)
        if _is_stalled(order):
            order = random.permutation(order)
        best = self._evidence.U[order[:PARENTS]]
        parents = np.repeat(best, CHILDREN, axis=0)
        mutants = neighbours(self._encoding, parents, np.full((len(parents), 1), 0.15), random)
        mutants = mutants[self._encoding.is_feasible(mutants)]
        rows = np.vstack([mutants, self._encoding.sample(random, self._options.pool, tries=4)])
        return np.unique(self._encoding.canonical(rows), axis=0)


def _is_stalled(order: Indices) -> bool:
    """Whether the best result is old; between stalls the search goes back to the best."""
    since = len(order) - 1 - int(order[0])
    return since > 0 and since % (2 * STALL) >= STALL


def _targets(evidence: Evidence, random: np.random.Generator) -> Floats:
    """Standardised losses; of several objectives, weighed by chance; what broke a constraint is as bad as the worst."""
    losses = evidence.final_losses
    if losses.shape[1] == 1:
        loss = losses[:, 0]
    else:
        z = np.column_stack([standardized(column) for column in losses.T])
        loss = chebyshev(z, random.dirichlet(np.ones(z.shape[1])))
    if not evidence.is_allowed.all():
        loss = np.where(evidence.is_allowed, loss, loss.max())
    return Standard(loss, squash=True).z


def _features(encoding: Encoding, rows: Floats) -> Floats:
    """One-hot of choices, and of ordered values where they are few: scores need not be smooth; else the place."""
    active, most = encoding.active(rows), max(FEW, WIDEST // len(encoding.axes))
    blocks = []
    for j, axis in enumerate(encoding.axes):
        if axis.cells is not None and axis.cells <= (FEW if axis.is_ordered else most):
            block = np.zeros((len(rows), axis.cells))
            block[np.arange(len(rows)), axis.index(rows[:, j])] = 1.0
        else:
            block = np.column_stack([np.ones(len(rows)), 2.0 * rows[:, j] - 1.0])
        blocks.append(block * active[:, j, None])
    return np.hstack(blocks)


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Networks of two hidden layers, all of one size."""

    weights: tuple[Floats, Floats, Floats]
    biases: tuple[Floats, Floats, Floats]

    def predict(self, X: Floats) -> Floats:
        """What each network says of each row, `(networks, m)`."""
        h = np.broadcast_to(X, (NETWORKS, *X.shape))
        for W, b in zip(self.weights[:2], self.biases[:2], strict=True):
            h = np.maximum(h @ W + b, 0.0)
        return np.asarray((h @ self.weights[2] + self.biases[2])[:, :, 0])


def fit(X: Floats, t: Floats, random: np.random.Generator) -> Ensemble:
    """Trains the ensemble by Adam on all rows at once, each network on a resample of its own."""
    n, f = X.shape
    parameters = _start(f, random)
    shares = random.multinomial(n, np.full(n, 1 / n), size=NETWORKS) * 0.5 + 0.5  # (networks, n): half bootstrap
    shares = (shares / shares.sum(axis=1, keepdims=True))[:, :, None]
    target = t[None, :, None]
    X = np.broadcast_to(X.astype(np.float32), (NETWORKS, n, f))
    first = [np.zeros_like(p) for p in parameters]
    second = [np.zeros_like(p) for p in parameters]
    for step in range(1, STEPS + 1):
        gradients = _gradients(X, target, shares, parameters)
        rate = RATE * min(1.0, 2.0 * (1.0 - step / (STEPS + 1)))
        for p, g, m, v in zip(parameters, gradients, first, second, strict=True):
            m += 0.1 * (g - m)
            v += 0.01 * (g * g - v)
            p -= rate * (m / (1 - 0.9**step) / (np.sqrt(v / (1 - 0.99**step)) + 1e-8) + DECAY * p)
    W1, b1, W2, b2, W3, b3 = parameters
    return Ensemble((W1, W2, W3), (b1, b2, b3))


def _start(features: int, random: np.random.Generator) -> list[Floats]:
    found: list[Floats] = []
    for before, after in ((features, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, 1)):
        scale = np.sqrt(2.0 / before)
        found.append((scale * random.standard_normal((NETWORKS, before, after))).astype(np.float32))
        found.append(np.zeros((NETWORKS, 1, after), dtype=np.float32))
    return found


def _gradients(X: Floats, target: Floats, shares: Floats, parameters: list[Floats]) -> list[Floats]:
    """Of the mean squared error, by hand: three layers do not need a library for derivatives."""
    W1, b1, W2, b2, W3, b3 = parameters
    h1 = np.maximum(X @ W1 + b1, 0.0)
    h2 = np.maximum(h1 @ W2 + b2, 0.0)
    error = ((h2 @ W3 + b3 - target) * (2.0 * shares)).astype(np.float32)  # (networks, n, 1)
    back2 = (error @ W3.transpose(0, 2, 1)) * (h2 > 0)
    back1 = (back2 @ W2.transpose(0, 2, 1)) * (h1 > 0)
    return [
        X.transpose(0, 2, 1) @ back1, back1.sum(axis=1, keepdims=True),
        h1.transpose(0, 2, 1) @ back2, back2.sum(axis=1, keepdims=True),
        h2.transpose(0, 2, 1) @ error, error.sum(axis=1, keepdims=True),
    ]  # fmt: skip
