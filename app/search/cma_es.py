"""The `cma_es` engine: covariance matrix adaptation from the `cmaes` library, categories and integers included.

The library's CatCMA with margin (Hamano et al. 2025) keeps a normal distribution over ordered parameters and one over
the choices of each categorical, and moves both towards good results. Here it is rebuilt from the history every time:
results, in the order of their numbers, are its generations. Several objectives are told as ranks: it only compares.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from cmaes import CatCMAwM

from app.search.axes import Axis, Floats
from app.search.encoding import Encoding, encoding_of
from app.search.engine import History, Suggestion
from app.search.evidence import Evidence, evidence_of
from app.search.options import CmaEsOptions
from app.search.pareto import order_of_merit
from app.search.start import initial, start_trials
from app.search.turns import Proposal, take_turns
from studyhall.space import Space

MOST_LEVELS: Final = 64
"""Ordered parameters with more values than this are searched as if they were continuous."""
ATTEMPTS: Final = 50


def suggest(
    space: Space, history: History, count: int, *, options: CmaEsOptions, seed: int, number: int
) -> list[Suggestion]:
    """An even start, then draws from the distribution that the history has shaped."""
    evidence = evidence_of(encoding_of(space), history)
    start = start_trials(evidence, options.start)
    if evidence.started < start or len(evidence.told) < 2:
        return initial(evidence, count, seed=seed, number=number, name="cma_es")
    if evidence.encoding.dimension == 0:
        return []
    strategy = Strategy(evidence, start, options, seed)
    return take_turns(evidence, lambda _: strategy, count, seed=seed, number=number)


class Strategy:
    """Proposes draws from the distribution of one history."""

    def __init__(self, evidence: Evidence, start: int, options: CmaEsOptions, seed: int) -> None:
        self._encoding = evidence.encoding
        self._layout = _Layout(evidence.encoding)
        self._cma, self._restarts = _replay(evidence, self._layout, start, options, seed)

    def propose(self, pending: Floats, used: set[bytes], random: np.random.Generator) -> Proposal | None:
        """The first draw that is new and breaks no constraint."""
        self._cma.reseed_rng(int(random.integers(2**31)))
        rows = self._encoding.canonical(np.array([self._layout.row(self._cma.ask()) for _ in range(ATTEMPTS)]))
        for row, key, fits in zip(rows, self._encoding.keys(rows), self._encoding.is_feasible(rows), strict=True):
            if fits and key not in used:
                return Proposal(row, f"cma_es: generation {self._cma.generation}, restart {self._restarts}")
        return None


class _Layout:
    """Which columns of a row are continuous, stepped or choices for the library, and the way there and back."""

    def __init__(self, encoding: Encoding) -> None:
        kinds = [_kind(axis) for axis in encoding.axes]
        self._axes = encoding.axes
        self.continuous, self.stepped, self.choices = (
            [j for j, kind in enumerate(kinds) if kind == wanted] for wanted in ("continuous", "stepped", "choice")
        )

    def strategy(self, mean: Floats, sigma: float, population: int | None) -> CatCMAwM:
        """A new strategy around a row."""
        ordered = [*self.continuous, *self.stepped]
        return CatCMAwM(
            x_space=[[0.0, 1.0]] * len(self.continuous) or None,
            z_space=[self._levels(j).tolist() for j in self.stepped] or None,
            c_space=[self._axes[j].cells or 1 for j in self.choices] or None,
            population_size=population,
            mean=mean[ordered] if ordered else None,
            sigma=sigma,
            cov=np.eye(len(ordered)) if ordered else None,
            seed=0,
        )

    def solution(self, row: Floats) -> CatCMAwM.Solution:
        """A row as the library would have asked for it."""
        chosen = [np.eye(self._axes[j].cells or 1, dtype=bool)[self._axes[j].index(row[[j]])[0]] for j in self.choices]
        widest = max((len(one_hot) for one_hot in chosen), default=0)
        padded = [np.pad(one_hot, (0, widest - len(one_hot))) for one_hot in chosen]
        return CatCMAwM.Solution(
            row[self.continuous], row[self.stepped], np.array(padded), row[[*self.continuous, *self.stepped]]
        )

    def row(self, solution: CatCMAwM.Solution) -> Floats:
        """A solution as a row."""
        found = np.empty(len(self._axes))
        if self.continuous:
            found[self.continuous] = solution.x
        if self.stepped:
            found[self.stepped] = solution.z
        if self.choices:
            for j, one_hot in zip(self.choices, np.asarray(solution.c), strict=True):
                found[j] = self._axes[j].at_index(np.array([int(np.argmax(one_hot))]))[0]
        return found

    def _levels(self, j: int) -> Floats:
        return self._axes[j].at_index(np.arange(self._axes[j].cells or 0))


def _kind(axis: Axis) -> str:
    if not axis.is_ordered or axis.cells == 2:
        return "choice"
    return "continuous" if axis.cells is None or axis.cells > MOST_LEVELS else "stepped"


def _replay(evidence: Evidence, layout: _Layout, start: int, options: CmaEsOptions, seed: int) -> tuple[CatCMAwM, int]:
    """Tells the strategy all whole generations of the history; where it has converged, it restarts, twice as large.

    Source: Auger & Hansen 2005 (IPOP-CMA-ES).
    """
    numbers, rows, losses = _ranked(evidence)
    best = int(np.argmin(losses[:start]))
    strategy, restarts = layout.strategy(rows[best], options.sigma, options.population), 0
    generation: list[tuple[CatCMAwM.Solution, float]] = []
    for i in range(start, len(numbers)):
        generation.append((layout.solution(rows[i]), float(losses[i])))
        if len(generation) < strategy.population_size:
            continue
        strategy.tell(generation)
        generation = []
        if _has_converged(strategy, layout):
            restarts += 1
            anew = np.asarray(np.random.default_rng([seed, restarts]).random(rows.shape[1]))
            strategy = layout.strategy(anew, options.sigma, 2 * strategy.population_size)
    return strategy, restarts


def _ranked(evidence: Evidence) -> tuple[Sequence[int], Floats, Floats]:
    """Numbers, rows and ranks of all trials that ended, by number; failed ones come last, in their order.

    No rank is shared: the library measures its penalties by the middle half of a generation's ranks, which must differ.
    """
    ranks = np.empty(len(evidence.told))
    ranks[order_of_merit(evidence)] = np.arange(len(evidence.told))
    numbers = np.array([*(o.number for o in evidence.told), *evidence.failed_numbers])
    rows = np.vstack([evidence.U, evidence.failed])
    losses = np.concatenate([ranks, np.arange(len(ranks), len(numbers), dtype=np.float64)])
    order = np.argsort(numbers, kind="stable")
    return numbers[order].tolist(), rows[order], losses[order]


def _has_converged(strategy: CatCMAwM, layout: _Layout) -> bool:
    return bool(layout.continuous) and strategy.should_stop()
