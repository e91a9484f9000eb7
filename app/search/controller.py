"""A recurrent controller that writes assignments decision by decision, and its policy gradient, in numpy.

An LSTM (Hochreiter and Schmidhuber 1997) reads the decision before and emits a distribution over the values of the
next one. Where a decision is inactive nothing happens: no input, no step, no term in the gradient.

    k       chosen cell of each decision             (m, d)
    a       which decisions are active               (m, d)
    h, c    hidden state and cell of the LSTM        (m, HIDDEN)
    p       probabilities of a decision's cells      (m, cells)
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from app.search.axes import Floats, Indices, Truths

HIDDEN: Final = 24
ENTROPY: Final = 0.02
RATE: Final = 0.02

Weights = dict[str, Floats]


@dataclass(slots=True)
class _Step:
    """What the way back needs of one decision."""

    token: Indices
    before: tuple[Floats, Floats]
    gates: tuple[Floats, Floats, Floats, Floats]
    cell: Floats
    h: Floats
    p: Floats


@dataclass(slots=True)
class Controller:
    """A policy over assignments of `cells[j]` values for decision j."""

    cells: tuple[int, ...]
    weights: Weights
    _first: Weights = field(default_factory=dict)
    _second: Weights = field(default_factory=dict)
    _steps: int = 0

    @classmethod
    def new(cls, cells: tuple[int, ...], random: np.random.Generator) -> "Controller":
        """An untaught one: nearly uniform."""
        tokens = sum(cells) + 1  # the last one stands for the beginning
        shapes = {"E": (tokens, HIDDEN), "Wx": (HIDDEN, 4 * HIDDEN), "Wh": (HIDDEN, 4 * HIDDEN), "Wo": (tokens, HIDDEN)}
        weights = {name: 0.1 * random.standard_normal(shape) for name, shape in shapes.items()}
        return cls(cells, weights | {"b": np.zeros(4 * HIDDEN), "bo": np.zeros(tokens)})

    def begin(self, rows: int) -> tuple[Indices, Floats, Floats]:
        """The token before the first decision, and the state there."""
        return np.full(rows, sum(self.cells)), np.zeros((rows, HIDDEN)), np.zeros((rows, HIDDEN))

    def step(self, j: int, token: Indices, h: Floats, c: Floats) -> _Step:
        """Decision j: the state after it and the distribution of its values."""
        w = self.weights
        z = w["E"][token] @ w["Wx"] + h @ w["Wh"] + w["b"]
        i, f, o = (_sigmoid(z[:, s * HIDDEN : (s + 1) * HIDDEN]) for s in range(3))
        g = np.tanh(z[:, 3 * HIDDEN :])
        cell = f * c + i * g
        after = o * np.tanh(cell)
        mine = self._slice(j)
        logits = after @ w["Wo"][mine].T + w["bo"][mine]
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        return _Step(token, (h, c), (i, f, o, g), cell, after, p / p.sum(axis=1, keepdims=True))

    def after(self, j: int, done: _Step, chosen: Indices, active: Truths) -> tuple[Indices, Floats, Floats]:
        """The token and state that decision j leaves; those of before where it is inactive."""
        here = active[:, None]
        token = np.where(active, self._slice(j).start + chosen, done.token)
        return token, np.where(here, done.h, done.before[0]), np.where(here, done.cell, done.before[1])

    def loss(self, k: Indices, a: Truths, advantage: Floats) -> float:
        """What `learn` descends: minus advantage times log-likelihood, minus the entropy's share; a mean over rows."""
        return self._loss(self._forward(k, a), k, a, advantage)

    def gradient(self, k: Indices, a: Truths, advantage: Floats) -> Weights:
        """Of the loss, back through the decisions. Source: Williams 1992, eq. 5, with a baseline in the advantage."""
        found = {name: np.zeros_like(value) for name, value in self.weights.items()}
        steps = self._forward(k, a)
        dh, dc = np.zeros((len(k), HIDDEN)), np.zeros((len(k), HIDDEN))
        for j in range(len(self.cells) - 1, -1, -1):
            here = a[:, j, None].astype(np.float64)
            from_here = self._output_gradient(found, steps[j], k[:, j], a[:, j], advantage, self._slice(j))
            below_h, below_c = self._cell_gradient(found, steps[j], here * (dh + from_here), here * dc)
            dh, dc = (1 - here) * dh + below_h, (1 - here) * dc + below_c
        return found

    def learn(self, k: Indices, a: Truths, advantage: Floats) -> None:
        """One step of Adam."""
        self._steps += 1
        for name, g in self.gradient(k, a, advantage).items():
            m = self._first[name] = 0.9 * self._first.get(name, 0.0) + 0.1 * g
            v = self._second[name] = 0.99 * self._second.get(name, 0.0) + 0.01 * g * g
            unbiased = np.sqrt(v / (1 - 0.99**self._steps)) + 1e-8
            self.weights[name] = self.weights[name] - RATE * m / (1 - 0.9**self._steps) / unbiased

    def _slice(self, j: int) -> slice:
        start = sum(self.cells[:j])
        return slice(start, start + self.cells[j])

    def _forward(self, k: Indices, a: Truths) -> list[_Step]:
        token, h, c = self.begin(len(k))
        steps = []
        for j in range(len(self.cells)):
            steps.append(self.step(j, token, h, c))
            token, h, c = self.after(j, steps[-1], k[:, j], a[:, j])
        return steps

    def _loss(self, steps: list[_Step], k: Indices, a: Truths, advantage: Floats) -> float:
        total = 0.0
        for j, step in enumerate(steps):
            logs = np.log(step.p + 1e-12)
            term = -advantage * logs[np.arange(len(k)), k[:, j]] + ENTROPY * (step.p * logs).sum(axis=1)
            total += float((term * a[:, j]).sum())
        return total / len(k)

    def _output_gradient(
        self, found: Weights, step: _Step, k: Indices, a: Truths, advantage: Floats, mine: slice
    ) -> Floats:
        p = step.p
        logs = np.log(p + 1e-12)
        chosen = np.zeros_like(p)
        chosen[np.arange(len(k)), k] = 1.0
        d = advantage[:, None] * (p - chosen) + ENTROPY * p * (logs - (p * logs).sum(axis=1, keepdims=True))
        d *= a[:, None] / len(k)
        found["Wo"][mine] += d.T @ step.h
        found["bo"][mine] += d.sum(axis=0)
        return np.asarray(d @ self.weights["Wo"][mine])

    def _cell_gradient(self, found: Weights, step: _Step, dh: Floats, dc: Floats) -> tuple[Floats, Floats]:
        i, f, o, g = step.gates
        h, c = step.before
        squashed = np.tanh(step.cell)
        dc = dc + dh * o * (1 - squashed**2)
        dz = np.hstack([dc * g * i * (1 - i), dc * c * f * (1 - f), dh * squashed * o * (1 - o), dc * i * (1 - g**2)])
        found["Wx"] += self.weights["E"][step.token].T @ dz
        found["Wh"] += h.T @ dz
        found["b"] += dz.sum(axis=0)
        np.add.at(found["E"], step.token, dz @ self.weights["Wx"].T)
        return np.asarray(dz @ self.weights["Wh"].T), np.asarray(dc * f)


def _sigmoid(z: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(z, -30, 30))))
