"""How the value depends on parameters, as a forest sees it: along one, over two, and on the way from the default.

background   places of trials over which the others are averaged   (b, d)
"""

from typing import Any, Final

import numpy as np

from app.analysis.forest import MOST_MODELLED, Forest, fit, needed_for
from app.analysis.importance import most_important
from app.analysis.question import INACTIVE, Column, Finding, Floats, Question, axis_of, spread, too_few
from studyhall.parameters import Parameter, has_default

BACKGROUND: Final = 150
ICE_LINES: Final = 25
MOST_PARAMETERS: Final = 24
SHOWN_TRIALS: Final = 500


def partial_dependence(question: Question) -> Finding:
    """The expected value along each parameter, averaged over the others, with what single trials would do (ICE).

    `low` and `high` hold nine tenths of the forest's trees: how sure it is of the average, not how trials scatter.

    Source: Friedman 2001, section 8.2; individual curves: Goldstein et al. 2015.
    """
    forest, rows, missing = _modelled(question)
    if forest is None:
        return missing
    background = question.places(rows[spread(len(rows), BACKGROUND)])
    asked = question.asked(most_important(question, MOST_PARAMETERS))
    columns: dict[str, Column] = {name: [] for name in ("parameter", "place", "value", "mean", "low", "high")}
    ice: dict[str, list[list[float]]] = {}
    for parameter in asked:
        j = question.free.index(parameter)
        seen = background[background[:, j] >= 0] if parameter.when is not None else background
        if not len(seen):
            continue
        places, values = axis_of(parameter)
        told = _along(question, forest, seen, {j: places})  # (trees, grid, b)
        mean = told.mean(axis=2)
        columns["parameter"] += [parameter.name] * len(places)
        columns["place"] += places.tolist()
        columns["value"] += values
        _add_band(columns, mean)
        ice[parameter.name] = told.mean(axis=0).T[spread(len(seen), ICE_LINES)].tolist()
    facts = {"objective": question.objective.metric, "explained": forest.explained, "ice": ice}
    return Finding(columns, len(rows), needed_for(question), facts, _doubt(forest))


def contour(question: Question) -> Finding:
    """The expected value over two parameters, averaged over the others, on a grid; and the trials there.

    Without names, the two most important ones.
    """
    chosen = question.asked(most_important(question, 2))[:2]
    if len(chosen) < 2:
        return Finding({}, 0, 1, note="A contour needs two parameters that may vary.")
    forest, rows, missing = _modelled(question)
    if forest is None:
        return missing
    background = question.places(rows[spread(len(rows), BACKGROUND // 3)])
    (x, y), (j, k) = chosen, [question.free.index(parameter) for parameter in chosen]
    (x_places, x_values), (y_places, y_values) = axis_of(x), axis_of(y)
    at = np.array([(a, b) for b in range(len(y_places)) for a in range(len(x_places))])
    told = _along(question, forest, background, {j: x_places[at[:, 0]], k: y_places[at[:, 1]]}).mean(axis=2)
    columns: dict[str, Column] = {
        "x": [x_values[a] for a in at[:, 0]],
        "y": [y_values[b] for b in at[:, 1]],
        "x_place": x_places[at[:, 0]].tolist(),
        "y_place": y_places[at[:, 1]].tolist(),
    }
    _add_band(columns, told)
    shown = rows[spread(len(rows), SHOWN_TRIALS)]
    places = question.places(shown)
    both = (places[:, j] >= 0) & (places[:, k] >= 0)
    facts = {
        "objective": question.objective.metric,
        "x": x.name,
        "y": y.name,
        "explained": forest.explained,
        "trials": {
            "number": [question.trials.number[row] for row in shown[both]],
            "x": [question.trials.parameters[row][x.name] for row in shown[both]],
            "y": [question.trials.parameters[row][y.name] for row in shown[both]],
            "value": [question.trials.metrics[row][question.objective.metric] for row in shown[both]],
        },
    }
    return Finding(columns, len(rows), needed_for(question), facts, _doubt(forest))


def ablation(question: Question) -> Finding:
    """The way from the default to the best trial, one parameter at a time, the most useful change first.

    Where a parameter has no default, its middle stands in. Values are the forest's, but for none of the steps is a
    trial run.

    Source: Fawcett and Hoos 2016; with a surrogate: Biedenkapp et al. 2017.
    """
    forest, rows, missing = _modelled(question)
    if forest is None:
        return missing
    candidates = question.feasible if len(question.feasible) else rows
    best = question.trials.parameters[int(candidates[np.argmin(question.losses(candidates))])]
    here = {p.name: p.default if has_default(p) else p.middle() for p in question.space.scalars}
    goal = {**here, **best}
    columns: dict[str, Column] = {name: [] for name in ("parameter", "before", "after", "mean", "low", "high")}
    left = [p.name for p in question.free if here[p.name] != goal[p.name] and p.name in best]
    _add_step(columns, question, forest, "(default)", None, None, here)
    while left:
        options = [_place(question, here | {name: goal[name]}) for name in left]
        name = left.pop(int(np.argmin(forest.predict(np.array(options))[0])))
        before, here = here[name], here | {name: goal[name]}
        _add_step(columns, question, forest, name, before, goal[name], here)
    invented = [p.name for p in question.free if not has_default(p)]
    note = _doubt(forest)
    if invented and note is None:
        note = f"Without a default, the middle stands in for: {', '.join(invented[:8])}."
    facts = {"objective": question.objective.metric, "explained": forest.explained}
    return Finding(columns, len(rows), needed_for(question), facts, note)


def _modelled(question: Question) -> tuple[Forest | None, Any, Finding]:
    rows = question.completed
    needed = needed_for(question)
    if not question.free:
        return None, rows, Finding({}, len(rows), needed, note="No parameter of this space can vary along an axis.")
    if len(rows) < needed:
        return None, rows, too_few(len(rows), needed)
    rows = rows[spread(len(rows), MOST_MODELLED)]
    return fit(question.places(rows), question.losses(rows)), rows, too_few(0, 0)


def _along(question: Question, forest: Forest, background: Floats, places: dict[int, Floats]) -> Floats:
    """What each tree expects at grid places of some columns, for every row of the background.

    Returns: shape `(trees, grid, b)`, in the objective's own units.
    """
    grid = len(next(iter(places.values())))
    rows = np.tile(background, (grid, 1))
    for j, column in places.items():
        rows[:, j] = np.repeat(column, len(background))
    told = forest.each(rows).reshape(-1, grid, len(background))
    return told if question.objective.goal == "minimize" else -told


def _add_band(columns: dict[str, Column], by_tree: Floats) -> None:
    low, high = np.quantile(by_tree, [0.05, 0.95], axis=0)
    columns.setdefault("mean", []).extend(by_tree.mean(axis=0).tolist())
    columns.setdefault("low", []).extend(low.tolist())
    columns.setdefault("high", []).extend(high.tolist())


def _add_step(
    columns: dict[str, Column],
    question: Question,
    forest: Forest,
    name: str,
    before: Any,
    after: Any,
    values: dict[str, Any],
) -> None:
    columns["parameter"].append(name)
    columns["before"].append(before)
    columns["after"].append(after)
    _add_band(
        columns, _along(question, forest, _place(question, values)[None, :], {0: _place(question, values)[:1]})[:, :, 0]
    )


def _place(question: Question, values: dict[str, Any]) -> Floats:
    """The row of an assignment to all parameters, inactive ones marked as such."""
    active = question.space.resolve(values)
    return np.array([_at(p, active[p.name]) if p.name in active else INACTIVE for p in question.free])


def _at(parameter: Parameter, value: Any) -> float:
    return parameter.to_units(value)[0]


def _doubt(forest: Forest) -> str | None:
    if forest.explained >= 0.3:
        return None
    return f"The forest explains {100 * max(0.0, forest.explained):.0f} % of what it has not seen: take this as a hint."
