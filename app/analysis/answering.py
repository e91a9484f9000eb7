"""From a question as it comes through the pipe to an answer as the API tells it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from math import isfinite
from typing import Any, Final

from pydantic import TypeAdapter

from app.analysis import dependence, fronts, progress, trial_columns
from app.analysis.health import health
from app.analysis.importance import importance
from app.analysis.model import Model
from app.analysis.operators import operators
from app.analysis.question import Finding, Options, Question, Trials
from studyhall.space import Space
from studyhall.study import Objective

_OBJECTIVES: Final = TypeAdapter(tuple[Objective, ...])

ANALYSES: Final[Mapping[str, Callable[[Question], Finding]]] = {
    "ablation": dependence.ablation,
    "calibration": progress.calibration,
    "contour": dependence.contour,
    "convergence": progress.convergence,
    "curves": trial_columns.curves,
    "edf": trial_columns.edf,
    "health": health,
    "hypervolume": fronts.hypervolume,
    "importance": importance,
    "operators": operators,
    "parallel": trial_columns.parallel,
    "pareto": fronts.pareto,
    "partial_dependence": dependence.partial_dependence,
    "rank": trial_columns.rank,
    "slice": trial_columns.slices,
    "timeline": trial_columns.timeline,
}


def answer(text: bytes, *, engine_model: Callable[[Question], Model] | None = None) -> bytes:
    """The JSON of an answer to the JSON of a question.

    Args:
        engine_model: fits the engine's own model; None: forests stand in for it.
    """
    told = json.loads(text)
    question = replace(read_question(told), engine_model=engine_model)
    return write_answer(question, ANALYSES[question.kind](question), told["head"])


def read_question(told: Mapping[str, Any]) -> Question:
    """A question from its JSON."""
    options: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in told["options"].items()
    }
    space = Space.model_validate_json(json.dumps(told["space"]))
    if told["study"].get("space_version", 1) > 1:
        # As engines see them: what came later into the space had its default then.
        earlier = told["trials"]["parameters"]
        told["trials"]["parameters"] = [space.backfilled(parameters) or parameters for parameters in earlier]
    return Question(
        kind=told["kind"],
        options=Options(**options),
        space=space,
        objectives=_OBJECTIVES.validate_json(json.dumps(told["objectives"])),
        constraints=tuple(told["constraints"]),
        trials=Trials(told["trials"]),
        total=told["total"],
        now=told["now"],
        study=told["study"],
        attempts=told["attempts"],
        curves=told["curves"],
    )


def write_answer(question: Question, finding: Finding, head: Mapping[str, Any]) -> bytes:
    """An answer as JSON, `studyhall.wire.results.Analysis`."""
    body = {
        **head,
        "kind": question.kind,
        "total": question.total,
        "used": finding.used,
        "needed": finding.needed,
        "is_enough": finding.used >= finding.needed,
        "is_sampled": question.is_sampled,
        "note": finding.note,
        "columns": finding.columns,
        "facts": finding.facts,
    }
    try:
        return json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
    except ValueError:  # a value that no longer fits into a double: told as absent
        return json.dumps(_finite(body), allow_nan=False, separators=(",", ":")).encode()


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, (list, tuple)) else value
