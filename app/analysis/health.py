"""The health of a study: checks, each with plain advice, the evidence for it, and where to see it.

A check has a status: `good`, `look` (worth a look), `act` (something is wrong), or `unknown` (too few trials to say).
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from app.analysis.progress import NEEDED_FOR_CALIBRATION, calibration, rank_correlation
from app.analysis.question import Column, Finding, Question
from studyhall.parameters import Parameter

TOP_SHARE: Final = 0.05
EDGE: Final = 0.05
NEEDED: Final = 30
MANY_FAIL: Final = 0.2


@dataclass(frozen=True, slots=True)
class Check:
    """What one look at a study found."""

    name: str
    status: str
    title: str
    advice: str
    evidence: str
    see: str
    """The analysis, or the dashboard's tab, that shows it."""
    parameter: str | None = None


def health(question: Question) -> Finding:
    """What is wrong with a study, and what to do about it; the most urgent first."""
    checks = [found for look in _LOOKS for found in look(question)]
    order = {"act": 0, "look": 1, "unknown": 2, "good": 3}
    checks.sort(key=lambda check: order[check.status])
    names = ("name", "status", "title", "advice", "evidence", "see", "parameter")
    columns: dict[str, Column] = {name: [getattr(check, name) for check in checks] for name in names}
    worst = checks[0].status if checks else "unknown"
    return Finding(columns, len(question.completed), facts={"worst": worst})


def _edges(question: Question) -> list[Check]:
    """The best trials press against a bound: the optimum may lie outside."""
    rows = question.feasible
    title = "The best trials lie inside the space"
    if len(rows) < NEEDED:
        return [_unknown("space_edges", title, len(rows), "slice")]
    top = rows[np.argsort(question.losses(rows), kind="stable")[: max(8, int(len(rows) * TOP_SHARE))]]
    places = question.places(top)
    found = []
    for j, parameter in enumerate(question.free):
        if parameter.type not in ("float", "int"):
            continue
        at = places[places[:, j] >= 0, j]
        if len(at) < 5:
            continue
        # An integer's end values stand in the middle of their cells.
        edge = max(EDGE, 1.01 / parameter.cardinality if parameter.cardinality else 0.0)
        if edge > 0.2:
            continue  # so few values that the ends are where a trial must be
        for share, side in ((float((at <= edge).mean()), "low"), (float((at >= 1 - edge).mean()), "high")):
            if share >= 0.5:
                bound = getattr(parameter, side)
                evidence = f"{_percent(share)} of the {len(at)} best trials have {parameter.name} next to {bound:g}"
                advice = f"Widen the range of {parameter.name} beyond {bound:g}, if values there make sense."
                found.append(
                    Check(
                        "space_edges",
                        "look",
                        f"{parameter.name} presses against its {side} bound",
                        advice,
                        evidence,
                        "slice",
                        parameter.name,
                    )
                )
    return found or [
        Check("space_edges", "good", title, "", f"none of the {len(top)} best trials presses against a bound", "slice")
    ]


def _losers(question: Question) -> list[Check]:
    """A choice that never wins although it had its chance."""
    rows = question.feasible
    title = "Every choice has won, or had too few trials to tell"
    if len(rows) < NEEDED:
        return [_unknown("losing_choices", title, len(rows), "slice")]
    top = rows[np.argsort(question.losses(rows), kind="stable")[: max(5, len(rows) // 4)]]
    found = []
    for parameter in question.free:
        if parameter.type not in ("categorical", "ordinal", "bool"):
            continue
        tried = Counter(_text(question, row, parameter) for row in rows)
        won = Counter(_text(question, row, parameter) for row in top)
        for choice, count in tried.items():
            # By chance, all of `count` trials miss the best quarter with probability 0.75 ** count.
            if choice is not None and not won[choice] and 0.75**count < 0.01:
                found.append(
                    Check(
                        "losing_choices",
                        "look",
                        f"{parameter.name} = {choice} never wins",
                        f"Take {choice} out of {parameter.name}: the search spends trials on it.",
                        f"none of its {count} trials is in the best quarter",
                        "slice",
                        parameter.name,
                    )
                )
    return found or [Check("losing_choices", "good", title, "", f"{len(rows)} completed trials", "slice")]


def _failures(question: Question) -> list[Check]:
    """How many trials fail, and where they cluster."""
    ended = [
        row
        for row, state in enumerate(question.trials.state)
        if state in ("completed", "pruned", "infeasible", "failed")
    ]
    bad = [row for row in ended if question.trials.state[row] in ("failed", "infeasible")]
    if len(ended) < 10:
        return [_unknown("failures", "Trials run to their end", len(ended), "trials", needed=10)]
    share = len(bad) / len(ended)
    if share < MANY_FAIL:
        status = "good" if share < 0.05 else "look"
        return [
            Check(
                "failures",
                status,
                "Most trials run to their end",
                "" if status == "good" else _reasons(question, bad),
                f"{len(bad)} of {len(ended)} failed or were infeasible",
                "trials",
            )
        ]
    where = _cluster(question, ended, set(bad))
    evidence = f"{len(bad)} of {len(ended)} trials failed or were infeasible"
    if where is None:
        return [Check("failures", "act", "Many trials fail, everywhere", _reasons(question, bad), evidence, "trials")]
    parameter, region, inside, outside = where
    advice = f"Take {region} out of the space, or forbid it by a constraint. {_reasons(question, bad)}"
    more = f"{evidence}; {_percent(inside)} where {region}, {_percent(outside)} elsewhere"
    return [Check("failures", "act", f"Failures cluster where {region}", advice, more, "trials", parameter)]


def _cluster(question: Question, ended: list[int], bad: set[int]) -> tuple[str, str, float, float] | None:
    """The region of one parameter where trials fail most: (parameter, region, share there, share elsewhere)."""
    is_bad = np.array([row in bad for row in ended])
    places = question.places(ended)
    best: tuple[float, tuple[str, str, float, float]] | None = None
    for j, parameter in enumerate(question.free):
        active = places[:, j] >= 0
        for region, inside in _regions(parameter, places[:, j]):
            here, there = active & inside, active & ~inside
            if min(here.sum(), there.sum()) < 5:
                continue
            shares = float(is_bad[here].mean()), float(is_bad[there].mean())
            gap = shares[0] - shares[1]
            spread_ = np.sqrt(is_bad.mean() * (1 - is_bad.mean()) * (1 / here.sum() + 1 / there.sum()))
            if gap > 0.3 and gap > 4 * spread_ and (best is None or gap > best[0]):
                best = gap, (parameter.name, region, *shares)
    return None if best is None else best[1]


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


def _noise(question: Question) -> list[Check]:
    """Whether repeated assignments differ more than good assignments do among themselves."""
    rows = question.feasible
    groups: dict[str, list[float]] = {}
    for row in rows:
        key = repr(sorted(question.trials.parameters[row].items(), key=str))
        groups.setdefault(key, []).append(question.trials.metrics[row][question.objective.metric])
    repeated = [np.array(values) for values in groups.values() if len(values) > 1]
    count = sum(len(values) for values in repeated)
    title = "Differences are larger than noise"
    if count < 4:
        advice = "Run the best trials again (retry) to learn how far their values can be trusted."
        return [
            Check("noise", "unknown", "How noisy a trial is", advice, "hardly any assignment was run twice", "trials")
        ]
    noise = float(np.sqrt(sum(((v - v.mean()) ** 2).sum() for v in repeated) / (count - len(repeated))))
    losses = question.losses(rows)
    gap = float(np.median(losses) - losses.min())
    evidence = f"repeats differ by {noise:.3g}, the better half of all trials by {gap:.3g}"
    if noise > 0.25 * gap:
        return [
            Check(
                "noise",
                "act",
                "Noise is as large as the differences",
                "Average several runs in one trial (seeds, folds), then search on.",
                evidence,
                "edf",
            )
        ]
    return [Check("noise", "good", title, "", evidence, "edf")]


def _wide(question: Question) -> list[Check]:
    """A log-scaled range of which a large end is never any good: a learning rate that is too wide, most often."""
    rows = question.feasible
    title = "Ranges on a log scale fit the good trials"
    named = [(j, p) for j, p in enumerate(question.free) if getattr(p, "scale", "") == "log"]
    if not named:
        return []
    if len(rows) < NEEDED:
        return [_unknown("wide_ranges", title, len(rows), "slice")]
    losses = question.losses(rows)
    good = rows[np.argsort(losses, kind="stable")[: len(rows) // 2]]
    found = []
    for j, parameter in named:
        here, every = (question.places(each)[:, j] for each in (good, rows))
        here, every = here[here >= 0], every[every >= 0]
        if len(here) < 10 or parameter.type not in ("float", "int"):
            continue
        low, high = float(here.min()), float(here.max())
        for wasted, tried, side in (
            (low, int((every < low).sum()), "low"),
            (1 - high, int((every > high).sum()), "high"),
        ):
            # Half of all trials are good ones, so `tried` misses in a row come by chance with 0.5 ** tried.
            if wasted >= 0.25 and tried >= 7:
                bound = parameter.from_units((low if side == "low" else high,))
                found.append(
                    Check(
                        "wide_ranges",
                        "look",
                        f"{parameter.name} is too wide at its {side} end",
                        f"Set the {side} bound of {parameter.name} near {bound:.2g}.",
                        f"all {tried} trials beyond {bound:.2g} are in the worse half",
                        "slice",
                        parameter.name,
                    )
                )
    return found or [Check("wide_ranges", "good", title, "", f"{len(rows)} completed trials", "slice")]


def _budget(question: Question) -> list[Check]:
    """Whether the budget can cover the space: ten trials for each parameter is a common least."""
    budget = question.study.get("max_trials")
    wanted = 10 * len(question.free)
    title = "The budget fits the space"
    if budget is None:
        return [Check("budget", "good", title, "", "no limit of trials", "overview")]
    evidence = f"{budget} trials for {len(question.free)} parameters that vary"
    if budget < wanted:
        return [
            Check(
                "budget",
                "look",
                "The budget is small for this space",
                f"Plan at least {wanted} trials, or fix the parameters that matter least.",
                evidence,
                "importance",
            )
        ]
    return [Check("budget", "good", title, "", evidence, "overview")]


def _calibrated(question: Question) -> list[Check]:
    """Whether the engine's intervals hold what they promise, and whether it can tell good from bad."""
    found = calibration(question)
    title = "The engine's predictions hold"
    if found.used < max(NEEDED_FOR_CALIBRATION, 20):
        return [_unknown("calibration", title, found.used, "calibration", needed=20, what="predicted trials")]
    coverage, correlation = found.facts["coverage"]["0.9"], found.facts["rank_correlation"]
    evidence = f"{_percent(coverage)} of results lie in their 90 % interval; rank correlation {correlation:.2f}"
    if coverage < 0.6:
        return [
            Check(
                "calibration",
                "look",
                "The engine is too sure of itself",
                "Look for a source of noise, or a parameter that is not in the space; or try another algorithm.",
                evidence,
                "calibration",
            )
        ]
    return [Check("calibration", "good", title, "", evidence, "calibration")]


def _stalled(question: Question) -> list[Check]:
    """Whether the search still finds anything better."""
    rows = question.feasible
    title = "The search still improves"
    if len(rows) < NEEDED or question.study.get("state") != "active" or len(question.objectives) > 1:
        return []
    best = np.minimum.accumulate(question.losses(rows))
    since = len(rows) - 1 - int(np.flatnonzero(np.diff(best, prepend=np.inf) < 0)[-1])
    evidence = f"the best is {since} completed trials old"
    if since > max(50, len(rows) // 2):
        return [
            Check(
                "stalled",
                "look",
                "Nothing better for a long time",
                "Stop here, or change the space: more of the same will hardly help.",
                evidence,
                "convergence",
            )
        ]
    return [Check("stalled", "good", title, "", evidence, "convergence")]


def _pruning(question: Question) -> list[Check]:
    """Whether early stopping throws away what would have won: how well early values tell the final ones."""
    if question.study.get("stopping", "none") == "none" or not question.curves.get("number"):
        return []
    by_trial: dict[int, list[float]] = {}
    for number, value in zip(question.curves["number"], question.curves["value"], strict=True):
        by_trial.setdefault(number, []).append(value)
    completed = {question.trials.number[row] for row in question.completed}
    full = [values for number, values in by_trial.items() if number in completed and len(values) >= 4]
    if len(full) < 12:
        return [_unknown("stopping", "Early values tell the final ones", len(full), "curves", needed=12)]
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


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _unknown(name: str, title: str, used: int, see: str, *, needed: int = NEEDED, what: str = "trials") -> Check:
    return Check(name, "unknown", title, f"Wait for {needed} {what}.", f"{used} so far", see)


def _text(question: Question, row: int, parameter: Parameter) -> str | None:
    parameters = question.trials.parameters[row]
    return str(parameters[parameter.name]) if parameter.name in parameters else None


_LOOKS: Final[tuple[Callable[[Question], list[Check]], ...]] = (
    _failures,
    _noise,
    _edges,
    _wide,
    _losers,
    _budget,
    _calibrated,
    _stalled,
    _pruning,
)
