"""The usual charts of a study for notebooks, drawn by matplotlib (`pip install 'studyhall[notebook]'`).

    from studyhall import plots

    plots.history(study)
    plots.importance(study).figure.savefig("importance.png")

Each function asks the server for an analysis and draws it on the axes given, or on new ones, and answers the axes. What
the server will not say yet, for too few trials, stands in the chart in its words.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from studyhall.errors import Conflict, StudyhallError
from studyhall.study_analysis import StudyAnalysis
from studyhall.study_handle import StudyHandle

_MOST_CURVES: Final = 50


def history(study: StudyHandle, *, objective: str | None = None, axes: Any = None) -> Any:
    """Each trial's value by its number, and the best so far as a line: of the first objective by default."""
    told, axes = study.history(objective=objective), _axes(axes)
    known = [(number, value) for number, value in zip(told.number, told.value, strict=True) if value is not None]
    best = [(number, value) for number, value in zip(told.number, told.best, strict=True) if value is not None]
    if not known:
        return _say(axes, "no results yet")
    axes.scatter(*zip(*known, strict=True), s=12, alpha=0.6, label="trials")
    if best:
        axes.step(*zip(*best, strict=True), where="post", color="tab:red", label="best so far")
    axes.legend()
    return _named(axes, study.name, "trial", told.metric)


def importance(study: StudyHandle, *, objective: str | None = None, method: str | None = None, axes: Any = None) -> Any:
    """How much each parameter matters, with the interval of the estimate: of the first objective by default."""
    objective = objective or study.definition.objectives[0].metric
    told, axes = study.analysis("importance", objective=objective, method=method), _axes(axes)
    if not len(told):
        return _say(axes, told.note)
    rows = list(told.rows())[::-1]
    middle: list[Any] = [row["importance"] for row in rows]
    below = [each - row["low"] for each, row in zip(middle, rows, strict=True)]
    above = [row["high"] - each for each, row in zip(middle, rows, strict=True)]
    axes.barh([row["parameter"] for row in rows], middle, xerr=[below, above], ecolor="gray")
    return _named(axes, study.name, f"importance for {objective}", "")


def slices(study: StudyHandle, parameters: Sequence[str] = (), *, objective: str | None = None) -> Any:
    """The value over each parameter, side by side; answers an array of axes.

    Args:
        parameters: which; by default all of the space.
    """
    names = list(parameters) or [parameter.name for parameter in study.definition.space.scalars]
    told = study.analysis("slice", objective=objective, parameters=names)
    _, found = _pyplot().subplots(1, len(names), sharey=True, squeeze=False, figsize=(3.2 * len(names), 3.2))
    metric = objective or study.definition.objectives[0].metric
    for axes, name in zip(found[0], names, strict=True):
        if not len(told):
            _say(axes, told.note)
            continue
        points = [
            (_place(at), value)
            for at, value in zip(told.columns[f"parameters.{name}"], told.columns["value"], strict=True)
            if at is not None
        ]
        if points:
            axes.scatter(*zip(*points, strict=True), s=12, alpha=0.6)
        if getattr(study.definition.space.by_name.get(name), "scale", None) == "log":
            axes.set_xscale("log")
        _named(axes, "", name, metric if axes is found[0][0] else "")
    return found[0]


def pareto(study: StudyHandle, *, axes: Any = None) -> Any:
    """The first two objectives of every completed trial, and which no other beats.

    Raises:
        Conflict: the study has one objective.
    """
    metrics = [objective.metric for objective in study.definition.objectives]
    if len(metrics) < 2:
        raise Conflict("a front needs several objectives; plots.history draws one")
    told, axes = study.analysis("pareto"), _axes(axes)
    if not len(told):
        return _say(axes, told.note)
    for is_best, colour, label in ((False, "tab:gray", "others"), (True, "tab:red", "front")):
        rows = [row for row in told.rows() if row["on_front"] is is_best]
        across, up = ([row[f"metrics.{metric}"] for row in rows] for metric in metrics[:2])
        axes.scatter(across, up, s=14, color=colour, label=label)
    axes.legend()
    return _named(axes, study.name, *metrics[:2])


def curves(study: StudyHandle, trials: Sequence[int] = (), *, objective: str | None = None, axes: Any = None) -> Any:
    """What trials reported step by step; without numbers, those that run, the best and some that were stopped."""
    told = study.analysis("curves", objective=objective, trials=list(trials) or None)
    axes, lines = _axes(axes), _by_number(told)
    if not lines:
        return _say(axes, told.note or "no trial has reported yet")
    for number, (steps, values) in list(lines.items())[:_MOST_CURVES]:
        axes.plot(steps, values, linewidth=1, label=f"{number}")
    return _named(axes, study.name, "step", objective or study.definition.objectives[0].metric)


def _by_number(told: StudyAnalysis) -> dict[Any, tuple[list[Any], list[Any]]]:
    found: dict[Any, tuple[list[Any], list[Any]]] = defaultdict(lambda: ([], []))
    for row in told.rows():
        found[row["number"]][0].append(row["step"])
        found[row["number"]][1].append(row["value"])
    return dict(found)


def _place(value: Any) -> Any:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)


def _axes(axes: Any) -> Any:
    return _pyplot().subplots()[1] if axes is None else axes


def _pyplot() -> Any:
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise StudyhallError("charts need matplotlib: pip install 'studyhall[notebook]'") from error
    return pyplot


def _named(axes: Any, title: str, across: str, up: str) -> Any:
    axes.set(title=title, xlabel=across, ylabel=up)
    return axes


def _say(axes: Any, note: str | None) -> Any:
    axes.text(0.5, 0.5, note or "nothing to tell yet", ha="center", va="center", wrap=True, transform=axes.transAxes)
    axes.set_axis_off()
    return axes
