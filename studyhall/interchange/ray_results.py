"""Results of Ray Tune, read from its directory without Ray: each trial's `params.json` and `result.json`.

Ray writes a line of `result.json` for each report, `error.txt` where a trial failed, and pickles, which are not opened.
Its search space is code and stands nowhere: unless it is given, the space here is what was tried.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from studyhall.errors import InvalidInput
from studyhall.interchange.optuna_study import MAX_MEASUREMENTS, Translated

_BOOKKEEPING: Final = {
    "config", "date", "done", "experiment_tag", "experiment_id", "hostname", "node_ip", "pid", "should_checkpoint",
    "checkpoint_dir_name", "iterations_since_restore", "time_since_restore", "time_this_iter_s", "time_total_s",
    "timestamp", "timesteps_total", "timesteps_since_restore", "episodes_total", "training_iteration", "trial_id",
    "warmup_time",
}  # fmt: skip
_MOST_METRICS: Final = 50
_LOG_FROM: Final = 100.0
"""A range of positive numbers whose ends are so many times apart was most likely searched on a logarithmic scale."""


def read_results(
    directory: str | Path,
    *,
    metric: str,
    mode: Literal["min", "max"] = "min",
    definition: Mapping[str, Any] | None = None,
    name: str | None = None,
) -> Translated:
    """The results of an experiment.

    Args:
        directory: of the experiment, with a directory for each trial.
        metric, mode: what it was about; Ray keeps them in its pickles.
        definition: a study whose space is taken (`studyhall.interchange.sweeps.read_ray`); None: what was tried.

    Raises:
        InvalidInput: there are no trials, or none reported the metric.
    """
    notes: list[str] = []
    found = [(path, _json(path / "params.json"), list(_lines(path / "result.json"))) for path in _trials(directory)]
    if not found:
        raise InvalidInput(f"{directory} holds no trial of Ray Tune: no directory in it has a params.json")
    configs = [_flat(config) for _, config, _ in found]
    space = definition["space"] if definition else {"parameters": _space(configs, notes)}
    known = {parameter["name"] for parameter in space["parameters"]}
    trials = []
    for (path, _, reports), config in zip(found, configs, strict=True):
        told = _trial(path, {name: value for name, value in config.items() if name in known}, reports, metric, notes)
        if told is not None:
            trials.append(told)
    if not any("metrics" in trial for trial in trials):
        raise InvalidInput(f"no trial reported '{metric}'; reported were: {', '.join(_reported(found)) or 'nothing'}")
    study = {
        "name": name or Path(directory).resolve().name,
        "space": space,
        "objectives": [{"metric": metric, "goal": "maximize" if mode == "max" else "minimize"}],
        "labels": {"imported_from": "ray"},
    }
    return Translated(study, trials, notes)


def _trials(directory: str | Path) -> Sequence[Path]:
    try:
        return sorted(path.parent for path in Path(directory).glob("*/params.json"))
    except OSError as error:
        raise InvalidInput(f"cannot read {directory}: {error.strerror}") from error


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InvalidInput(f"{path} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise InvalidInput(f"{path} holds no parameters")
    return found


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """The reports; the last line of a run that was killed may be cut off."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            try:
                report = json.loads(line)
            except ValueError:
                return
            if isinstance(report, dict):
                yield report


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values under names with slashes, as Ray itself names them."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{name}/")
        else:
            found[f"{prefix}{name}"] = value
    return found


def _space(configs: Sequence[Mapping[str, Any]], notes: list[str]) -> list[dict[str, Any]]:
    names = list(dict.fromkeys(name for config in configs for name in config))
    found = [_domain(name, [config[name] for config in configs if name in config], notes) for name in names]
    return [domain for domain in found if domain is not None]


def _domain(name: str, values: Sequence[Any], notes: list[str]) -> dict[str, Any] | None:
    if not all(value is None or isinstance(value, (bool, int, float, str)) for value in values):
        notes.append(f"'{name}' is left out: its values are lists or objects")
        return None
    different = list(dict.fromkeys((type(value), value) for value in values))
    if len(different) == 1:
        return {"name": name, "type": "constant", "value": values[0]}
    if any(isinstance(value, (bool, str)) or value is None for value in values):
        return {"name": name, "type": "categorical", "choices": [value for _, value in different]}
    whole = all(isinstance(value, int) for value in values)
    low, high = (int if whole else float)(min(values)), (int if whole else float)(max(values))
    notes.append(f"the range of '{name}' is what was tried, {low:g} to {high:g}: widen it if it was wider")
    scale = {"scale": "log"} if low > 0 and high / low >= _LOG_FROM else {}
    return {"name": name, "type": "int" if whole else "float", "low": low, "high": high, **scale}


def _trial(
    path: Path, config: Mapping[str, Any], reports: Sequence[Mapping[str, Any]], metric: str, notes: list[str]
) -> dict[str, Any] | None:
    curve = [(_step(report, place), _metrics(report, metric), report) for place, report in enumerate(reports, 1)]
    told: dict[str, Any] = {"parameters": dict(config), "labels": {"ray.trial": path.name[:256]}}
    # By step: a trial that Ray has restored reports some steps twice.
    points = {step: {"step": step, "metrics": metrics} | _elapsed(report) for step, metrics, report in curve if metrics}
    told["measurements"] = list(points.values())[-MAX_MEASUREMENTS:]
    if (path / "error.txt").is_file():
        return told | {"state": "failed", "reason": _last_line(path / "error.txt")}
    last = next((metrics for _, metrics, _ in reversed(curve) if metric in metrics), None)
    if last is None:
        notes.append(f"trial {path.name} never reported '{metric}' as a finite number and is left out")
        return None
    # Ray says `done` of classes only: of a function the last report looks like any other, and stands.
    return told | {"state": "completed", "metrics": last}


def _step(report: Mapping[str, Any], place: int) -> int:
    step = report.get("training_iteration")
    return step if isinstance(step, int) and step >= 0 else place


def _metrics(report: Mapping[str, Any], metric: str) -> dict[str, float]:
    found = {
        name: float(value)
        for name, value in _flat({name: value for name, value in report.items() if name not in _BOOKKEEPING}).items()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    }
    # The metric first: of very many only the first ones are kept.
    first = {metric: found.pop(metric)} if metric in found else {}
    return dict(list((first | found).items())[:_MOST_METRICS])


def _elapsed(report: Mapping[str, Any]) -> dict[str, float]:
    seconds = report.get("time_total_s")
    return {"elapsed_s": float(seconds)} if isinstance(seconds, (int, float)) and 0 <= seconds < 1e9 else {}


def _last_line(path: Path) -> str:
    lines = [line for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return "".join(letter for letter in (lines[-1] if lines else "it failed") if letter.isprintable())[:4096]


def _reported(found: Sequence[tuple[Path, Mapping[str, Any], Sequence[Mapping[str, Any]]]]) -> list[str]:
    return sorted({name for _, _, reports in found for report in reports for name in report} - _BOOKKEEPING)[:20]
