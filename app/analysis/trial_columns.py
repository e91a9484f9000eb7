"""Trials as they are, in columns: for slices, parallel coordinates, ranks, distributions, time lines and curves."""

from typing import Any

import numpy as np

from app.analysis.question import Column, Finding, Question, mean_ranks, spread, too_few


def slices(question: Question) -> Finding:
    """Completed trials with their values and parameters, evenly thinned out."""
    rows = question.completed[spread(len(question.completed), question.options.max_points)]
    metric = question.objective.metric
    columns = _numbers_and_states(question, rows)
    columns["value"] = [question.trials.metrics[row][metric] for row in rows]
    return Finding(columns | _parameters(question, rows), len(rows), facts={"objective": metric})


def parallel(question: Question) -> Finding:
    """All trials that have a result, with every objective and parameter: one line each."""
    metrics = [objective.metric for objective in question.objectives]
    told = [row for row, known in enumerate(question.trials.metrics) if all(name in known for name in metrics)]
    rows = np.array(told, dtype=np.intp)[spread(len(told), question.options.max_points)]
    columns = _numbers_and_states(question, rows)
    for name in metrics:
        columns[f"metrics.{name}"] = [question.trials.metrics[row][name] for row in rows]
    return Finding(columns | _parameters(question, rows), len(rows))


def rank(question: Question) -> Finding:
    """Completed trials with their rank among all: 0 is the best, 1 the worst; equal values share the mean rank."""
    rows = question.completed
    if len(rows) < 2:
        return too_few(len(rows), 2)
    ranks = mean_ranks(question.losses(rows)) / (len(rows) - 1)
    kept = spread(len(rows), question.options.max_points)
    columns = _numbers_and_states(question, rows[kept])
    columns["rank"] = ranks[kept].tolist()
    return Finding(columns | _parameters(question, rows[kept]), len(rows), 2, {"objective": question.objective.metric})


def edf(question: Question) -> Finding:
    """Which share of the completed trials is at least as good as a value: the empirical distribution function.

    The whole function of a search that goes on like this lies between `low` and `high` nine times in ten.

    Source: Dvoretzky, Kiefer and Wolfowitz 1956, with the constant of Massart 1990.
    """
    columns: dict[str, Column] = {name: [] for name in ("objective", "value", "share", "low", "high")}
    rows = question.completed
    if len(rows) < 2:
        return too_few(len(rows), 2)
    wanted = (question.objective,) if question.options.objective else question.objectives
    for objective in wanted:
        losses = np.sort(question.losses(rows, objective))
        kept = spread(len(losses), min(question.options.max_points, 1000))
        share = np.searchsorted(losses, losses[kept], side="right") / len(losses)
        columns["objective"] += [objective.metric] * len(kept)
        columns["value"] += (losses[kept] if objective.goal == "minimize" else -losses[kept]).tolist()
        reach = np.sqrt(np.log(2 / 0.1) / (2 * len(losses)))
        columns["share"] += share.tolist()
        columns["low"] += np.maximum(share - reach, 0).tolist()
        columns["high"] += np.minimum(share + reach, 1).tolist()
    return Finding(columns, len(rows), 2)


def timeline(question: Question) -> Finding:
    """Who ran which attempt, when, and how it ended: the last ones that fit."""
    columns = {name: list(column) for name, column in question.attempts.items()}
    used = len(columns["number"])
    note = f"The last {used} attempts." if used >= question.options.max_points else None
    return Finding(columns, used, facts={"now": question.now, "workers": len(set(columns["worker"]))}, note=note)


def curves(question: Question) -> Finding:
    """What trials reported step by step: named ones, or those that run, the best, and some of those stopped early."""
    columns = {name: list(column) for name, column in question.curves.items()}
    trials = question.trials
    shown = set(columns["number"])
    rows = [row for row, number in enumerate(trials.number) if number in shown]
    facts = {
        "objective": question.objective.metric,
        "trials": {
            "number": [trials.number[row] for row in rows],
            "state": [trials.state[row] for row in rows],
            "reason": [trials.columns["reason"][row] for row in rows],
        },
    }
    return Finding(columns, len(rows), facts=facts)


def _numbers_and_states(question: Question, rows: Any) -> dict[str, Column]:
    return {
        "number": [question.trials.number[row] for row in rows],
        "state": [question.trials.state[row] for row in rows],
    }


def _parameters(question: Question, rows: Any) -> dict[str, Column]:
    asked = {p.name for p in question.asked()} if question.options.parameters else question.space.by_name.keys()
    return {
        f"parameters.{name}": [question.trials.parameters[row].get(name) for row in rows]
        for name in question.space.by_name
        if name in asked
    }
