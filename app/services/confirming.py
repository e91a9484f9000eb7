"""The best trials of a study again, with other seeds, so that luck is not taken for skill.

A study of its own runs them: it can be looked at, stopped, and searched on like any other. A trial's seed follows from
the study's and its number, so every repetition has one of its own.
"""

import json
from typing import Any

from app.services.principal import Principal
from app.services.reading import find_study
from app.services.studies import create_study
from app.services.trials import queue_trials
from app.storage import reader
from app.storage.domain import definition_from, study_from
from app.storage.reader import TrialFilter
from app.storage.transaction import Transaction
from studyhall.errors import InvalidInput
from studyhall.study import Study
from studyhall.trial import Trial
from studyhall.wire.studies import CONFIRMS, ConfirmStudy, CreateStudy, QueueTrials
from studyhall.words import Parameters

KEPT = ("objectives", "constraints", "retry", "parallelism", "priority", "task", "labels")
"""What the confirming study has from the one it confirms; no stopping rule, which would compare unequal seeds."""


def leading(
    connection: reader.Connection, *, principal: Principal, name: str, top: int
) -> tuple[Study, tuple[Trial, ...]]:
    """A study, and its best trials: of several objectives those of the Pareto front, in the order of the first one.

    Raises:
        InvalidInput: no trial of the study is completed.
    """
    row = find_study(connection, principal, name)
    objectives = definition_from(row.definition).objectives
    first, sign = objectives[0].metric, -1 if objectives[0].goal == "maximize" else 1
    if len(objectives) > 1:
        found = tuple(sorted(reader.front(connection, row.id), key=lambda trial: sign * trial.metrics[first])[:top])
    else:
        best_first = TrialFilter(state=("completed",), sort="value" if sign > 0 else "-value")
        found = reader.trials_page(connection, row.id, best_first, limit=top, cursor=None).items
    if not found:
        raise InvalidInput(f"study '{row.name}' has no completed trial that could be confirmed")
    return study_from(row), found


def confirm_study(
    tx: Transaction, principal: Principal, study: Study, trials: tuple[Trial, ...], request: ConfirmStudy
) -> Study:
    """Makes the study that runs these trials of another one so many times each.

    Raises:
        NameTaken: it has been confirmed under this name before.
        InvalidInput: one of the trials is not of the study's space any more.
    """
    assignments = [_as_of_now(study, trial) for trial in trials]
    made, _ = create_study(tx, principal, _definition(study, len(trials), request))
    runs = [
        {"parameters": parameters, "labels": {CONFIRMS: str(trial.number)}}
        for trial, parameters in zip(trials, assignments, strict=True)
        for _ in range(request.seeds)
    ]
    queue_trials(tx, principal, made.id, QueueTrials.model_validate_json(json.dumps({"trials": runs})))
    row = tx.study(made.id)
    return made if row is None else study_from(row)


def _as_of_now(study: Study, trial: Trial) -> Parameters:
    """What a trial was given, in the space that the study has now."""
    parameters = study.space.backfilled(trial.parameters)
    if parameters is None:
        raise InvalidInput(
            f"trial {trial.number} is one of the best, and not of the space that study '{study.name}' has now;"
            " exclude it to confirm the next one, or change the space"
        )
    return parameters


def _definition(study: Study, trials: int, request: ConfirmStudy) -> CreateStudy:
    given = study.to_dict()
    space: dict[str, Any] = given["space"]
    if "architecture" in space:  # a repeated architecture is trained anew instead of answered from memory
        space = {**space, "architecture": {**space["architecture"], "duplicates": "retrain"}}
    definition = {name: given[name] for name in KEPT if name in given} | {
        "name": request.name or f"{study.name}-confirmed",
        "space": space,
        # Another seed than the search had.
        "algorithm": {"name": "random", "seed": (study.algorithm.seed or 0) + 1, "ahead": 0},
        "budget": {"max_trials": trials * request.seeds},
        "description": f"The best of '{study.name}' with {request.seeds} other seeds each.",
    }
    return CreateStudy.model_validate_json(json.dumps(definition))
