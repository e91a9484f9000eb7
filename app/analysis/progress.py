"""How a search goes: whether it still improves, where it may end, and whether its engine knows what it does."""

from math import erf, log, sqrt
from typing import Any, Final

import numpy as np

from app.analysis.question import Column, Finding, Floats, Question, mean_ranks, spread, too_few

NEEDED_FOR_PROJECTION: Final = 20
NEEDED_FOR_CALIBRATION: Final = 10
Z_90: Final = 1.6449
"""Standard deviations on either side that hold nine tenths of a normal distribution."""
_EXPONENTS: Final = np.geomspace(0.15, 2.5, 24)


def convergence(question: Question) -> Finding:
    """The best so far by completed trial, and where a power law takes it in as many trials again.

    `low` and `high` hold the laws that fit nearly as well as the best one. A projection is a hope, not a promise.

    Source: regret of a search falls about as a power of the trials (Jamieson and Talwalkar 2016, section 2, for random
    search; here fitted as best = a + b * n^-c by least squares over a grid of c).
    """
    rows = question.feasible
    if len(rows) == 0:
        return too_few(0, 1)
    losses = question.losses(rows)
    best = np.minimum.accumulate(losses)
    sign = 1.0 if question.objective.goal == "minimize" else -1.0
    improved = np.flatnonzero(np.diff(best, prepend=np.inf) < 0)
    kept = np.unique(np.concatenate([improved, spread(len(best), question.options.max_points)]))
    # Of very many trials only every so many-th was read: what is counted stands for as many.
    each = question.total / max(1, len(question.trials))
    columns: dict[str, Column] = {
        "count": np.rint((kept + 1) * each).astype(int).tolist(),
        "number": [question.trials.number[row] for row in rows[kept]],
        "best": (sign * best[kept]).tolist(),
        "is_projected": [False] * len(kept),
        "low": [None] * len(kept),
        "high": [None] * len(kept),
    }
    facts: dict[str, Any] = {
        "objective": question.objective.metric,
        "improvements": len(improved),
        "trials_since_best": round((len(best) - 1 - improved[-1]) * each),
    }
    if len(rows) >= NEEDED_FOR_PROJECTION:
        facts["chance_of_better_in_10"] = round(chance_of_better(improved, len(best), 10 / each), 4)
    if len(rows) < NEEDED_FOR_PROJECTION or len(improved) < 3:
        note = f"A projection takes {NEEDED_FOR_PROJECTION} completed trials and three improvements."
        return Finding(columns, len(rows), 1, facts, note)
    ahead = np.unique(np.geomspace(len(best) + 1, 2 * len(best), 20).astype(int))
    middle, low, high = (sign * told for told in _projected(best, ahead))
    columns["count"] += np.rint(ahead * each).astype(int).tolist()
    columns["number"] += [None] * len(ahead)
    columns["best"] += middle.tolist()
    columns["is_projected"] += [True] * len(ahead)
    columns["low"] += np.minimum(low, high).tolist()
    columns["high"] += np.maximum(low, high).tolist()
    facts["projected"] = {"trials": round(ahead[-1] * each), "best": float(middle[-1])}
    return Finding(columns, len(rows), 1, facts)


def chance_of_better(improved: Any, count: int, ahead: float) -> float:
    """The chance that the best of `count` trials is beaten within some more, by how often that came lately.

    Trial n of a random search is its best with probability 1 / n, so improvements are a Poisson process in the
    logarithm of n. Its rate is learnt from the later half of the trials, beginning from that of a random search.

    Source: Rényi 1962 (records); the rate has a gamma prior of shape and rate 1.
    """
    half = -(-count // 2)
    seen, exposure = int((improved >= half).sum()), log(count / half)
    return 1 - ((1 + exposure) / (1 + exposure + log(1 + ahead / count))) ** (1 + seen)


def _projected(best: Floats, ahead: Any) -> tuple[Floats, Floats, Floats]:
    n = np.unique(np.geomspace(1, len(best), 60).astype(int))  # evenly on a log axis: early trials must not outvote
    y = best[n - 1]
    laws = []
    for c in _EXPONENTS:
        A = np.column_stack([np.ones(len(n)), n**-c])
        (a, b), *_ = np.linalg.lstsq(A, y, rcond=None)
        laws.append((float(((A @ [a, b] - y) ** 2).sum()), a, max(b, 0.0), c))
    laws.sort(key=lambda law: law[0])
    near = [law for law in laws if law[0] <= 1.5 * laws[0][0] + 1e-300]
    # Each law goes on from where the search stands; none may get worse than that.
    told = np.array([np.minimum(best[-1] + b * (ahead**-c - float(len(best)) ** -c), best[-1]) for _, _, b, c in near])
    return told[0], told.min(axis=0), told.max(axis=0)


def calibration(question: Question) -> Finding:
    """What the engine predicted of its suggestions against what came out.

    `coverage` says which share of results lies within the central interval of each level, were errors normal; a well
    calibrated engine has 0.5 at 0.5. `coverage_interval` holds it nine times in ten. `rank_correlation` says whether it
    knows which suggestions are better.

    Source: Kuleshov, Fenner and Ermon 2018, section 2 (calibrated regression).
    """
    metric = question.objective.metric
    told = question.trials.columns["predicted"]
    rows = [row for row in question.completed if told[row] and told[row]["deviation"].get(metric, 0) > 0]
    if len(rows) < NEEDED_FOR_CALIBRATION:
        return too_few(len(rows), NEEDED_FOR_CALIBRATION, "completed trials with a prediction")
    mean = np.array([told[row]["mean"][metric] for row in rows])
    deviation = np.array([told[row]["deviation"][metric] for row in rows])
    value = np.array([question.trials.metrics[row][metric] for row in rows])
    z = (value - mean) / deviation
    levels = [0.1, 0.25, 0.5, 0.75, 0.9, 0.95]
    inside = np.array([erf(abs(float(each)) / sqrt(2)) for each in z])
    kept = spread(len(rows), question.options.max_points)
    columns: dict[str, Column] = {
        "number": [question.trials.number[rows[i]] for i in kept],
        "predicted": mean[kept].tolist(),
        "deviation": deviation[kept].tolist(),
        "value": value[kept].tolist(),
        "z": z[kept].tolist(),
    }
    facts = {
        "objective": metric,
        "coverage": {str(level): float((inside <= level).mean()) for level in levels},
        "coverage_interval": {str(level): wilson(float((inside <= level).mean()), len(inside)) for level in levels},
        "mean_error": float((value - mean).mean()),
        "rms_error": float(np.sqrt(((value - mean) ** 2).mean())),
        "rms_z": float(np.sqrt((z**2).mean())),
        "rank_correlation": rank_correlation(mean, value),
    }
    return Finding(columns, len(rows), NEEDED_FOR_CALIBRATION, facts)


def wilson(share: float, count: int) -> tuple[float, float]:
    """The interval that holds a share nine times in ten, given how many were counted.

    Source: Wilson 1927; unlike the normal interval it is right for shares near 0 and 1, and for small counts.
    """
    z2 = Z_90**2 / count
    middle, reach = (share + z2 / 2) / (1 + z2), sqrt(z2 * (share * (1 - share) + z2 / 4)) / (1 + z2)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def rank_correlation(a: Floats, b: Floats) -> float:
    """Spearman's correlation; 0 where one of them does not vary."""
    ranks = [mean_ranks(each) for each in (a, b)]
    if min(each.std() for each in ranks) == 0:
        return 0.0
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])
