"""Which operators matter at which position of an architecture, and whether they help.

A position is a decision between blocks: a `choice`, an edge of a cell, or whether an `optional` block is there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from app.analysis.fanova import by_cell
from app.analysis.forest import DECOMPOSED, MOST_MODELLED, fit, needed_for
from app.analysis.importance import NEEDED, doubt, objectives_of, ped_anova_cells
from app.analysis.progress import Z_90
from app.analysis.question import Column, Finding, Floats, Question, Truths, fenced, spread, too_few
from studyhall.architecture.plan import Chain, Edges, Leaf, Maybe, Pick, Repeat, Step
from studyhall.study import Objective

ANYWHERE: Final = "(anywhere)"
_COLUMNS: Final = (
    "position", "operator", "objective", "count", "importance", "low", "high", "effect", "effect_low", "effect_high",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Position:
    """One decision: its parameter, and which operator each of its values stands for."""

    parameter: str
    operators: dict[Any, str]


def operators(question: Question) -> Finding:
    """How much of the importance each operator has at each position, and how values differ with it and without.

    A parameter's importance is a sum over its values, by either method; these are its terms, so those of a position
    sum to what `importance` says of its parameter, but for what lies below noise. `effect` compares trials that have
    the operator there with those that decided otherwise there, in the objective's units, with nine tenths confidence
    (Welch 1947). `(anywhere)` compares networks that have chosen it at all with those that have not.

    Source: terms of the divergence in Watanabe, Bansal and Hutter 2023, eq. 16, or of the marginal variance in Hutter,
    Hoos and Leyton-Brown 2014, eq. 6.
    """
    architecture = question.space.architecture
    positions = [] if architecture is None else list(_positions(architecture.plan.root))
    if not positions:
        return Finding({}, 0, 1, note="There is no choice between operators in this study's space.")
    is_fanova = question.options.method == "fanova"
    rows, needed = question.completed, needed_for(question) if is_fanova else NEEDED
    if len(rows) < needed:
        return too_few(len(rows), needed)
    columns: dict[str, Column] = {name: [] for name in _COLUMNS}
    explained = {}
    for objective in objectives_of(question):
        if is_fanova:
            shares, explained[objective.metric] = _fanova_cells(question, objective)
        else:
            shares = ped_anova_cells(question, objective)
        _add_objective(columns, question, objective, positions, shares)
    facts = {"method": "fanova" if is_fanova else "ped_anova"} | ({"explained": explained} if is_fanova else {})
    return Finding(columns, len(rows), needed, facts, doubt(explained) if explained else None)


def _positions(step: Step) -> Iterator[Position]:
    match step:
        case Pick(parameter, options):
            yield Position(parameter, {name: _name(option, name) for name, option in options.items()})
            for option in options.values():
                yield from _positions(option)
        case Maybe(parameter, inner):
            yield Position(parameter, {True: _name(inner, "(there)"), False: "(left out)"})
            yield from _positions(inner)
        case Chain(steps) | Repeat(_, steps):
            seen = set()
            for inner in steps:
                for position in _positions(inner):
                    if position.parameter not in seen:  # tied repetitions decide once
                        seen.add(position.parameter)
                        yield position
        case Edges(_, edges):
            for edge in edges.values():
                yield from _positions(edge)


def _name(step: Step, otherwise: str) -> str:
    return step.operator.name if isinstance(step, Leaf) else otherwise


def _fanova_cells(question: Question, objective: Objective) -> tuple[dict[str, Floats], float]:
    rows = question.completed
    rows = rows[spread(len(rows), MOST_MODELLED)]
    forest = fit(question.places(rows), question.losses(rows, objective))
    cells = [parameter.cardinality or 0 for parameter in question.free]
    shares = by_cell(forest.trees[:DECOMPOSED], cells)
    return {parameter.name: each for parameter, each in zip(question.free, shares, strict=True)}, round(
        forest.explained, 4
    )


def _add_objective(
    columns: dict[str, Column],
    question: Question,
    objective: Objective,
    positions: list[Position],
    shares: dict[str, Floats],
) -> None:
    rows = question.completed
    losses = fenced(question.losses(rows, objective))
    values = losses if objective.goal == "minimize" else -losses
    everywhere: dict[str, tuple[Floats, Truths]] = {}
    found = []
    for position in positions:
        parameter = question.space.by_name[position.parameter]
        told = [question.trials.parameters[row].get(position.parameter) for row in rows]
        here = np.array([value is not None for value in told])
        for choice, operator in position.operators.items():
            has = np.array([value == choice for value in told])
            cell = int(parameter.to_units(choice)[0] * (parameter.cardinality or 1))
            share = shares[position.parameter][cell]  # (samples,)
            total, anywhere = everywhere.get(operator, (np.zeros(len(share)), np.zeros(len(rows), dtype=bool)))
            everywhere[operator] = total + share, anywhere | has
            found.append((position.parameter, str(choice), share, has, here & ~has))
    for operator, (share, has) in everywhere.items():
        if not operator.startswith("("):
            found.append((ANYWHERE, operator, share, has, ~has))
    for place, operator, share, has, others in sorted(found, key=lambda row: -row[2].mean()):
        cells = (place, operator, objective.metric, int(has.sum()), *_told(share), *_welch(values[has], values[others]))
        for name, cell_value in zip(_COLUMNS, cells, strict=True):
            columns[name].append(cell_value)


def _told(share: Floats) -> tuple[float, float, float]:
    """A share with nine tenths of its samples around it."""
    middle, (low, high) = float(share.mean()), np.quantile(share, [0.05, 0.95])
    return middle, min(float(low), middle), max(float(high), middle)


def _welch(ours: Floats, others: Floats) -> tuple[float | None, float | None, float | None]:
    """The difference of means, and the interval that holds it nine times in ten; None where too few were tried."""
    if min(len(ours), len(others)) < 5:
        return None, None, None
    difference = float(ours.mean() - others.mean())
    error = Z_90 * float(np.sqrt(ours.var(ddof=1) / len(ours) + others.var(ddof=1) / len(others)))
    return difference, difference - error, difference + error
