"""The `reinforce` engine: a recurrent controller writes assignments and learns by policy gradient which are good.

Zoph and Le 2017, section 3. It has no state of its own: the controller is taught anew with every batch, from the
history in its order. It learns more slowly than the other engines on every table that was measured; it is here because
it is the plain form of an old wish, a network that writes networks.
"""

from typing import Final

import numpy as np

from app.search.axes import Floats, Indices, Truths
from app.search.controller import Controller
from app.search.encoding import Encoding, encoding_of
from app.search.engine import History, Suggestion
from app.search.evidence import Evidence, Standard, chebyshev, evidence_of, standardized
from app.search.options import ReinforceOptions
from app.search.start import initial
from app.search.turns import Proposal, take_turns
from studyhall.space import Space

MOST_CELLS: Final = 32
BINS: Final = 8
"""A continuum, or an integer of many values, is decided in so many equal parts, and anywhere in one."""
LATEST: Final = 200
LESSON: Final = 10
PASSES: Final = 3
WRITTEN: Final = 64
WIDEST: Final = 120
"""Beyond so many decisions a lesson takes too long; the controller then learns from fewer results."""


def suggest(
    space: Space, history: History, count: int, *, options: ReinforceOptions, seed: int, number: int
) -> list[Suggestion]:
    """An even start, then what the controller writes."""
    evidence = evidence_of(encoding_of(space), history)
    if evidence.started < options.start or len(evidence.told) < 3 or evidence.encoding.dimension == 0:
        return initial(evidence, count, seed=seed, number=number, name="reinforce")
    author = Author(evidence, np.random.default_rng([seed, number, 2]))
    return take_turns(evidence, lambda _: author, count, seed=seed, number=number)


class Author:
    """A controller taught by a history, and a sheet of what it writes."""

    def __init__(self, evidence: Evidence, random: np.random.Generator) -> None:
        self._encoding = evidence.encoding
        self._order = _order_of_decisions(self._encoding)
        self._cells = tuple(_cells(self._encoding, j) for j in self._order)
        controller = Controller.new(self._cells, random)
        self._teach(controller, evidence, random)
        rows = self._write(controller, random)
        self._rows = rows[self._encoding.is_feasible(rows)]
        self._keys = self._encoding.keys(self._rows)

    def propose(self, pending: Floats, used: set[bytes], random: np.random.Generator) -> Proposal | None:
        """The first thing written that nobody has tried."""
        for row, key in zip(self._rows, self._keys, strict=True):
            if key not in used:
                return Proposal(row, "reinforce: written by the controller")
        return None

    def _teach(self, controller: Controller, evidence: Evidence, random: np.random.Generator) -> None:
        latest = LATEST if len(self._order) <= WIDEST else LATEST // 5
        reward = _rewards(evidence, random)[-latest:]
        U = evidence.U[-latest:]
        k, a = self._chosen(U), self._encoding.active(U)[:, self._order]
        for _ in range(PASSES):
            for at in range(0, len(U), LESSON):
                lesson = slice(at, at + LESSON)
                controller.learn(k[lesson], a[lesson], reward[lesson])

    def _chosen(self, U: Floats) -> Indices:
        found = [
            np.minimum((U[:, j] * cells).astype(np.int64), cells - 1)
            if cells != self._encoding.axes[j].cells
            else self._encoding.axes[j].index(U[:, j])
            for j, cells in zip(self._order, self._cells, strict=True)
        ]
        return np.column_stack(found)

    def _write(self, controller: Controller, random: np.random.Generator) -> Floats:
        U = np.full((WRITTEN, self._encoding.dimension), 0.5)
        token, h, c = controller.begin(WRITTEN)
        for at, (j, cells) in enumerate(zip(self._order, self._cells, strict=True)):
            step = controller.step(at, token, h, c)
            chosen = (step.p.cumsum(axis=1) < random.random((WRITTEN, 1))).sum(axis=1).clip(max=cells - 1)
            axis = self._encoding.axes[j]
            inside = axis.at_index(chosen) if cells == axis.cells else (chosen + random.random(WRITTEN)) / cells
            active: Truths = self._encoding.active(U)[:, j]
            U[:, j] = np.where(active, inside, U[:, j])
            token, h, c = controller.after(at, step, chosen, active)
        return self._encoding.canonical(U)


def _order_of_decisions(encoding: Encoding) -> list[int]:
    """Columns such that whether one is active is known when its turn comes."""
    place = {parameter.name: at for at, parameter in enumerate(encoding.space.order)}
    columns = [
        (place[p.name], j) for p, s in zip(encoding.free, encoding.columns, strict=True) for j in range(s.start, s.stop)
    ]
    return [j for _, j in sorted(columns)]


def _cells(encoding: Encoding, j: int) -> int:
    cells = encoding.axes[j].cells
    return BINS if cells is None or cells > MOST_CELLS else cells


def _rewards(evidence: Evidence, random: np.random.Generator) -> Floats:
    """Better than the middle is positive, in deviations, at most 2; of several objectives, weighed by chance."""
    losses = evidence.final_losses
    if losses.shape[1] == 1:
        loss = losses[:, 0]
    else:
        z = np.column_stack([standardized(column) for column in losses.T])
        loss = chebyshev(z, random.dirichlet(np.ones(z.shape[1])))
    loss = np.where(evidence.is_allowed, loss, loss.max())
    return np.clip(-Standard(loss).z, -0.5, 2.0)
