"""Trains the best trials of a study again with other seeds, so that luck is not taken for skill.

    again = confirm(client, client.study("mnist"), top=3, seeds=3)
    ...                                    # the fleet works; or again.optimize(function)
    winner = ranking(again)[0]

It is a study like any other: what it ran can be looked at, stopped and searched on. A trial's seed follows from the
study's and its number, so every repetition has one of its own.
"""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from studyhall.client import Client
from studyhall.errors import InvalidInput
from studyhall.study_handle import StudyHandle
from studyhall.trial import Trial, TrialState

OF: Final = "confirms"
"""The label of a repetition: the number of the trial that it repeats."""


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


def confirm(
    client: Client, study: StudyHandle, *, top: int = 3, seeds: int = 3, name: str | None = None
) -> StudyHandle:
    """Makes a study that runs the best `top` trials of another one `seeds` times each.

    Of several objectives, the Pareto front counts as the best, in the order of the first objective.

    Args:
        name: by default that of the study and `-confirmed`.

    Raises:
        InvalidInput: no trial of the study is completed, or `top` or `seeds` is below 1.
        StudyExists: it has been confirmed under this name before.
    """
    if top < 1 or seeds < 1:
        raise InvalidInput(f"{top} trials with {seeds} seeds each are none; give at least 1 of both")
    chosen = _best(study, top)
    if not chosen:
        raise InvalidInput(f"study '{study.name}' has no completed trial that could be confirmed")
    given = study.definition.to_dict()
    definition = {
        key: given[key]
        for key in ("objectives", "constraints", "retry", "parallelism", "priority", "task", "labels")
        if key in given
    }
    seed = (study.definition.algorithm.seed or 0) + 1  # another one than the search had
    again = client.create_study(
        name or f"{study.name}-confirmed",
        space=_retrained(given["space"]),
        algorithm={"name": "random", "seed": seed, "ahead": 0},
        budget={"max_trials": len(chosen) * seeds},
        description=f"The best of '{study.name}' with {seeds} other seeds each.",
        **definition,
    )
    for trial in chosen:
        again.queue(*[trial.parameters] * seeds, labels={OF: str(trial.number)})
    return again


def ranking(confirmation: StudyHandle) -> list[Confirmed]:
    """What has been confirmed so far, the best mean first."""
    objective = confirmation.definition.objectives[0]
    found: dict[int, list[Trial]] = {}
    for trial in confirmation.trials(state=TrialState.COMPLETED):
        if OF in trial.labels and objective.metric in (trial.metrics or {}):
            found.setdefault(int(trial.labels[OF]), []).append(trial)
    sign = -1 if objective.goal == "maximize" else 1
    ranked = [_confirmed(number, trials, objective.metric) for number, trials in found.items()]
    return sorted(ranked, key=lambda each: sign * each.mean)


def _best(study: StudyHandle, top: int) -> list[Trial]:
    objective = study.definition.objectives[0]
    if len(study.definition.objectives) > 1:
        sign = -1 if objective.goal == "maximize" else 1
        return sorted(study.pareto(), key=lambda trial: sign * (trial.metrics or {})[objective.metric])[:top]
    ranked = study.trials(state=TrialState.COMPLETED, sort="-value" if objective.goal == "maximize" else "value")
    return list(islice((t for t in ranked if study.definition.meets_constraints(dict(t.metrics or {}))), top))


def _retrained(space: dict[str, Any]) -> dict[str, Any]:
    """The space, in which a repeated architecture is trained anew instead of answered from memory."""
    if "architecture" not in space:
        return space
    return {**space, "architecture": {**space["architecture"], "duplicates": "retrain"}}


def _confirmed(number: int, trials: list[Trial], metric: str) -> Confirmed:
    values = tuple((trial.metrics or {})[metric] for trial in trials)
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else None
    return Confirmed(number, trials[0].parameters, values, statistics.mean(values), error)
