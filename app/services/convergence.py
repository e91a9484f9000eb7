"""What a suggestion promises over the best so far, and when the promises are too small to go on."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from app.search import registry
from app.search.engine import Suggestion
from app.storage.domain import definition_from
from app.storage.rows import StudyRow
from app.storage.transaction import Transaction
from studyhall.errors import FieldError, InvalidInput
from studyhall.study import Goal, Objective, StudyDefinition
from studyhall.trial import Prediction


class Promise(NamedTuple):
    """Expected improvement in its two parts. Source: Jones et al. 1998, eq. 15."""

    chance: float
    """Of any improvement."""
    by_mean: float
    """Because the model expects it to be good."""
    by_doubt: float
    """Because the model does not know."""

    @property
    def improvement(self) -> float:
        """Expected, in units of the objective; never negative."""
        return max(self.by_mean + self.by_doubt, 0.0)


def promise(mean: float, deviation: float, *, best: float, goal: Goal) -> Promise | None:
    """What a prediction promises over the best; None where that is no finite number."""
    gain = best - mean if goal == "minimize" else mean - best
    z = gain / deviation if deviation > 0 else math.copysign(math.inf, gain)
    chance = 0.5 * math.erfc(-z / math.sqrt(2.0))
    by_doubt = deviation * math.exp(-0.5 * min(z * z, 1e4)) / math.sqrt(2.0 * math.pi)
    found = Promise(chance, gain * chance, by_doubt)
    return found if all(map(math.isfinite, found)) else None


def check_convergence(definition: StudyDefinition) -> None:
    """Refuses a `min_improvement` that nothing could ever be held against.

    Raises:
        InvalidInput: several objectives, or an engine that predicts nothing.
    """
    if definition.budget.min_improvement is None:
        return
    if len(definition.objectives) > 1:
        raise _refused("needs a single objective; with several give them targets")
    if not registry.entry(definition.algorithm.name).predicts or _is_networks(definition):
        able = ", ".join(sorted(name for name, entry in registry.ENTRIES.items() if entry.predicts))
        raise _refused(f"'{definition.algorithm.name}' predicts nothing here; engines that do: {able}")


def weigh(tx: Transaction, study: StudyRow, suggestions: Sequence[Suggestion]) -> None:
    """Keeps what an answer of the engine promises, and counts answers in a row that promise too little.

    Answers without a prediction (a random start, another engine's turn) say nothing about it.
    """
    definition = definition_from(study.definition)
    if len(definition.objectives) > 1 or study.best_value is None:
        return
    objective, best = definition.objectives[0], study.best_value
    promised = [found for s in suggestions if (found := _improvement(s.predicted, objective, best)) is not None]
    if not promised:
        return
    # The most of a batch: its later points are suggested as if the earlier ones had come out as expected.
    expected, least = max(promised), definition.budget.min_improvement
    is_little = least is not None and expected < least
    tx.change(study, expected_improvement=expected, converging=study.converging + 1 if is_little else 0)


def _improvement(predicted: Prediction | None, objective: Objective, best: float) -> float | None:
    if predicted is None or objective.metric not in predicted.mean:
        return None
    mean, deviation = predicted.mean[objective.metric], predicted.deviation[objective.metric]
    found = promise(mean, deviation, best=best, goal=objective.goal)
    return None if found is None else found.improvement


def _is_networks(definition: StudyDefinition) -> bool:
    return definition.algorithm.name == "auto" and definition.space.architecture is not None


def _refused(reason: str) -> InvalidInput:
    return InvalidInput(errors=[FieldError("/budget/min_improvement", reason)])
