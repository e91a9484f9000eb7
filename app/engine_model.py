"""The engine's own model of a study, for the analyst: it brings together what search and analysis must not know."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from app.analysis.model import Expected
from app.analysis.progress import Z_90
from app.analysis.question import Floats, Question
from app.search.bayes.beliefs import MOST_RESULTS
from app.search.bayes.surface import Surface
from app.search.engine import History, Observation
from studyhall.trial import TrialState
from studyhall.words import Parameters

_RESULTS: Final = ("completed", "pruned")
_PENDING: Final = ("waiting", "running")


class EngineModel:
    """What the `bayes` engine believes of the objective asked about; see `app.analysis.model.Model`."""

    method = "model"

    def __init__(self, question: Question) -> None:
        self._surface = Surface(question.space, history_of(question))
        self._sign = 1.0 if question.objective.goal == "minimize" else -1.0
        self.explained = self._surface.explained
        self.noise: float | None = self._surface.noise

    def averages(self, background: Sequence[Parameters], places: Mapping[str, Floats]) -> Expected:
        """See `app.analysis.model.Model`, as for all here."""
        U = self._surface.along(self._surface.rows(background), places)
        return self._expected(*self._surface.averages(U))

    def courses(self, background: Sequence[Parameters], places: Mapping[str, Floats]) -> Expected:
        U = self._surface.along(self._surface.rows(background), places)  # (grid, b, d)
        mean, deviation = self._surface.points(U.reshape(-1, U.shape[2]))
        return self._expected(mean.reshape(U.shape[:2]).T, deviation.reshape(U.shape[:2]).T)

    def points(self, assignments: Sequence[Parameters]) -> Expected:
        return self._expected(*self._surface.points(self._surface.rows(assignments)))

    def _expected(self, loss: Floats, deviation: Floats) -> Expected:
        mean = self._sign * loss
        reach = np.minimum(Z_90 * deviation, 1e308 - np.abs(mean))  # stays finite, whatever was reported
        return Expected(mean, mean - reach, mean + reach)


def history_of(question: Question) -> History:
    """The trials read, as an engine may see them, with the objective asked about only."""
    trials, metric = question.trials, question.objective.metric
    curves = _curves(question)
    rows = [
        row
        for row, state in enumerate(trials.state)
        if state in _PENDING or (state in _RESULTS and metric in trials.metrics[row])
    ]
    seen = [
        Observation(
            trials.number[row],
            TrialState(trials.state[row]),
            trials.parameters[row],
            (trials.metrics[row][metric],) if trials.state[row] in _RESULTS else None,
            curve=tuple(curves.get(trials.number[row], ())),
        )
        for row in _enough(question, rows)
    ]
    return History(objectives=(question.objective,), observations=tuple(seen))


def _curves(question: Question) -> dict[int, list[tuple[int, float]]]:
    """(step, value) by number, from which the engine foretells how trials that were stopped early would have ended."""
    found: dict[int, list[tuple[int, float]]] = defaultdict(list)
    told = question.curves
    if told:
        for number, step, value in zip(told["number"], told["step"], told["value"], strict=True):
            found[number].append((step, value))
    return found


def _enough(question: Question, rows: list[int]) -> list[int]:
    """Of more rows than its model sees those that the engine would choose; to read the others would only take time."""
    if len(rows) <= MOST_RESULTS:
        return rows
    trials, metric, sign = (
        question.trials,
        question.objective.metric,
        1 if question.objective.goal == "minimize" else -1,
    )
    told = [row for row in rows if trials.state[row] in _RESULTS]
    by_value = sorted(told, key=lambda row: (trials.state[row] != "completed", sign * trials.metrics[row][metric]))
    best = set(by_value[: MOST_RESULTS // 2])
    latest = [row for row in told if row not in best][-MOST_RESULTS // 2 :]
    return sorted({*best, *latest, *(row for row in rows if trials.state[row] in _PENDING)})
