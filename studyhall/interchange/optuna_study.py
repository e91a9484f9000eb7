"""An Optuna study as plain values, and what it is in our words.

Optuna defines its space by running: a trial holds the parameters its code asked for. So the space is the union over all
trials, and a parameter that only some of them have gets a `when`, if the value of another one explains which.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from studyhall.errors import InvalidInput

MAX_MEASUREMENTS: Final = 1000
_LIMIT: Final = "constraint_"
_PLAIN_NAME: Final = re.compile(r"(?!(and|or|not|in|true|false|null|True|False|None)$)[A-Za-z_][A-Za-z0-9_.]*")
STATES: Final = {"COMPLETE": "completed", "PRUNED": "pruned", "FAIL": "failed", "WAITING": "waiting"}


@dataclass(slots=True)
class OptunaTrial:
    """One trial; `parameters` and `distributions` have the same names, values are those the user saw."""

    number: int
    state: str
    """As Optuna writes it: RUNNING, COMPLETE, PRUNED, FAIL or WAITING."""
    parameters: dict[str, Any] = field(default_factory=dict)
    distributions: dict[str, dict[str, Any]] = field(default_factory=dict)
    values: list[float] | None = None
    intermediate: dict[int, float] = field(default_factory=dict)
    user_attrs: dict[str, Any] = field(default_factory=dict)
    system_attrs: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class OptunaStudy:
    """One study; `directions` are `minimize` or `maximize`."""

    name: str
    directions: list[str]
    trials: list[OptunaTrial] = field(default_factory=list)
    user_attrs: dict[str, Any] = field(default_factory=dict)
    system_attrs: dict[str, Any] = field(default_factory=dict)


class Translated(NamedTuple):
    """A study to POST, trials to add to it, and what has no counterpart."""

    definition: dict[str, Any]
    trials: list[dict[str, Any]]
    notes: list[str]


def translate(study: OptunaStudy, *, name: str | None = None) -> Translated:
    """An Optuna study in our words.

    Raises:
        InvalidInput: no trial has a parameter, so that nothing is known of the space.
    """
    notes: list[str] = []
    domains = _domains(study, notes)
    if not domains:
        raise InvalidInput(f"the Optuna study '{study.name}' has no trial with parameters, so its space is unknown")
    unexplained = _explain_absences(study, domains, notes)
    metrics = _metrics(study)
    definition: dict[str, Any] = {
        "name": name or study.name,
        "space": {"parameters": [{"name": each} | domain for each, domain in domains.items()]},
        "objectives": [
            {"metric": metric, "goal": goal} for metric, goal in zip(metrics, study.directions, strict=True)
        ],
        "labels": {"imported_from": "optuna"},
    }
    limits = max((len(_limits(trial)) for trial in study.trials), default=0)
    if limits:
        definition["constraints"] = [f"{_LIMIT}{place} <= 0" for place in range(limits)]
    if study.user_attrs:
        notes.append(f"study attributes {sorted(study.user_attrs)} are left out")
    trials = [
        told for trial in study.trials if (told := _trial(trial, metrics, domains, unexplained, notes)) is not None
    ]
    return Translated(definition, trials, notes)


def with_our_names(study: OptunaStudy) -> tuple[OptunaStudy, list[str]]:
    """A study whose parameters have names that are names here too, and what has been renamed."""
    seen = {name: name for trial in study.trials for name in trial.distributions}
    for name in seen:
        legal = _our_name(name)
        while legal != name and legal in seen.values():
            legal += "_"
        seen[name] = legal
    notes = [f"parameter '{name}' is called '{new}' here" for name, new in seen.items() if name != new]
    return (replace(study, trials=[_with_names(trial, seen) for trial in study.trials]) if notes else study), notes


def _our_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_./-]|^(?=[^A-Za-z_])", "_", name)[:120] or "_"


def _with_names(trial: OptunaTrial, names: Mapping[str, str]) -> OptunaTrial:
    def renamed(values: Mapping[str, Any]) -> dict[str, Any]:
        return {names.get(name, name): value for name, value in values.items()}

    fixed = {name: renamed(value) for name, value in trial.system_attrs.items() if name == "fixed_params"}
    return replace(
        trial,
        parameters=renamed(trial.parameters),
        distributions=renamed(trial.distributions),
        system_attrs=trial.system_attrs | fixed,
    )


def value_of(distribution: Mapping[str, Any], internal: float) -> Any:
    """What the user saw of a parameter: Optuna stores categories as their place, and integers as floats."""
    kind, of = distribution["name"], distribution["attributes"]
    if kind == "CategoricalDistribution":
        return of["choices"][int(internal)]
    return int(internal) if kind.startswith("Int") else float(internal)


def _domains(study: OptunaStudy, notes: list[str]) -> dict[str, dict[str, Any]]:
    seen: dict[str, list[dict[str, Any]]] = {}
    for trial in study.trials:
        for name, distribution in trial.distributions.items():
            kinds = seen.setdefault(name, [])
            if distribution not in kinds:
                kinds.append(distribution)
    domains = {}
    for name, kinds in seen.items():
        found = [_domain(distribution, name, notes) for distribution in kinds]
        if len({each["type"] for each in found}) > 1:
            notes.append(f"parameter '{name}' had several types; only the last one's trials are kept")
            found = found[-1:]
        elif len(found) > 1:
            notes.append(f"parameter '{name}' had {len(found)} ranges; the union of them is searched")
        domains[name] = _union(found)
    return domains


def _domain(distribution: Mapping[str, Any], name: str, notes: list[str]) -> dict[str, Any]:
    kind, of = distribution["name"], distribution["attributes"]
    if kind == "CategoricalDistribution":
        plain = [choice for choice in of["choices"] if choice is None or isinstance(choice, (bool, int, float, str))]
        if len(plain) < len(of["choices"]):
            notes.append(f"choices of '{name}' that are no JSON scalars are left out, with their trials")
        return {"type": "categorical", "choices": plain}
    log = of.get("log", "Log" in kind)
    step = of.get("step", of.get("q"))
    if kind.startswith("Int"):
        domain: dict[str, Any] = {"type": "int", "low": int(of["low"]), "high": int(of["high"])}
        step = None if step == 1 or log else step
    else:
        domain = {"type": "float", "low": float(of["low"]), "high": float(of["high"])}
    return domain | ({"scale": "log"} if log else {}) | ({"step": step} if step else {})


def _union(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    first = found[0]
    if first["type"] == "categorical":
        choices: list[Any] = []
        for domain in found:
            choices += [c for c in domain["choices"] if not any(_same(c, known) for known in choices)]
        return {"type": "constant", "value": choices[0]} if len(choices) == 1 else first | {"choices": choices}
    united = first | {"low": min(d["low"] for d in found), "high": max(d["high"] for d in found)}
    if united["low"] == united["high"]:
        return {"type": "constant", "value": united["low"]}
    if any(d.get("step") != first.get("step") for d in found):
        united.pop("step", None)
    if any(d.get("scale") != first.get("scale") for d in found):
        united.pop("scale", None)
    return united


def _explain_absences(study: OptunaStudy, domains: dict[str, dict[str, Any]], notes: list[str]) -> set[str]:
    """Gives parameters that some trials lack a `when`; answers the names for which none was found."""
    told = [trial for trial in study.trials if trial.parameters and trial.state in ("COMPLETE", "PRUNED")]
    told = told or [trial for trial in study.trials if trial.parameters]
    explained = [name for name in domains if all(name in trial.parameters for trial in told)]
    unexplained = [name for name in domains if name not in explained]
    while found := [
        (name, condition)
        for name in unexplained
        if (condition := next(filter(None, (_condition(name, other, domains, told) for other in explained)), None))
    ]:
        for name, condition in found:
            domains[name]["when"] = condition
            notes.append(f"parameter '{name}' is searched when {condition}: so it was in every trial")
            unexplained.remove(name)
            explained.append(name)
    notes += [
        f"parameter '{name}' is missing in some trials and no other one explains which: it is searched always,"
        " and trials without it are left out; give it a 'when' if it has one"
        for name in unexplained
    ]
    return set(unexplained)


def _condition(
    name: str, other: str, domains: Mapping[str, Mapping[str, Any]], trials: Sequence[OptunaTrial]
) -> str | None:
    """What the value of another parameter was where there was this one, and only there; None: it does not say."""
    with_name = [trial.parameters for trial in trials if name in trial.parameters]
    without = [
        trial.parameters[other] for trial in trials if name not in trial.parameters and other in trial.parameters
    ]
    if not without or not with_name or any(other not in parameters for parameters in with_name):
        return None
    present, called = [parameters[other] for parameters in with_name], _in_an_expression(other)
    match domains[other]["type"]:
        case "int" if min(present) > max(without):
            return f"{called} >= {min(present)}"
        case "int" if max(present) < min(without):
            return f"{called} <= {max(present)}"
        case "categorical" if not any(_same(one, two) for one in present for two in without):
            values = [choice for choice in domains[other]["choices"] if any(_same(choice, one) for one in present)]
            if all(isinstance(value, (str, bool, int)) and "'" not in str(value) for value in values):
                return " or ".join(f"{called} == {_literal(value)}" for value in values)
    return None  # or the expression language has no word for it


def _in_an_expression(name: str) -> str:
    return name if _PLAIN_NAME.fullmatch(name) else f"`{name}`"


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"'{value}'" if isinstance(value, str) else str(value)


def _metrics(study: OptunaStudy) -> list[str]:
    names = study.system_attrs.get("study:metric_names")
    if isinstance(names, list) and len({_our_name(str(name)) for name in names}) == len(study.directions):
        return [_our_name(str(name)) for name in names]
    return ["value"] if len(study.directions) == 1 else [f"value_{n}" for n in range(len(study.directions))]


def _trial(
    trial: OptunaTrial,
    metrics: Sequence[str],
    domains: Mapping[str, Mapping[str, Any]],
    unexplained: set[str],
    notes: list[str],
) -> dict[str, Any] | None:
    state = STATES.get(trial.state)
    if state is None:
        notes.append(f"trial {trial.number} was running and is left out")
        return None
    parameters = dict(trial.parameters)
    if state == "waiting":
        fixed = trial.system_attrs.get("fixed_params", {})
        return {"parameters": {n: v for n, v in fixed.items() if n in domains}, "labels": _labels(trial, notes)}
    missing = [name for name in unexplained if name not in parameters]
    if missing or not parameters or not all(_fits(domains[name], value) for name, value in parameters.items()):
        notes.append(f"trial {trial.number} ({state}) does not fill the space and is left out")
        return None
    told: dict[str, Any] = {"parameters": parameters, "state": state, "labels": _labels(trial, notes)}
    curve = [(step, value) for step, value in sorted(trial.intermediate.items()) if math.isfinite(value) and step >= 0]
    if len(curve) < len(trial.intermediate):
        notes.append(f"trial {trial.number}: reported values that are not finite are left out")
    told["measurements"] = [{"step": s, "metrics": {metrics[0]: v}} for s, v in curve[-MAX_MEASUREMENTS:]]
    if trial.values is not None and all(map(math.isfinite, trial.values)):
        told["metrics"] = dict(zip(metrics, trial.values, strict=True)) | {
            f"{_LIMIT}{place}": value for place, value in enumerate(_limits(trial)) if math.isfinite(value)
        }
    elif state == "completed":
        told |= {"state": "infeasible", "reason": f"its values were {trial.values}"}
    elif state == "pruned" and curve:
        told["metrics"] = {metrics[0]: curve[-1][1]}
    return told


def _limits(trial: OptunaTrial) -> list[float]:
    """What the sampler's `constraints_func` has said of a trial, which keeps to a limit where it is not above 0."""
    return [float(value) for value in trial.system_attrs.get("constraints") or ()]


def _fits(domain: Mapping[str, Any], value: Any) -> bool:
    if domain["type"] == "categorical":
        return any(_same(value, choice) for choice in domain["choices"])
    if domain["type"] == "constant":
        return _same(value, domain["value"])
    return isinstance(value, (int, float)) and domain["low"] <= value <= domain["high"]


def _labels(trial: OptunaTrial, notes: list[str]) -> dict[str, str]:
    kept = {"optuna.number": str(trial.number)}
    for name, value in list(trial.user_attrs.items())[:60]:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        clean = "".join(c if c.isascii() and (c.isalnum() or c in "_./-") else "_" for c in name)[:64]
        if len(text) <= 256 and text.isprintable() and clean:
            kept[clean] = text
        else:
            notes.append(f"trial {trial.number}: attribute '{name}' is too long for a label and is left out")
    return kept


def _same(one: Any, two: Any) -> bool:
    return type(one) is type(two) and bool(one == two)
