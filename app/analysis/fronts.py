"""Several objectives at once: which trials are on the front, and how much of the space the front has conquered.

losses      smaller is better           (n, k)
reference   nothing beyond it counts    (k,)
"""

from typing import Any, Final

import numpy as np

from app.analysis.question import SEED, Column, Finding, Floats, Question, Truths, mean_ranks, spread, too_few

MOST_STEPS: Final = 200
MOST_EXACT: Final = 150
"""Trials whose volume in three dimensions is taken exactly, step by step; the work grows with their square."""
DARTS: Final = 20_000
"""Points of the estimate for more; its error is below one percent of the box."""


def pareto(question: Question) -> Finding:
    """Every completed trial with its objectives, and whether any other beats it in all of them."""
    rows = question.completed
    if len(rows) == 0:
        return too_few(0, 1)
    feasible = np.isin(rows, question.feasible)
    on_front = np.zeros(len(rows), dtype=bool)
    on_front[feasible] = non_dominated(question.all_losses(rows[feasible])) if feasible.any() else False
    others = np.flatnonzero(~on_front)
    best = np.flatnonzero(on_front)
    shown = best[spread(len(best), question.options.max_points)]
    room = question.options.max_points - len(shown)
    kept = np.sort(np.concatenate([shown, others[spread(len(others), room)]])).astype(np.intp)
    columns: dict[str, Column] = {"number": [question.trials.number[row] for row in rows[kept]]}
    for objective in question.objectives:
        name = objective.metric
        columns[f"metrics.{name}"] = [question.trials.metrics[row][name] for row in rows[kept]]
    columns |= {"feasible": feasible[kept].tolist(), "on_front": on_front[kept].tolist()}
    note = f"{len(shown)} of the {len(best)} trials on the front." if len(shown) < len(best) else None
    facts = {"front": len(best), "broken": int((~feasible).sum())}
    return Finding(columns, len(rows), 1, facts, note)


def hypervolume(question: Question) -> Finding:
    """How much the front has conquered after each trial that enlarged it.

    The reference point is the worst of every objective among the completed trials, a tenth of the range further out;
    it moves with the study, so compare studies only by one reference.

    Source: Zitzler and Thiele 1998; exact for two objectives and for small fronts of three, by 20,000 fixed points
    beyond.
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
    volumes, is_exact = _volumes(losses[entries], np.searchsorted(entries, shown), reference)
    signs = np.array([1.0 if o.goal == "minimize" else -1.0 for o in question.objectives])
    columns: dict[str, Column] = {
        "number": [question.trials.number[row] for row in rows[shown]],
        "hypervolume": volumes,
    }
    facts = {
        "reference": (reference * signs).tolist(),
        "box": float((reference - best).prod()),
        "last_number": question.trials.number[int(rows[-1])],
        "is_exact": is_exact,
    }
    return Finding(columns, len(rows), 2, facts)


def best_of(question: Question, rows: Any, count: int) -> Any:
    """The best of some completed rows and whoever equals the last of them, the best first.

    Of several objectives those that lead by any of some weightings.

    Source: Knowles 2006 (ParEGO): the augmented Chebyshev weighting; here of ranks, so that units do not matter.
    """
    losses = question.all_losses(rows)
    if losses.shape[1] == 1:
        return rows[_smallest(losses[:, 0], count)]
    ranks = np.column_stack([mean_ranks(column) for column in losses.T])
    weights = np.vstack([np.eye(losses.shape[1]), np.random.default_rng(SEED).dirichlet(np.ones(losses.shape[1]), 14)])
    leads = [mean_ranks((weight * ranks).max(axis=1) + 0.05 * ranks @ weight) for weight in weights]
    return rows[_smallest(np.min(leads, axis=0), count)]


def _smallest(values: Floats, count: int) -> Any:
    order = np.argsort(values, kind="stable")
    return order[values[order] <= values[order[count - 1]]]


def non_dominated(losses: Floats) -> Truths:
    """Which rows no other row beats in all objectives, shape `(n,)`; equal rows are all kept."""
    kept = np.zeros(len(losses), dtype=bool)
    front = _Front(losses)
    for row in np.lexsort(losses.T[::-1]):  # by the first objective: nothing that comes later beats what is kept
        if not front.beats(losses[row]):
            kept[row] = True
            front.add(losses[row])
    return kept


def dominated_volume(losses: Floats, reference: Floats) -> float:
    """The volume between some losses `(n, k)` and a reference point; by darts for more than three objectives."""
    inside = losses[(losses < reference).all(axis=1)]
    if not len(inside):
        return 0.0
    match losses.shape[1]:
        case 1:
            return float(reference[0] - inside.min())
        case 2:
            return _area(inside[np.lexsort(inside.T[::-1])], reference)
        case 3:
            return _by_slices(inside[non_dominated(inside)], reference)
        case _:
            return float(_by_darts(inside, np.array([len(inside) - 1]), reference)[0])


class _Front:
    """Losses that were kept so far, a column for each objective: one comparison is over numbers that lie together."""

    def __init__(self, losses: Floats) -> None:
        self._columns = np.empty(losses.T.shape)
        self._count = 0

    def add(self, loss: Floats) -> None:
        """Keeps one more."""
        self._columns[:, self._count] = loss
        self._count += 1

    def covers(self, loss: Floats) -> bool:
        """Whether one that was kept is as good in every objective."""
        return bool(self._as_good(loss).any())

    def beats(self, loss: Floats) -> bool:
        """Whether one that was kept is as good in every objective, and better in one."""
        rivals = self._columns[:, : self._count][:, self._as_good(loss)]
        return bool((rivals < loss[:, None]).any())

    def _as_good(self, loss: Floats) -> Truths:
        found = np.ones(self._count, dtype=bool)
        for column, value in zip(self._columns, loss, strict=True):
            found &= column[: self._count] <= value
        return found


def _volumes(entries: Floats, shown: Any, reference: Floats) -> tuple[list[float], bool]:
    """The volume of the first entries up to each shown one, and whether it is exact."""
    if entries.shape[1] <= 2 or (entries.shape[1] == 3 and len(entries) <= MOST_EXACT):
        return [dominated_volume(entries[: last + 1], reference) for last in shown], True
    return _by_darts(entries, shown, reference).tolist(), False


def _area(losses: Floats, reference: Floats) -> float:
    """The same of two objectives, rows sorted by the first."""
    heights = np.minimum.accumulate(np.minimum(losses[:, 1], reference[1]))
    widths = np.diff(np.append(losses[:, 0], reference[0]))
    return float((widths * (reference[1] - heights)).sum())


def _by_slices(losses: Floats, reference: Floats) -> float:
    """The same of three: areas times the way to the next loss along the last."""
    by_first = losses[np.lexsort(losses.T[::-1])]
    heights = np.unique(losses[:, 2])
    depths = np.diff(np.append(heights, reference[2]))
    areas = [_area(by_first[by_first[:, 2] <= height], reference) for height in heights]
    return float((depths * areas).sum())


def _by_darts(entries: Floats, shown: Any, reference: Floats) -> Floats:
    """The share of darts that each entry and those before it dominate, as a volume; shape `(shown,)`."""
    low = entries.min(axis=0)
    darts = np.random.default_rng(SEED).uniform(low, reference, size=(DARTS, len(reference))).T.copy()
    hits = np.zeros(len(entries), dtype=np.intp)
    for index, loss in enumerate(entries):
        is_hit = np.ones(darts.shape[1], dtype=bool)
        for column, value in zip(darts, loss, strict=True):
            is_hit &= column >= value
        hits[index] = is_hit.sum()
        if hits[index]:
            darts = darts[:, ~is_hit]
    share = np.cumsum(hits)[shown] / DARTS
    return np.asarray(share * (reference - low).prod(), dtype=np.float64)


def _entries(losses: Floats) -> Any:
    """The rows that nobody before them beats or equals."""
    front = _Front(losses)
    found = []
    for row, loss in enumerate(losses):
        if not front.covers(loss):
            front.add(loss)
            found.append(row)
    return np.array(found, dtype=np.intp)
