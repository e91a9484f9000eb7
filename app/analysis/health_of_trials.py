"""Whether trials run well and say something: failures, noise, predictions, progress, and what stops them early."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from app.analysis.health_check import MOST_SHOWN, NEEDED, Check, numbers, percent, unknown
from app.analysis.progress import NEEDED_FOR_CALIBRATION, Z_90, calibration, chance_of_better, rank_correlation
from app.analysis.question import Question
from studyhall.parameters import Parameter

MANY_FAIL: Final = 0.2
FEW_FAIL: Final = 0.05


def failures(question: Question) -> list[Check]:
    """How many trials fail, and where they cluster."""
    ended = [
        row
        for row, state in enumerate(question.trials.state)
        if state in ("completed", "pruned", "infeasible", "failed")
    ]
    bad = [row for row in ended if question.trials.state[row] in ("failed", "infeasible")]
    if len(ended) < 10:
        return [unknown("failures", "Trials run to their end", len(ended), "trials", needed=10)]
    share = len(bad) / len(ended)
    evidence = f"{len(bad)} of {len(ended)} trials failed or were infeasible"
    if share < FEW_FAIL:
        return [Check("failures", "good", "Trials run to their end", "", evidence, "trials")]
    status, where = "act" if share >= MANY_FAIL else "look", _cluster(question, ended, bad)
    if where is None:
        title = "Many trials fail, everywhere" if share >= MANY_FAIL else "Some trials fail"
        shown = numbers(question, bad[::-1])
        return [Check("failures", status, title, _reasons(question, bad), evidence, "trials", trials=shown)]
    advice = f"Take {where.region} out of the space, or forbid it by a constraint. {_reasons(question, where.bad)}"
    more = f"{evidence}; {percent(where.share)} where {where.region}, {percent(where.elsewhere)} elsewhere"
    title, shown = f"Failures cluster where {where.region}", numbers(question, where.bad[::-1])
    return [Check("failures", status, title, advice, more, "trials", where.parameter, shown)]


@dataclass(frozen=True, slots=True)
class _Cluster:
    """A region of one parameter, and how many fail there."""

    parameter: str
    region: str
    share: float
    elsewhere: float
    bad: list[int]
    """The rows that failed there."""


def _cluster(question: Question, ended: list[int], bad: list[int]) -> _Cluster | None:
    """The region of one parameter where trials fail most, beyond what chance would do."""
    is_bad = np.isin(ended, bad)
    places = question.places(ended)
    best: _Cluster | None = None
    for j, parameter in enumerate(question.free):
        active = places[:, j] >= 0
        for region, inside in _regions(parameter, places[:, j]):
            here, there = active & inside, active & ~inside
            if min(here.sum(), there.sum()) < 5:
                continue
            share, elsewhere = float(is_bad[here].mean()), float(is_bad[there].mean())
            chance = np.sqrt(is_bad.mean() * (1 - is_bad.mean()) * (1 / here.sum() + 1 / there.sum()))
            if share - elsewhere <= max(0.3, 4 * chance):
                continue
            if best is None or share - elsewhere > best.share - best.elsewhere:
                best = _Cluster(parameter.name, region, share, elsewhere, np.array(ended)[here & is_bad].tolist())
    return best


def _regions(parameter: Parameter, places: Any) -> list[tuple[str, Any]]:
    if parameter.type in ("categorical", "ordinal", "bool"):
        cells = parameter.cardinality or 1
        index = np.floor(places * cells)
        return [
            (f"{parameter.name} = {parameter.from_units(((k + 0.5) / cells,))}", index == k)
            for k in range(min(cells, 50))
        ]
    found = []
    for at in (0.25, 0.5, 0.75):
        value = parameter.from_units((at,))
        text = f"{value:.3g}" if isinstance(value, float) else str(value)
        found += [(f"{parameter.name} > {text}", places > at), (f"{parameter.name} < {text}", places < at)]
    return found


def _reasons(question: Question, rows: list[int]) -> str:
    told = question.trials.columns["reason"]
    firsts = Counter(str(told[row]).strip().splitlines()[-1][:120] for row in rows if told[row])
    if not firsts:
        return "Open one of them and read its log."
    reason, count = firsts.most_common(1)[0]
    return f"The most frequent reason ({count} times): {reason}"


def noise_against_differences(question: Question) -> list[Check]:
    """Whether results of one assignment differ more than good assignments do among themselves.

    Repeats tell it best; without them the engine's model does: what it takes for noise is all that the parameters do
    not explain.
    """
    rows = question.feasible
    told = _repeats(question) or _unexplained(question)
    if told is None:
        advice = "Run the best trials again (retry) to learn how far their values can be trusted."
        few = "hardly any assignment was run twice"
        return [Check("noise", "unknown", "How noisy a trial is", advice, few, "trials")]
    losses = question.losses(rows)
    gap = float(np.median(losses) - losses.min())
    if gap == 0:
        advice = "Report a finer metric: this one does not tell the better half of all trials apart."
        return [Check("noise", "look", "Many trials are equally good", advice, "half of all equal the best", "edf")]
    evidence = f"{told.text} by {told.deviation:.3g}, the better half of all trials by {gap:.3g}"
    if told.deviation <= 0.25 * gap:
        return [Check("noise", "good", "Differences are larger than noise", "", evidence, "edf", trials=told.trials)]
    advice = "Average several runs in one trial (seeds, folds), then search on."
    status = "act" if told.trials else "look"
    return [Check("noise", status, "Noise is as large as the differences", advice, evidence, "edf", trials=told.trials)]


@dataclass(frozen=True, slots=True)
class _Noise:
    """How far results scatter that should be equal, and how that is known."""

    deviation: float
    text: str
    trials: tuple[int, ...] = ()


def _repeats(question: Question) -> _Noise | None:
    groups: dict[str, list[int]] = {}
    for row in question.feasible:
        key = repr(sorted(question.trials.parameters[row].items(), key=str))
        groups.setdefault(key, []).append(int(row))
    repeated = [rows for rows in groups.values() if len(rows) > 1]
    count = sum(len(rows) for rows in repeated)
    if count < 4:
        return None
    values = [question.losses(rows) for rows in repeated]
    deviation = float(np.sqrt(sum(((v - v.mean()) ** 2).sum() for v in values) / (count - len(repeated))))
    return _Noise(deviation, "repeats differ", numbers(question, (row for rows in repeated for row in rows)))


def _unexplained(question: Question) -> _Noise | None:
    if question.engine_model is None or question.space.architecture is not None or len(question.feasible) < NEEDED:
        return None
    deviation = question.engine_model(question).noise
    if deviation is None:
        return None
    return _Noise(deviation, "by the engine's model results scatter around what the parameters explain")


def calibrated(question: Question) -> list[Check]:
    """Whether the engine's intervals hold what they promise, and whether it can tell good from bad."""
    found = calibration(question)
    title = "The engine's predictions hold"
    if found.used < max(NEEDED_FOR_CALIBRATION, 20):
        return [unknown("calibration", title, found.used, "calibration", needed=20, what="predicted trials")]
    coverage, correlation = found.facts["coverage"]["0.9"], found.facts["rank_correlation"]
    at_most = found.facts["coverage_interval"]["0.9"][1]
    evidence = f"{percent(coverage)} of results lie in their 90 % interval; rank correlation {correlation:.2f}"
    if at_most < 0.8:
        return [
            Check(
                "calibration",
                "look",
                "The engine is too sure of itself",
                "Look for a source of noise, or a parameter that is not in the space; or try another algorithm.",
                evidence,
                "calibration",
                trials=tuple(
                    n for n, z in zip(found.columns["number"], found.columns["z"], strict=True) if abs(z) > Z_90
                )[:MOST_SHOWN],
            )
        ]
    return [Check("calibration", "good", title, "", evidence, "calibration")]


def stalled(question: Question) -> list[Check]:
    """Whether the search still finds anything better."""
    rows = question.feasible
    title = "The search still improves"
    if len(rows) < NEEDED or question.study.get("state") != "active" or len(question.objectives) > 1:
        return []
    best = np.minimum.accumulate(question.losses(rows))
    improved = np.flatnonzero(np.diff(best, prepend=np.inf) < 0)
    each = question.total / len(question.trials)  # of very many trials only every so many-th was read
    since, count = round((len(rows) - 1 - improved[-1]) * each), len(rows) * each
    shown = numbers(question, [int(rows[improved[-1]])])
    evidence = f"the best is {since} completed trials old"
    if since > max(50, count / 2):
        chance = percent(chance_of_better(improved, len(rows), 10 / each))
        return [
            Check(
                "stalled",
                "look",
                "Nothing better for a long time",
                f"Stop here, or change the space: ten more trials find a better one with a chance of {chance}.",
                evidence,
                "convergence",
                trials=shown,
            )
        ]
    return [Check("stalled", "good", title, "", evidence, "convergence")]


def stopping(question: Question) -> list[Check]:
    """Whether early stopping throws away what would have won: how well early values tell the final ones."""
    if question.study.get("stopping", "none") == "none" or not question.curves.get("number"):
        return []
    by_trial: dict[int, list[float]] = {}
    for number, value in zip(question.curves["number"], question.curves["value"], strict=True):
        by_trial.setdefault(number, []).append(value)
    completed = {question.trials.number[row] for row in question.completed}
    full = [values for number, values in by_trial.items() if number in completed and len(values) >= 4]
    if len(full) < 12:
        return [unknown("stopping", "Early values tell the final ones", len(full), "curves", needed=12)]
    early = np.array([values[len(values) // 4] for values in full])
    correlation = rank_correlation(early, np.array([values[-1] for values in full]))
    evidence = f"rank correlation {correlation:.2f} between a quarter of the way and the end, {len(full)} trials"
    if correlation < 0.4:
        return [
            Check(
                "stopping",
                "look",
                "Early values say little about the end",
                "Stop later (a higher first level) or not at all: the rule may end future winners.",
                evidence,
                "curves",
            )
        ]
    return [Check("stopping", "good", "Early values tell the final ones", "", evidence, "curves")]
