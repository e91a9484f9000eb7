"""One objective as the `bayes` engine believes it to be, for analyses: averages over a background, and single points.

Of the engine's views those that take results as they are: an average of pressed values is not a pressed average.

    U    rows of places                     (m, d)
    X    features of groups of rows         (g, b, w)
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from app.search.axes import Floats
from app.search.bayes.beliefs import VIEWS, Belief, beliefs_of
from app.search.encoding import encoding_of
from app.search.engine import History
from app.search.evidence import evidence_of
from app.search.likeness import features
from studyhall.space import Space
from studyhall.words import Parameters

MOST_AT_ONCE: Final = 4000
"""Points whose covariances with a thousand results are held in memory together: 32 MB."""


class Surface:
    """What is believed of losses over a space.

    Args:
        history: of one objective, with at least one result.
    """

    def __init__(self, space: Space, history: History) -> None:
        self._encoding = encoding_of(space)
        evidence = evidence_of(self._encoding, history)
        views = [beliefs_of(evidence, view) for view in VIEWS if not view.squash]
        self._beliefs: list[Belief] = [beliefs.objectives[0] for beliefs in views]
        self.results = len(evidence.told)
        """How many results it learnt from, or chose from when they are very many."""

    @property
    def explained(self) -> float:
        """The share of the results' variance that the others foretell (leave one out)."""
        return float(np.mean([belief.posterior.skill() for belief in self._beliefs]))

    @property
    def noise(self) -> float:
        """The deviation of results around the function that the views take them for, in the units of the losses."""
        return float(np.mean([b.standard.back(0.0, math.sqrt(b.posterior.kernel.noise))[1] for b in self._beliefs]))

    def rows(self, assignments: Sequence[Parameters]) -> Floats:
        """The rows of assignments, shape `(m, d)`; those of an earlier version of the space as far as they fit."""
        placed = [(self._encoding.place(each), each) for each in assignments]
        return np.array([self._encoding.row(each) if row is None else row for row, each in placed])

    def along(self, background: Floats, places: Mapping[str, Floats]) -> Floats:
        """The background once for each grid place, with the columns of some parameters there, shape `(g, b, d)`."""
        grid = len(next(iter(places.values())))
        U = np.repeat(background[None], grid, axis=0)
        for parameter, columns in zip(self._encoding.free, self._encoding.columns, strict=True):
            if parameter.name in places:
                U[:, :, columns.start] = places[parameter.name][:, None]
        return U

    def averages(self, U: Floats) -> tuple[Floats, Floats]:
        """Mean and deviation of the average loss over each group of rows `(g, b, d)`, shape `(g,)` each.

        Source: Moosbauer et al. 2021, "Explaining Hyperparameter Optimization via Partial Dependence Plots": the
        posterior of the average with all covariances, not the mean of single deviations, which is several times wider.
        """
        groups = max(1, MOST_AT_ONCE // max(1, U.shape[1]))
        parts = [self._features(U[start : start + groups]) for start in range(0, len(U), groups)]
        return self._told([[belief.posterior.averages(X) for X in parts] for belief in self._beliefs])

    def points(self, U: Floats) -> tuple[Floats, Floats]:
        """Mean and deviation of the loss at rows `(m, d)`, shape `(m,)` each; without the noise of a result."""
        parts = [self._features(U[None, start : start + MOST_AT_ONCE])[0] for start in range(0, len(U), MOST_AT_ONCE)]
        return self._told([[belief.posterior.predict(X) for X in parts] for belief in self._beliefs])

    def _features(self, U: Floats) -> Floats:
        flat = self._encoding.canonical(U.reshape(-1, U.shape[2]))
        return features(self._encoding, flat).reshape(*U.shape[:2], -1)

    def _told(self, by_view: list[list[tuple[Floats, Floats]]]) -> tuple[Floats, Floats]:
        """The views' mixture in the units of the losses: wide where they disagree."""
        means, deviations = [], []
        for belief, parts in zip(self._beliefs, by_view, strict=True):
            mean, deviation = (np.concatenate(column) for column in zip(*parts, strict=True))
            told = [belief.standard.back(m, s) for m, s in zip(mean.tolist(), deviation.tolist(), strict=True)]
            means.append([m for m, _ in told])
            deviations.append([s for _, s in told])
        M, S = np.array(means), np.array(deviations)
        size = max(1.0, float(np.abs(M).max()), float(S.max()))  # squares of 1e308 overflow
        M, S = M / size, S / size
        spread = np.sqrt((S**2).mean(axis=0) + M.var(axis=0))
        return M.mean(axis=0) * size, np.minimum(spread, 1e308 / size) * size
