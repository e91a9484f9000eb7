"""Search definitions of W&B sweeps, Katib experiments, Vizier studies and Ray Tune, as study definitions.

Each reader takes the parsed file and answers a definition and notes on what has no counterpart; none of the tools is
needed. Sources: W&B "Sweep configuration structure", Katib `Experiment` v1beta1, Vizier `Study` of the Vertex API, the
sampling functions of `ray.tune`.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeVar

from studyhall.errors import InvalidInput

T = TypeVar("T")


class Read(NamedTuple):
    """A study to POST and what was lost on the way."""

    definition: dict[str, Any]
    notes: list[str]


def read_sweep(tool: str, written: Mapping[str, Any]) -> Read:
    """The file of one of the tools in `READERS`.

    Raises:
        InvalidInput: it is not written as the tool documents it; the parameter that is not, is named.
    """
    return _part("the file", READERS[tool], written)


def _part(what: str, read: Callable[..., T], *told: Any) -> T:
    try:
        return read(*told)
    except (LookupError, AttributeError, TypeError, ValueError, OverflowError) as error:
        match error:
            case KeyError():
                why = f"{error} is missing"
            case ValueError():
                why = str(error)
            case _:
                why = "it is not written as the tool documents it"
        raise InvalidInput(f"{what} cannot be read: {why}") from error


def read_wandb(sweep: Mapping[str, Any]) -> Read:
    """A W&B sweep's YAML."""
    notes: list[str] = []
    if not sweep.get("parameters"):
        raise InvalidInput("the sweep has no parameters")
    parameters = [
        _part(f"parameter '{name}'", _wandb_parameter, name, of, notes) for name, of in sweep["parameters"].items()
    ]
    metric = sweep.get("metric") or {}
    if not metric:
        notes.append("the sweep names no metric; 'loss', to be minimized, stands in its place")
    definition: dict[str, Any] = {
        "name": _name(sweep.get("name"), "sweep"),
        "space": {"parameters": parameters},
        "objectives": [{"metric": _word(metric.get("name", "loss")), "goal": metric.get("goal", "minimize")}],
        "algorithm": {"name": {"grid": "grid", "random": "random"}.get(sweep.get("method", ""), "auto")},
    }
    if "target" in metric:
        definition["objectives"][0]["target"] = float(metric["target"])
    if "run_cap" in sweep:
        definition["budget"] = {"max_trials": int(sweep["run_cap"])}
    if "early_terminate" in sweep:
        notes.append(
            f"early_terminate {sweep['early_terminate']!r}: {_hyperband(sweep['early_terminate'], definition)}"
        )
    if "command" in sweep or "program" in sweep:
        notes.append("program and command are not taken over: a task has its own form; see docs/tour.md")
    return Read(definition, notes)


def _hyperband(rule: Mapping[str, Any], definition: dict[str, Any]) -> str:
    definition["stopping"] = {"rule": "hyperband"}
    eta = rule.get("eta", 3)
    return f"became the stopping rule 'hyperband' with its own options (W&B had eta={eta})"


def _wandb_parameter(name: str, of: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    clean = _word(name)
    kind = of.get("distribution")
    if "value" in of or kind == "constant":
        return {"name": clean, "type": "constant", "value": of["value"]}
    if "values" in of:
        if "probabilities" in of:
            notes.append(f"'{name}': probabilities are not taken over; a prior can say which choices are likely")
        return {"name": clean, "type": "categorical", "choices": list(of["values"])}
    if kind in ("normal", "q_normal", "log_normal", "q_log_normal"):
        return _wandb_normal(name, clean, of, str(kind), notes)
    if "min" not in of or "max" not in of:
        raise InvalidInput(f"parameter '{name}' has neither values nor min and max")
    low, high = of["min"], of["max"]
    # `log_uniform` without `_values` gives the exponents of e; see W&B's table of distributions.
    if kind in ("log_uniform", "q_log_uniform", "inv_log_uniform"):
        low, high = math.exp(low), math.exp(high)
    whole = kind == "int_uniform" or (kind is None and isinstance(low, int) and isinstance(high, int))
    found: dict[str, Any] = {"name": clean, "type": "int" if whole else "float"}
    found |= {"low": low if whole else float(low), "high": high if whole else float(high)}
    if kind is not None and "log" in kind:
        found["scale"] = "log"
        if "q" in of:
            notes.append(f"'{name}': the step {of['q']} of a logarithmic range is not taken over")
    elif kind == "q_uniform":
        found["step"] = float(of.get("q", 1))
    return found


def _wandb_normal(name: str, clean: str, of: Mapping[str, Any], kind: str, notes: list[str]) -> dict[str, Any]:
    mu, sigma = float(of.get("mu", 0.0)), float(of.get("sigma", 1.0))
    notes.append(f"'{name}': {kind} became the range of three deviations around {mu:g}")
    low, high = mu - 3 * sigma, mu + 3 * sigma
    if "log" in kind:
        return {"name": clean, "type": "float", "low": math.exp(low), "high": math.exp(high), "scale": "log"}
    return {"name": clean, "type": "float", "low": low, "high": high}


def read_katib(experiment: Mapping[str, Any]) -> Read:
    """A Katib `Experiment` (kubeflow.org/v1beta1)."""
    spec = experiment.get("spec", {})
    notes: list[str] = []
    goal = spec.get("objective", {})
    if not spec.get("parameters"):
        raise InvalidInput(
            "the experiment has no spec.parameters (nasConfig has no counterpart: write an architecture)"
        )
    objective: dict[str, Any] = {
        "metric": _word(goal.get("objectiveMetricName", "loss")),
        "goal": goal.get("type", "minimize"),
    }
    if "goal" in goal:
        objective["target"] = float(goal["goal"])
    definition: dict[str, Any] = {
        "name": _name(experiment.get("metadata", {}).get("name"), "experiment"),
        "space": {
            "parameters": [
                _part(f"parameter {index}", _katib_parameter, each, notes)
                for index, each in enumerate(spec["parameters"])
            ]
        },
        "objectives": [objective],
        "algorithm": {"name": _katib_algorithm(spec.get("algorithm", {}).get("algorithmName", ""), notes)},
    }
    budget = {"max_trials": spec.get("maxTrialCount"), "max_failed": spec.get("maxFailedTrialCount") or None}
    definition["budget"] = {name: int(count) for name, count in budget.items() if count is not None}
    if "parallelTrialCount" in spec:
        definition["parallelism"] = int(spec["parallelTrialCount"])
    if spec.get("earlyStopping"):
        definition["stopping"] = {"rule": "median"}
    if "trialTemplate" in spec:
        notes.append("trialTemplate is not taken over: write its container's command as the study's task")
    return Read(definition, notes)


def _katib_parameter(parameter: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    name, of = _word(parameter["name"]), parameter["feasibleSpace"]
    kind = parameter["parameterType"]
    if kind in ("categorical", "discrete"):
        values = [_number(value) for value in of["list"]] if kind == "discrete" else list(of["list"])
        return {"name": name, "type": "ordinal" if kind == "discrete" else "categorical", "choices": values}
    number = int if kind == "int" else float
    found: dict[str, Any] = {"name": name, "type": "int" if kind == "int" else "float"}
    found |= {"low": number(of["min"]), "high": number(of["max"])}
    distribution = of.get("distribution", "uniform")
    if distribution == "logUniform":
        found["scale"] = "log"
    elif distribution != "uniform":
        notes.append(f"'{name}': the distribution {distribution} became uniform")
    if "step" in of and "scale" not in found:
        found["step"] = number(of["step"])
    return found


def _katib_algorithm(name: str, notes: list[str]) -> str:
    known = {
        "random": "random", "grid": "grid", "tpe": "tpe", "multivariate-tpe": "tpe", "cmaes": "cma_es",
        "sobol": "sobol", "bayesianoptimization": "bayes",
    }  # fmt: skip
    if name not in known:
        notes.append(f"the algorithm '{name}' has no counterpart of this name: 'auto' chooses")
    return known.get(name, "auto")


def read_vizier(study: Mapping[str, Any]) -> Read:
    """A Vizier study, as `{displayName, studySpec}` or the spec alone, in camelCase or snake_case.

    Vertex AI has the parameters in the spec, the open one in its `search_space`.
    """
    plain = _snake(study)
    spec = plain.get("study_spec", plain)
    notes: list[str] = []
    parameters: list[dict[str, Any]] = []
    space = spec.get("search_space", spec)
    if not space.get("parameters"):
        raise InvalidInput("the study has no parameters")
    for index, parameter in enumerate(space["parameters"]):
        _part(f"parameter {index}", _vizier_parameter, parameter, None, parameters, notes)
    definition: dict[str, Any] = {
        "name": _name(plain.get("display_name"), "vizier-study"),
        "space": {"parameters": parameters},
        "objectives": [
            {"metric": _word(metric["metric_id"]), "goal": str(metric.get("goal", "MAXIMIZE")).lower()}
            for metric in spec.get("metrics", ())
        ],
    }
    for name in ("median_automated_stopping_spec", "decay_curve_stopping_spec", "convex_automated_stopping_spec"):
        if name in spec:
            definition["stopping"] = {"rule": "median"}
            notes.append(f"{name} became the stopping rule 'median' with its own options")
    lost = ("observation_noise", "measurement_selection_type", "transfer_learning_config")
    notes.extend(f"{name} has no counterpart" for name in lost if name in spec)
    return Read(definition, notes)


def _vizier_parameter(
    parameter: Mapping[str, Any], when: str | None, found: list[dict[str, Any]], notes: list[str]
) -> None:
    name = _word(parameter["parameter_id"])
    one: dict[str, Any] = {"name": name} | ({"when": when} if when else {})
    if "double_value_spec" in parameter:
        of = parameter["double_value_spec"]
        one |= {"type": "float", "low": float(of["min_value"]), "high": float(of["max_value"])}
    elif "integer_value_spec" in parameter:
        of = parameter["integer_value_spec"]
        one |= {"type": "int", "low": int(of["min_value"]), "high": int(of["max_value"])}
    elif "discrete_value_spec" in parameter:
        one |= {"type": "ordinal", "choices": [float(v) for v in parameter["discrete_value_spec"]["values"]]}
    else:
        one |= {"type": "categorical", "choices": list(parameter["categorical_value_spec"]["values"])}
    scale = {"UNIT_LOG_SCALE": "log", "UNIT_REVERSE_LOG_SCALE": "reverse_log"}.get(parameter.get("scale_type", ""))
    if scale and one["type"] in ("float", "int"):
        one["scale"] = scale
    found.append(one)
    for child in parameter.get("conditional_parameter_specs", ()):
        values: list[Any] = next((of["values"] for key, of in child.items() if key.startswith("parent_")), [])
        terms = [f"{name} == '{v}'" if isinstance(v, str) and not _is_number(v) else f"{name} == {v}" for v in values]
        _vizier_parameter(child["parameter_spec"], " or ".join(terms) or when, found, notes)


def read_ray(space: Mapping[str, Any]) -> Read:
    """A Ray Tune search space written as JSON or YAML: `{lr: {loguniform: [1e-5, 0.1]}, act: {choice: [...]}}`.

    Ray keeps its spaces in code; `ray.tune` has no file for them. Constants may stand as they are.
    """
    notes: list[str] = []
    parameters = [
        _part(f"parameter '{name}'", _ray_parameter, _word(name), of, notes)
        for name, of in space.get("param_space", space).items()
    ]
    metric = space.get("metric", "loss") if "param_space" in space else "loss"
    goal = {"max": "maximize"}.get(space.get("mode", "min"), "minimize") if "param_space" in space else "minimize"
    if "param_space" not in space:
        notes.append("no metric and mode beside param_space; 'loss', to be minimized, stands in their place")
    definition: dict[str, Any] = {
        "name": "ray-tune",
        "space": {"parameters": parameters},
        "objectives": [{"metric": _word(metric), "goal": goal}],
    }
    if "num_samples" in space and int(space["num_samples"]) > 0:
        definition["budget"] = {"max_trials": int(space["num_samples"])}
    return Read(definition, notes)


def _ray_parameter(name: str, of: Any, notes: list[str]) -> dict[str, Any]:
    if not isinstance(of, Mapping) or len(of) != 1:
        return {"name": name, "type": "constant", "value": of}
    kind, arguments = next(iter(of.items()))
    if kind in ("choice", "grid_search"):
        return {"name": name, "type": "categorical", "choices": list(arguments)}
    if kind not in ("uniform", "quniform", "loguniform", "qloguniform", "randint", "qrandint", "lograndint"):
        raise InvalidInput(f"parameter '{name}': '{kind}' has no counterpart; write a range or choices")
    whole = "randint" in kind
    low, high = arguments[0], arguments[1] - (1 if kind in ("randint", "lograndint") else 0)  # Ray leaves the end out
    found: dict[str, Any] = {"name": name, "type": "int" if whole else "float"}
    found |= {"low": low if whole else float(low), "high": high if whole else float(high)}
    if "log" in kind:
        found["scale"] = "log"
        if kind.startswith("q"):
            notes.append(f"'{name}': the step of a logarithmic range is not taken over")
    elif kind.startswith("q"):
        found["step"] = arguments[2] if whole else float(arguments[2])
    return found


def _snake(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", str(name)).lower(): _snake(part) for name, part in value.items()
        }
    return [_snake(part) for part in value] if isinstance(value, list) else value


def _name(name: Any, otherwise: str) -> str:
    clean = re.sub(r"[^A-Za-z0-9_.: -]+", "-", str(name or "")).strip("-:. ")[:128]
    return clean or otherwise


def _word(name: Any) -> str:
    clean = re.sub(r"[^A-Za-z0-9_./-]", "_", str(name))
    return clean if re.match(r"[A-Za-z_]", clean) else f"_{clean}"


def _number(text: Any) -> float | int:
    number = float(text)
    return int(number) if number.is_integer() and "." not in str(text) else number


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?", text) is not None


READERS: Final[dict[str, Callable[[Mapping[str, Any]], Read]]] = {
    "wandb": read_wandb,
    "katib": read_katib,
    "vizier": read_vizier,
    "ray": read_ray,
}
