"""Which parameters matter: PED-ANOVA (what sets the best trials apart) and fANOVA (what moves the value anywhere).

K   smoothing kernel over the bins of one axis   (bins, bins)
"""

from typing import Any, Final

import numpy as np

from app.analysis.fanova import decompose
from app.analysis.forest import DECOMPOSED, MOST_MODELLED, fit, needed_for
from app.analysis.question import SEED, Finding, Floats, Question, no_axis, spread, too_few
from studyhall.parameters import Parameter
from studyhall.study import Objective

BINS: Final = 50
TOP_SHARE: Final = 0.1
RESAMPLES: Final = 60
NEEDED: Final = 30
"""Trials for PED-ANOVA: below, the best tenth are fewer than three."""


def importance(question: Question) -> Finding:
    """How much each parameter matters, for each objective, as shares of what moves it, with an interval."""
    if not question.free:
        return no_axis()
    return _fanova(question) if question.options.method == "fanova" else _ped_anova(question)


def _ped_anova(question: Question) -> Finding:
    """Shares by PED-ANOVA; intervals from resampling the trials.

    Source: Watanabe, Bansal and Hutter 2023, "PED-ANOVA", eq. 16: the Pearson divergence between where the best trials
    are and where all are, per parameter. The best are the top tenth.
    """
    rows = question.completed
    if len(rows) < NEEDED:
        return too_few(len(rows), NEEDED)
    columns: dict[str, list[Any]] = {"parameter": [], "objective": [], "importance": [], "low": [], "high": []}
    for objective in objectives_of(question):
        shares = np.array([cells.sum(axis=0) for cells in ped_anova_cells(question, objective).values()])
        _add(columns, question, objective, shares)  # (d, 1 + resamples)
    facts = {"method": "ped_anova", "top_share": TOP_SHARE}
    return Finding(columns, len(rows), NEEDED, facts, _list_note(question))


def ped_anova_cells(question: Question, objective: Objective) -> dict[str, Floats]:
    """What each bin of each parameter adds to the importance of all, shape `(bins, 1 + RESAMPLES)` by name.

    As observed, then in each resample; all bins of all parameters sum to 1. A parameter with few values has a bin for
    each of them.
    """
    rows = question.completed
    places, losses = question.places(rows), question.losses(rows, objective)
    # Equals of the last one of them are among the best: to cut between them would be to choose by number.
    is_top = losses <= np.sort(losses)[max(3, int(len(rows) * TOP_SHARE)) - 1]
    if is_top.all():
        is_top[:] = False  # no trial is better than another, and what would be left is chance
    terms = [_divergences(p, places[:, j], is_top) for j, p in enumerate(question.free)]
    total = np.maximum(sum(each.sum(axis=0) for each in terms), 1e-300)
    return {p.name: each / total for p, each in zip(question.free, terms, strict=True)}


def _divergences(parameter: Parameter, places: Floats, is_top: Any) -> Floats:
    """The terms of one parameter's divergence, as observed and in each resample, shape `(bins, 1 + RESAMPLES)`."""
    active = places >= 0
    cells = parameter.cardinality
    bins = cells if cells is not None and cells <= BINS else BINS
    index = np.minimum((np.clip(places[active], 0, 1) * bins).astype(np.intp), bins - 1)
    everywhere = np.bincount(index, minlength=bins).astype(float)
    best = np.bincount(index[is_top[active]], minlength=bins).astype(float)
    if best.sum() < 2:
        return np.zeros((bins, 1 + RESAMPLES))
    random = np.random.default_rng(SEED)
    resampled = random.multinomial(int(best.sum()), best / best.sum(), size=RESAMPLES).astype(float)
    is_ordered = parameter.type != "categorical"
    tops = _smoothed(np.vstack([best, resampled]), is_ordered)
    base = _smoothed(everywhere[None, :], is_ordered)
    terms: Floats = base * (tops / base - 1) ** 2
    # What pure chance gives a parameter that does not matter: about (bins - 1) / n for unsmoothed counts.
    noise = (random.multinomial(int(best.sum()), everywhere / everywhere.sum(), size=RESAMPLES)).astype(float)
    expected = (base * (_smoothed(noise, is_ordered) / base - 1) ** 2).sum(axis=1).mean()
    divergence = terms.sum(axis=1)
    left = np.maximum(divergence - expected, 0.0) / np.maximum(divergence, 1e-300)
    return np.asarray((terms * left[:, None]).T * active.mean(), dtype=np.float64)


def _smoothed(counts: Floats, is_ordered: bool) -> Floats:
    """Counts as densities: a Parzen estimate, Scott's width along an ordered axis, and one trial's worth of prior."""
    bins = counts.shape[1]
    if is_ordered and bins > 2:
        at = np.arange(bins)
        total = counts[0].sum()
        mean = (counts[0] * at).sum() / total
        deviation = np.sqrt((counts[0] * (at - mean) ** 2).sum() / total)
        width = max(0.5, 1.059 * deviation * total**-0.2)
        K = np.exp(-0.5 * ((at[:, None] - at[None, :]) / width) ** 2)
        counts = counts @ (K / K.sum(axis=1, keepdims=True))
    counts = counts + 1.0 / bins
    return np.asarray(counts / counts.sum(axis=1, keepdims=True), dtype=np.float64)


def _fanova(question: Question) -> Finding:
    """Shares of the variance that a random forest sees, alone and in pairs; intervals are the spread over its trees.

    Source: Hutter, Hoos and Leyton-Brown 2014, "An Efficient Approach for Assessing Hyperparameter Importance".
    """
    rows = question.completed
    needed = needed_for(question)
    if len(rows) < needed:
        return too_few(len(rows), needed)
    rows = rows[spread(len(rows), MOST_MODELLED)]
    places = question.places(rows)
    columns: dict[str, list[Any]] = {"parameter": [], "objective": [], "importance": [], "low": [], "high": []}
    facts: dict[str, Any] = {"method": "fanova", "interactions": {}, "explained": {}}
    for objective in objectives_of(question):
        forest = fit(places, question.losses(rows, objective))
        alone, pairs = decompose(forest.trees[:DECOMPOSED], len(question.free))  # (d, trees)
        _add(columns, question, objective, alone)
        facts["explained"][objective.metric] = round(forest.explained, 4)
        facts["interactions"][objective.metric] = [
            {"parameters": [question.free[j].name, question.free[k].name], "importance": round(float(share), 6)}
            for (j, k), share in sorted(pairs.items(), key=lambda pair: -pair[1])
        ]
    return Finding(columns, len(rows), needed, facts, doubt(facts["explained"]) or _list_note(question))


def objectives_of(question: Question) -> tuple[Objective, ...]:
    """The objective asked about, or all of them."""
    return (question.objective,) if question.options.objective else question.objectives


def _add(columns: dict[str, list[Any]], question: Question, objective: Objective, shares: Floats) -> None:
    """One objective's rows, the most important first; `shares` is `(d, samples)`, the estimate first or their mean."""
    low, high = np.quantile(shares, [0.05, 0.95], axis=1)
    # A mean over trees, or the estimate itself beside its resamples: both lie within the quantiles after clipping.
    middle = shares.mean(axis=1)
    for j in np.argsort(-middle, kind="stable"):
        columns["parameter"].append(question.free[j].name)
        columns["objective"].append(objective.metric)
        columns["importance"].append(float(middle[j]))
        columns["low"].append(float(min(low[j], middle[j])))
        columns["high"].append(float(max(high[j], middle[j])))


def doubt(explained: dict[str, float]) -> str | None:
    """What to say of forests that explain little, by objective; None where they explain enough."""
    worst = min(explained.values())
    if worst >= 0.3:
        return None
    return f"The forest explains {100 * max(0.0, worst):.0f} % of what it has not seen: take these shares as a hint."


def _list_note(question: Question) -> str | None:
    names = [p.name for p in question.space.parameters if p.width > 1]
    return f"Left out, because their values are lists: {', '.join(names)}." if names else None


def most_important(question: Question, count: int) -> tuple[str, ...]:
    """The names of the most important parameters by PED-ANOVA; the first of the space where there are few trials."""
    found = _ped_anova(question).columns.get("parameter") or [p.name for p in question.free]
    return tuple(found[:count])
