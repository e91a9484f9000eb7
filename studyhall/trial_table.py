"""Trials as the rows of one table, the same in CSV and in Parquet, and rows as trials to add to a study.

A column has one type: a parameter whose values are of several types, or lists, is a column of JSON text, and so are the
parameters of earlier versions of the space, the metrics that are no objective, and the labels.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from studyhall.errors import InvalidInput
from studyhall.parameters import Parameter
from studyhall.study import StudyDefinition
from studyhall.trial import Trial, TrialState
from studyhall.words import ParameterValue

Kind = Literal["int", "float", "bool", "text", "time", "json"]

FACTS: Final[dict[str, Kind]] = {
    "number": "int",
    "id": "text",
    "state": "text",
    "source": "text",
    "worker": "text",
    "attempt": "int",
    "created_at": "time",
    "started_at": "time",
    "finished_at": "time",
    "reason": "text",
    "note": "text",
}
PARAMETER, METRIC = "parameters.", "metrics."
OTHER_PARAMETERS, OTHER_METRICS, LABELS = "other_parameters", "other_metrics", "labels"
IMPORTED: Final = ("completed", "pruned", "infeasible", "failed", "waiting")
"""The states that a trial may be added in; one that was running or cancelled has no result to add."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "'")
"""What a spreadsheet would take for a formula, and our own sign against that."""


@dataclass(frozen=True, slots=True)
class TrialTable:
    """The table of one study's trials.

    Args:
        parameters: the columns of its space, with their kinds.
        metrics: its objectives, each a column; other metrics share one.
    """

    parameters: Mapping[str, Kind]
    metrics: Sequence[str]

    @property
    def columns(self) -> dict[str, Kind]:
        """Every column with its kind, in their order."""
        return {
            **FACTS,
            **{PARAMETER + name: kind for name, kind in self.parameters.items()},
            **dict.fromkeys((METRIC + name for name in self.metrics), "float"),
            OTHER_PARAMETERS: "json",
            OTHER_METRICS: "json",
            LABELS: "json",
        }

    def cells(self, trial: Trial) -> list[Any]:
        """A trial as values in the order of the columns; what it lacks is None."""
        fit = {
            name: _typed(value, self.parameters[name])
            for name, value in trial.parameters.items()
            if name in self.parameters
        }
        others = {name: value for name, value in trial.parameters.items() if fit.get(name) is None}
        other_metrics = {name: value for name, value in trial.metrics.items() if name not in self.metrics}
        return [
            *(_fact(trial, name) for name in FACTS),
            *(fit.get(name) for name in self.parameters),
            *(trial.metrics.get(name) for name in self.metrics),
            json.dumps(others) if others else None,
            json.dumps(other_metrics) if other_metrics else None,
            json.dumps(trial.labels) if trial.labels else None,
        ]

    def trial(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        """A trial to add, of a row that `cells` has made; None when it had neither ended nor waited.

        Raises:
            InvalidInput: a cell is not what its column says.
        """
        if row.get("state") not in IMPORTED:
            return None
        metrics = _json(row, OTHER_METRICS) | _present(row, dict.fromkeys(self.metrics, "float"), METRIC)
        others = {name: value for name, value in _json(row, OTHER_PARAMETERS).items() if name in self.parameters}
        told = {
            "parameters": others | _present(row, self.parameters, PARAMETER),
            "state": row["state"],
            "metrics": metrics,
            "reason": row.get("reason"),
            "note": row.get("note"),
            "labels": _json(row, LABELS),
        }
        return {name: value for name, value in told.items() if value not in (None, "", {}) or name == "parameters"}


def table_of(definition: StudyDefinition) -> TrialTable:
    """The table of a study's trials."""
    kinds = {parameter.name: _kind(parameter) for parameter in definition.space.scalars}
    return TrialTable(kinds, [objective.metric for objective in definition.objectives])


def cell_text(value: Any) -> str:
    """A value as a cell of CSV; text that a spreadsheet would take for a formula, or for nothing, gets a quote."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case int() | float():
            return repr(value)
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) or not text else text


def cell_value(text: str, kind: Kind) -> Any:
    """What `cell_text` was made of, except that times stay text.

    Raises:
        InvalidInput: the cell holds something else.
    """
    if text == "":
        return None
    try:
        match kind:
            case "int":
                return int(text)
            case "float":
                return float(text)
            case "bool":
                return {"true": True, "false": False}[text.lower()]
    except (ValueError, KeyError) as error:
        raise InvalidInput(f"'{text[:50]}' is no {kind}") from error
    return text.removeprefix("'")


def _fact(trial: Trial, name: str) -> Any:
    value = getattr(trial, name)
    return value.value if isinstance(value, TrialState) else None if value == "" else value


def _kind(parameter: Parameter) -> Kind:
    match parameter.type:
        case "int" | "float" | "bool":
            return parameter.type
        case "categorical" | "ordinal":
            values: Sequence[Any] = parameter.choices
        case "constant":
            values = [parameter.value]
        case _:
            return "json"
    kinds = {type(value) for value in values}
    alone: dict[type, Kind] = {str: "text", bool: "bool", int: "int", float: "float"}
    return alone.get(kinds.pop(), "json") if len(kinds) == 1 else "json"


def _typed(value: ParameterValue, kind: Kind) -> Any:
    if kind == "json":
        return json.dumps(value)
    # An earlier version of the space may have had another type under this name.
    fits: dict[Kind, type | tuple[type, ...]] = {"int": int, "float": (int, float), "bool": bool, "text": str}
    if not isinstance(value, fits[kind]) or (isinstance(value, bool) and kind != "bool"):
        return None
    return float(value) if kind == "float" and not isinstance(value, (str, list)) and value is not None else value


def _present(row: Mapping[str, Any], kinds: Mapping[str, Kind], prefix: str) -> dict[str, Any]:
    found = {name: row.get(prefix + name) for name in kinds}
    return {
        name: _read(value, prefix + name) if kinds[name] == "json" else value
        for name, value in found.items()
        if value is not None
    }


def _json(row: Mapping[str, Any], column: str) -> dict[str, Any]:
    found = _read(row.get(column) or "{}", column)
    if not isinstance(found, dict):
        raise InvalidInput(f"column '{column}' holds no JSON object")
    return found


def _read(text: str, column: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"column '{column}' holds no JSON: {error}") from error
