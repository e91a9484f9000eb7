"""A random forest of a study: what value it expects where, and how sure it is.

Rows are places in the unit cube, shape `(n, d)`; values are losses, smaller is better.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from app.analysis.model import Expected
from app.analysis.question import SEED, Floats, Question, fenced, spread
from studyhall.words import Parameters

TREES: Final = 64
MOST_MODELLED: Final = 2500
"""A forest learns from at most this many trials; more cost seconds and hardly change it."""
DECOMPOSED: Final = 32
"""Trees that fANOVA takes apart: half a forest gives the same shares in half the time."""
MOST_AT_A_SPLIT: Final = 48
"""Features that are tried at one split: architectures have hundreds."""


@dataclass(frozen=True, slots=True)
class Forest:
    """A fitted forest."""

    trees: list[Any]
    explained: float
    """The share of variance it explains of trials that it has not seen (out of bag); below zero: none."""

    def each(self, places: Floats) -> Floats:
        """What every tree predicts, shape `(trees, n)`."""
        X = np.ascontiguousarray(places, dtype=np.float32)
        return np.array([tree.tree_.predict(X)[:, 0] for tree in self.trees])


class ForestModel:
    """A forest as a model of the objective asked about: nine tenths of its trees lie between `low` and `high`."""

    method = "forest"
    noise: float | None = None

    def __init__(self, question: Question) -> None:
        self._question = question
        rows = question.completed[spread(len(question.completed), MOST_MODELLED)]
        self._forest = fit(question.places(rows), question.losses(rows))
        self.explained = self._forest.explained

    def averages(self, background: Sequence[Parameters], places: Mapping[str, Floats]) -> Expected:
        """See `app.analysis.model.Model`, as for all here."""
        return self._expected(self._along(background, places).mean(axis=2))

    def courses(self, background: Sequence[Parameters], places: Mapping[str, Floats]) -> Expected:
        return self._expected(self._along(background, places).transpose(0, 2, 1))

    def points(self, assignments: Sequence[Parameters]) -> Expected:
        return self._expected(self._forest.each(self._question.places_of(assignments)))

    def _along(self, background: Sequence[Parameters], places: Mapping[str, Floats]) -> Floats:
        """What each tree expects, shape `(trees, grid, b)`."""
        seen = self._question.places_of(background)
        grid = len(next(iter(places.values())))
        rows = np.tile(seen, (grid, 1))
        for j, parameter in enumerate(self._question.free):
            if parameter.name in places:
                rows[:, j] = np.repeat(places[parameter.name], len(seen))
        return self._forest.each(rows).reshape(-1, grid, len(seen))

    def _expected(self, by_tree: Floats) -> Expected:
        told = by_tree if self._question.objective.goal == "minimize" else -by_tree
        low, high = np.quantile(told, [0.05, 0.95], axis=0)
        return Expected(told.mean(axis=0), low, high)


def fit(places: Floats, losses: Floats) -> Forest:
    """Fits a forest to trials.

    Source: Breiman 2001; the settings follow Hutter et al. 2014 (many deep trees, most features at each split).
    """
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(
        n_estimators=TREES,
        min_samples_leaf=1 if len(losses) < 200 else 3,
        max_features=min(0.8, MOST_AT_A_SPLIT / places.shape[1]),
        bootstrap=True,
        random_state=SEED % 2**31,
        n_jobs=1,
    ).fit(places, fenced(losses))
    return Forest(list(forest.estimators_), _out_of_bag(forest, places, fenced(losses)))


def needed_for(question: Question) -> int:
    """How many trials a forest of this study takes: 20, or three for each parameter."""
    return max(20, 3 * len(question.free))


def _out_of_bag(forest: Any, places: Floats, losses: Floats) -> float:
    """R² of each trial as told by the trees that did not learn from it; by hand, since scikit-learn's own warns."""
    total = np.zeros(len(losses))
    count = np.zeros(len(losses))
    X = np.ascontiguousarray(places, dtype=np.float32)
    for tree, learned in zip(forest.estimators_, forest.estimators_samples_, strict=True):
        unseen = np.ones(len(losses), dtype=bool)
        unseen[learned] = False
        total[unseen] += tree.tree_.predict(X[unseen])[:, 0]
        count[unseen] += 1
    seen = count > 0
    if seen.sum() < 3 or losses[seen].var() == 0:
        return 0.0
    errors = losses[seen] - total[seen] / count[seen]
    return float(1 - (errors**2).mean() / losses[seen].var())
