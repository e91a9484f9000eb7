"""Writes a study as a journal that Optuna 4 and 5 open: `JournalStorage(JournalFileBackend(path))`.

Why the journal and not tables: it is one text file that every version reads; `optuna.copy_study` makes tables of it.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final

from studyhall.parameters import (
    BoolParameter,
    CategoricalParameter,
    ConstantParameter,
    FloatParameter,
    IntParameter,
    OrdinalParameter,
)
from studyhall.space import Space
from studyhall.study import Study
from studyhall.trial import RecordedMeasurement, Trial, TrialState

_STATES: Final = {
    TrialState.RUNNING: 0,
    TrialState.COMPLETED: 1,
    TrialState.PRUNED: 2,
    TrialState.FAILED: 3,
    TrialState.INFEASIBLE: 3,
    TrialState.CANCELLED: 3,
    TrialState.WAITING: 4,
}
_ENDED: Final = (1, 2, 3)
_US: Final = "studyhall"


def journal_lines(study: Study, trials: Iterable[tuple[Trial, Iterable[RecordedMeasurement]]]) -> Iterator[str]:
    """The lines of the journal; trials with what they reported, by number."""
    metrics = [objective.metric for objective in study.objectives]
    goals = [1 if objective.goal == "minimize" else 2 for objective in study.objectives]
    yield _line(0, study_name=study.name, directions=goals)
    yield _line(3, study_id=0, system_attr={"study:metric_names": metrics})
    yield _line(2, study_id=0, user_attr={"studyhall_id": study.id})
    for trial, measurements in trials:
        yield _line(4, study_id=0, **_whole(study, trial, measurements, metrics))


def _whole(
    study: Study, trial: Trial, measurements: Iterable[RecordedMeasurement], metrics: list[str]
) -> dict[str, Any]:
    state = _STATES[trial.state]
    parameters, distributions, others = _parameters(study.space, trial)
    attrs: dict[str, Any] = {"studyhall_id": trial.id, "studyhall_state": trial.state.value, **trial.labels, **others}
    attrs |= {name: value for name, value in trial.metrics.items() if name not in metrics}
    values = [trial.metrics[name] for name in metrics if name in trial.metrics] if state in (1, 2) else []
    told: dict[str, Any] = {
        "datetime_start": _moment(trial.started_at or trial.created_at) if state != 4 else None,
        "state": state,
        "value": None,
        "values": values if len(values) == len(metrics) else None,
        "distributions": distributions if state != 4 else {},
        "params": parameters if state != 4 else {},
        "user_attrs": attrs,
        "system_attrs": {"fixed_params": dict(trial.parameters)} if state == 4 else {},
        "intermediate_values": {
            str(m.step): m.metrics[metrics[0]]
            for m in measurements
            if m.attempt == trial.attempt and metrics[0] in m.metrics
        },
    }
    if state in _ENDED:
        told["datetime_complete"] = _moment(trial.finished_at or trial.created_at)
    if len(metrics) == 1:
        told["value"] = (told["values"] or [None])[0]
        told["values"] = None
    return told


def _parameters(space: Space, trial: Trial) -> tuple[dict[str, float], dict[str, str], dict[str, Any]]:
    """Internal values, distributions, and what Optuna has no word for, as attributes."""
    values: dict[str, float] = {}
    distributions: dict[str, str] = {}
    others: dict[str, Any] = {}
    for parameter in space.parameters:
        if parameter.name not in trial.parameters:
            continue
        value: Any = trial.parameters[parameter.name]
        match parameter:
            case FloatParameter() | IntParameter():
                values[parameter.name] = float(value)
                distributions[parameter.name] = _range(parameter)
            case _ if (choices := _choices(parameter)) is not None:
                place = next(n for n, choice in enumerate(choices) if type(choice) is type(value) and choice == value)
                values[parameter.name] = float(place)
                distributions[parameter.name] = json.dumps(
                    {"name": "CategoricalDistribution", "attributes": {"choices": choices}}
                )
            case _:
                others[f"parameter:{parameter.name}"] = value
    return values, distributions, others


def _range(parameter: FloatParameter | IntParameter) -> str:
    log = parameter.scale == "log" and parameter.low > 0
    kind = "FloatDistribution" if isinstance(parameter, FloatParameter) else "IntDistribution"
    step: float | int | None = parameter.step
    if log:
        step = None if isinstance(parameter, FloatParameter) else 1
    of = {"step": step, "low": parameter.low, "high": parameter.high, "log": log}
    return json.dumps({"name": kind, "attributes": of})


def _choices(parameter: Any) -> list[Any] | None:
    match parameter:
        case ConstantParameter():
            return [parameter.value]
        case CategoricalParameter() | OrdinalParameter():
            return list(parameter.choices)
        case BoolParameter():
            return [False, True]
    return None


def _moment(then: datetime | None) -> str | None:
    return None if then is None else then.isoformat(timespec="microseconds")


def _line(operation: int, **told: Any) -> str:
    return json.dumps({"op_code": operation, "worker_id": _US, **told}) + "\n"
