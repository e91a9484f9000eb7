"""Studies made for analyses: a space, a function, and trials of it in columns."""

import random
from collections.abc import Callable, Sequence
from typing import Any

from app.analysis.question import Options, Question, Trials
from studyhall.space import Space
from studyhall.study import Objective

SQUARE = Space.model_validate(
    {
        "parameters": (
            {"name": "x", "type": "float", "low": 0.0, "high": 1.0},
            {"name": "y", "type": "float", "low": 0.0, "high": 1.0},
            {"name": "kind", "type": "categorical", "choices": ("a", "b")},
        )
    }
)


def trials(space: Space, function: Callable[[dict[str, Any]], Any], count: int, **columns: Any) -> Trials:
    """Completed trials at random places; `function` gives the loss, metrics, or None for a failure."""
    source = random.Random(1)
    assignments = [space.from_units([source.random() for _ in range(space.width)]) for _ in range(count)]
    told = [function(dict(parameters)) for parameters in assignments]
    metrics = [each if isinstance(each, dict) or each is None else {"loss": each} for each in told]
    made: dict[str, list[Any]] = {
        "number": list(range(count)),
        "state": ["failed" if each is None else "completed" for each in metrics],
        "parameters": assignments,
        "metrics": metrics,
        "predicted": [None] * count,
        "reason": [None] * count,
    }
    return Trials(made | columns)


def question(
    space: Space,
    made: Trials,
    *,
    kind: str = "",
    objectives: Sequence[Objective] = (Objective(metric="loss"),),
    **fields: Any,
) -> Question:
    options = {name: fields.pop(name) for name in ("objective", "method", "parameters", "max_points") if name in fields}
    return Question(
        kind=kind,
        options=Options(**options),
        space=space,
        objectives=tuple(objectives),
        constraints=fields.pop("constraints", ()),
        trials=made,
        total=len(made),
        **fields,
    )
