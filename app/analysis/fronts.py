"""Several objectives at once: which trials are on the front, and how much of the space the front has conquered.

losses      smaller is better           (n, k)
reference   nothing beyond it counts    (k,)
"""

from typing import Any, Final

import numpy as np

from app.analysis.question import SEED, Column, Finding, Floats, Question, Truths, spread, too_few

MOST_STEPS: Final = 200
DARTS: Final = 20_000
"""Points of the estimate for more than three objectives; its error is below one percent of the box."""


def pareto(question: Question) -> Finding:
    """Every completed trial with its objectives, and whether any other beats it in all of them."""
    rows = question.completed
    if len(rows) == 0:
        return too_few(0, 1)
    feasible = np.isin(rows, question.feasible)
    on_front = np.zeros(len(rows), dtype=bool)
    on_front[feasible] = non_dominated(question.all_losses(rows[feasible])) if feasible.any() else False
    others = np.flatnonzero(~on_front)
    room = max(0, question.options.max_points - int(on_front.sum()))
    kept = np.sort(np.concatenate([np.flatnonzero(on_front), others[spread(len(others), room)]])).astype(np.intp)
    columns: dict[str, Column] = {"number": [question.trials.number[row] for row in rows[kept]]}
    for objective in question.objectives:
        name = objective.metric
        columns[f"metrics.{name}"] = [question.trials.metrics[row][name] for row in rows[kept]]
    columns |= {"feasible": feasible[kept].tolist(), "on_front": on_front[kept].tolist()}
    return Finding(columns, len(rows), facts={"front": int(on_front.sum()), "broken": int((~feasible).sum())})


def hypervolume(question: Question) -> Finding:
    """How much the front has conquered after each trial that enlarged it.

    The reference point is the worst of every objective among the completed trials, a tenth of the range further out;
    it moves with the study, so compare studies only by one reference.

    Source: Zitzler and Thiele 1998; exact for two and three objectives, by 20,000 fixed points beyond.
    """
    rows = question.feasible
    if len(rows) < 2 or len(question.objectives) < 2:
        what = "completed trials of a study with several objectives"
        return too_few(len(rows) if len(question.objectives) > 1 else 0, 2, what)
    losses = question.all_losses(rows)
    worst, best = losses.max(axis=0), losses.min(axis=0)
    reference = worst + 0.1 * np.where(worst > best, worst - best, 1.0)
    entries = _entries(losses)
    shown = entries[spread(len(entries), MOST_STEPS)]
    volumes = [dominated_volume(losses[entries[entries <= last]], reference) for last in shown]
    signs = np.array([1.0 if o.goal == "minimize" else -1.0 for o in question.objectives])
    columns: dict[str, Column] = {
        "number": [question.trials.number[row] for row in rows[shown]],
        "hypervolume": volumes,
    }
    facts = {
        "reference": (reference * signs).tolist(),
        "box": float((reference - best).prod()),
        "last_number": question.trials.number[int(rows[-1])],
        "is_exact": losses.shape[1] <= 3,
    }
    return Finding(columns, len(rows), 2, facts)


def non_dominated(losses: Floats) -> Truths:
    """Which rows no other row beats in all objectives, shape `(n,)`; equal rows are all kept."""
    kept = np.zeros(len(losses), dtype=bool)
    order = np.lexsort(losses.T[::-1])
    front = np.empty((0, losses.shape[1]))
    for row in order:  # by the first objective: nothing that comes later beats what is already on the front
        loss = losses[row]
        beaten = ((front <= loss).all(axis=1) & (front < loss).any(axis=1)).any()
        if not beaten:
            kept[row] = True
            front = np.vstack([front, loss])
    return kept


def dominated_volume(losses: Floats, reference: Floats) -> float:
    """The volume between some losses `(n, k)` and a reference point."""
    inside = losses[(losses < reference).all(axis=1)]
    if not len(inside):
        return 0.0
    inside = inside[non_dominated(inside)]
    if losses.shape[1] > 3:
        return _by_darts(inside, reference)
    return _by_slices(inside, reference)


def _by_slices(losses: Floats, reference: Floats) -> float:
    if losses.shape[1] == 1:
        return float(reference[0] - losses.min())
    order = np.argsort(losses[:, -1], kind="stable")
    heights = np.append(losses[order, -1], reference[-1])
    total = 0.0
    for i in range(len(order)):
        depth = heights[i + 1] - heights[i]
        if depth > 0:
            total += depth * _by_slices(losses[order[: i + 1], :-1], reference[:-1])
    return float(total)


def _by_darts(losses: Floats, reference: Floats) -> float:
    low = losses.min(axis=0)
    darts = np.random.default_rng(SEED).uniform(low, reference, size=(DARTS, len(reference)))
    hit = np.zeros(DARTS, dtype=bool)
    for loss in losses:
        hit |= (darts >= loss).all(axis=1)
    return float(hit.mean() * (reference - low).prod())


def _entries(losses: Floats) -> Any:
    """The rows that nobody before them beats or equals."""
    front = np.empty((0, losses.shape[1]))
    found = []
    for row, loss in enumerate(losses):
        if (front <= loss).all(axis=1).any():
            continue
        front = np.vstack([front[~(front >= loss).all(axis=1)], loss])
        found.append(row)
    return np.array(found, dtype=np.intp)
