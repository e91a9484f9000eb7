"""How the value depends on parameters, as a model sees it: along one, over two, and on the way from the default.

The model is the engine's own where it is at home, since its intervals are those that the search goes by; else a forest.
"""

from typing import Any, Final

import numpy as np

from app.analysis.forest import ForestModel
from app.analysis.forest import needed_for as needed_for_forest
from app.analysis.importance import most_important
from app.analysis.model import Expected, Model
from app.analysis.question import Column, Finding, Floats, Question, axis_of, no_axis, spread, too_few
from studyhall.parameters import has_default

BACKGROUND: Final = 150
BACKGROUND_OF_ENGINE: Final = 60
"""Each of its points costs a covariance with every result; a forest's points are cheap."""
ICE_LINES: Final = 16
MOST_PARAMETERS: Final = 24
SHOWN_TRIALS: Final = 500
MOST_COLUMNS: Final = 40
"""Beyond so many columns the engine's lengthscales are hardly learnt, and a forest tells more."""
NEEDED_BY_ENGINE: Final = 10
OTHERS: Final = "(the others)"


def partial_dependence(question: Question) -> Finding:
    """The expected value along each parameter, averaged over the others, with what single trials would do (ICE).

    `low` and `high` say how sure the model is of the average, not how trials scatter. The first of the single courses
    is the best trial's, where the parameter is active in it.

    Source: Friedman 2001, section 8.2; individual curves: Goldstein et al. 2015; with the engine's posterior:
    Moosbauer et al. 2021.
    """
    model, missing = _model_of(question)
    if model is None:
        return missing
    background = _background(question, model)
    columns: dict[str, Column] = {name: [] for name in ("parameter", "place", "value", "mean", "low", "high")}
    ice: dict[str, dict[str, Any]] = {name: {} for name in ("ice", "ice_low", "ice_high", "ice_trials")}
    for parameter in question.asked(most_important(question, MOST_PARAMETERS)):
        rows = [row for row in background if parameter.name in question.trials.parameters[row]]
        if not rows:
            continue
        places, values = axis_of(parameter)
        columns["parameter"] += [parameter.name] * len(places)
        columns["place"] += places.tolist()
        columns["value"] += values
        _add(columns, model.averages(_assignments(question, rows), {parameter.name: places}))
        lines = [rows[0], *(rows[1 + i] for i in spread(len(rows) - 1, ICE_LINES - 1))]
        told = model.courses(_assignments(question, lines), {parameter.name: places})
        for name, course in (("ice", told.mean), ("ice_low", told.low), ("ice_high", told.high)):
            ice[name][parameter.name] = _rounded(course)
        ice["ice_trials"][parameter.name] = [question.trials.number[row] for row in lines]
    return _finding(question, model, columns, ice)


def contour(question: Question) -> Finding:
    """The expected value over two parameters, averaged over the others, on a grid; and the trials there.

    Without names, the two most important ones.
    """
    chosen = question.asked(most_important(question, 2))[:2] if question.free else ()
    if len(chosen) < 2:
        return Finding({}, 0, 1, note="A contour needs two parameters that may vary.")
    model, missing = _model_of(question)
    if model is None:
        return missing
    background = _background(question, model)
    x, y = chosen
    (x_places, x_values), (y_places, y_values) = axis_of(x), axis_of(y)
    at = np.array([(a, b) for b in range(len(y_places)) for a in range(len(x_places))])
    columns: dict[str, Column] = {
        "x": [x_values[a] for a in at[:, 0]],
        "y": [y_values[b] for b in at[:, 1]],
        "x_place": x_places[at[:, 0]].tolist(),
        "y_place": y_places[at[:, 1]].tolist(),
    }
    thinned = [background[i] for i in spread(len(background), len(background) // 3 or 1)]
    grid = {x.name: x_places[at[:, 0]], y.name: y_places[at[:, 1]]}
    _add(columns, model.averages(_assignments(question, thinned), grid))
    facts = {"x": x.name, "y": y.name, "trials": _trials_at(question, x.name, y.name)}
    return _finding(question, model, columns, facts)


def ablation(question: Question) -> Finding:
    """The way from the default to the best trial, one parameter at a time, the most useful change first.

    Where a parameter has no default, its middle stands in. Values are the model's: for none of the steps is a trial
    run. Of very many parameters the last step takes all but the most important ones together.

    Source: Fawcett and Hoos 2016; with a model in place of runs: Biedenkapp et al. 2017.
    """
    model, missing = _model_of(question)
    if model is None:
        return missing
    sign = 1.0 if question.objective.goal == "minimize" else -1.0
    best = question.trials.parameters[_best_row(question)]
    here: dict[str, Any] = {p.name: p.default if has_default(p) else p.middle() for p in question.space.scalars}
    goal = {**here, **best}
    changed = [p.name for p in question.space.scalars if here[p.name] != goal[p.name] and p.name in best]
    leading = most_important(question, MOST_PARAMETERS)
    left = [name for name in changed if name in leading]
    steps: list[tuple[str, Any, Any]] = [("(default)", None, None)]
    way = [question.space.resolve(here)]
    while left:
        tried = model.points([question.space.resolve(here | {name: goal[name]}) for name in left])
        name = left.pop(int(np.argmin(sign * tried.mean)))
        steps.append((name, here[name], goal[name]))
        here = here | {name: goal[name]}
        way.append(question.space.resolve(here))
    if set(changed) - set(leading):
        steps.append((OTHERS, None, None))
        way.append(question.space.resolve(goal))
    columns: dict[str, Column] = dict(
        zip(("parameter", "before", "after"), map(list, zip(*steps, strict=True)), strict=True)
    )
    _add(columns, model.points(way))
    invented = [p.name for p in question.free if not has_default(p)]
    note = f"Without a default, the middle stands in for: {', '.join(invented[:8])}." if invented else None
    return _finding(question, model, columns, {"best": question.trials.number[_best_row(question)]}, note)


def _model_of(question: Question) -> tuple[Model | None, Finding]:
    """The model that was asked for, or the one that suits; None with the reason why there is none."""
    if not question.free:
        return None, no_axis()
    used, needed = len(question.completed), _needed(question)
    if used < needed:
        return None, too_few(used, needed)
    make = question.engine_model if _wants_engine(question) else None
    return (ForestModel(question) if make is None else make(question)), too_few(0, 0)


def _wants_engine(question: Question) -> bool:
    if question.engine_model is None or question.options.method == "forest":
        return False
    width = sum(parameter.width for parameter in question.space.scalars if parameter.cardinality != 1)
    return question.options.method == "model" or (question.space.architecture is None and width <= MOST_COLUMNS)


def _needed(question: Question) -> int:
    """The engine's intervals are wide where it knows little, so it may speak early; a forest's are not."""
    if _wants_engine(question):
        return max(NEEDED_BY_ENGINE, len(question.free))
    return needed_for_forest(question)


def _finding(
    question: Question, model: Model, columns: dict[str, Column], facts: dict[str, Any], note: str | None = None
) -> Finding:
    told = {"objective": question.objective.metric, "method": model.method, "explained": model.explained}
    return Finding(columns, len(question.completed), _needed(question), told | facts, _doubt(model) or note)


def _background(question: Question, model: Model) -> list[int]:
    """Rows of trials over which all but one parameter are averaged; the best trial is the first of them."""
    most = BACKGROUND if model.method == "forest" else BACKGROUND_OF_ENGINE
    best = _best_row(question)
    return [best, *(int(row) for row in question.completed[spread(len(question.completed), most)] if row != best)]


def _best_row(question: Question) -> int:
    """The best trial by the objective asked about."""
    candidates = question.feasible if len(question.feasible) else question.completed
    return int(candidates[np.argmin(question.losses(candidates))])


def _assignments(question: Question, rows: list[int]) -> list[dict[str, Any]]:
    return [question.trials.parameters[row] for row in rows]


def _trials_at(question: Question, x: str, y: str) -> dict[str, Column]:
    shown = question.completed[spread(len(question.completed), SHOWN_TRIALS)]
    rows = [row for row in shown if {x, y} <= question.trials.parameters[row].keys()]
    return {
        "number": [question.trials.number[row] for row in rows],
        "x": [question.trials.parameters[row][x] for row in rows],
        "y": [question.trials.parameters[row][y] for row in rows],
        "value": [question.trials.metrics[row][question.objective.metric] for row in rows],
    }


def _add(columns: dict[str, Column], expected: Expected) -> None:
    for name in ("mean", "low", "high"):
        columns.setdefault(name, []).extend(getattr(expected, name).tolist())


def _rounded(courses: Floats) -> list[list[float]]:
    """Six digits are more than a line on a screen can show, and half of the bytes."""
    return [[float(f"{value:.6g}") for value in course] for course in courses.tolist()]


def _doubt(model: Model) -> str | None:
    if model.explained >= 0.3:
        return None
    name, explained = "forest" if model.method == "forest" else "model", 100 * max(0.0, model.explained)
    return f"The {name} explains {explained:.0f} % of what it has not seen: take this as a hint."
