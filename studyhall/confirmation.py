"""How the best trials of a study did when they were run again with other seeds, so that luck is not taken for skill.

again = client.study("mnist").confirm(top=3, seeds=3)
...                                    # the fleet works; or again.optimize(function)
winner = ranking(again)[0]
"""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from studyhall.study_handle import StudyHandle
from studyhall.trial import Trial, TrialState
from studyhall.wire.studies import CONFIRMS


@dataclass(frozen=True)
class Confirmed:
    """How a configuration did over several seeds, in the study's first objective.

    Args:
        number: of the trial in the study that is confirmed.
        standard_error: of the mean; None for a single seed.
    """

    number: int
    parameters: Mapping[str, Any]
    values: tuple[float, ...]
    mean: float
    standard_error: float | None


def ranking(confirmation: StudyHandle) -> list[Confirmed]:
    """What has been confirmed so far, the best mean first."""
    objective = confirmation.definition.objectives[0]
    found: dict[int, list[Trial]] = {}
    for trial in confirmation.trials(state=TrialState.COMPLETED):
        if CONFIRMS in trial.labels and objective.metric in (trial.metrics or {}):
            found.setdefault(int(trial.labels[CONFIRMS]), []).append(trial)
    sign = -1 if objective.goal == "maximize" else 1
    ranked = [_confirmed(number, trials, objective.metric) for number, trials in found.items()]
    return sorted(ranked, key=lambda each: sign * each.mean)


def _confirmed(number: int, trials: list[Trial], metric: str) -> Confirmed:
    values = tuple((trial.metrics or {})[metric] for trial in trials)
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else None
    return Confirmed(number, trials[0].parameters, values, statistics.mean(values), error)
