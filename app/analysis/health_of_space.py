"""Whether the space fits what the best trials say: bounds, choices, ranges, and what the budget can cover."""

from collections import Counter
from math import comb
from typing import Final

from app.analysis.fronts import best_of
from app.analysis.health_check import NEEDED, Check, numbers, percent, unknown
from app.analysis.question import Question
from studyhall.parameters import Parameter

TOP_SHARE: Final = 0.05
EDGE: Final = 0.05


def space_edges(question: Question) -> list[Check]:
    """The best trials press against a bound: the optimum may lie outside."""
    rows = question.feasible
    title = "The best trials lie inside the space"
    if len(rows) < NEEDED:
        return [unknown("space_edges", title, len(rows), "slice")]
    top = best_of(question, rows, max(8, int(len(rows) * TOP_SHARE)))
    places = question.places(top)
    found = []
    for j, parameter in enumerate(question.free):
        if parameter.type not in ("float", "int"):
            continue
        active = places[:, j] >= 0
        at, those = places[active, j], top[active]
        if len(at) < 5:
            continue
        # An integer's end values stand in the middle of their cells.
        edge = max(EDGE, 1.01 / parameter.cardinality if parameter.cardinality else 0.0)
        if edge > 0.2:
            continue  # so few values that the ends are where a trial must be
        for pressed, side in ((at <= edge, "low"), (at >= 1 - edge, "high")):
            share = float(pressed.mean())
            # By chance so many of them lie in a part of the range so large one time in a hundred.
            if share >= 0.5 and _at_least(int(pressed.sum()), len(at), edge) < 0.01:
                bound = getattr(parameter, side)
                evidence = f"{percent(share)} of the {len(at)} best trials have {parameter.name} next to {bound:g}"
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
                        numbers(question, those[pressed]),
                    )
                )
    return found or [
        Check("space_edges", "good", title, "", f"none of the {len(top)} best trials presses against a bound", "slice")
    ]


def losing_choices(question: Question) -> list[Check]:
    """A choice that never wins although it had its chance."""
    rows = question.feasible
    title = "Every choice has won, or had too few trials to tell"
    if len(rows) < NEEDED:
        return [unknown("losing_choices", title, len(rows), "slice")]
    top = best_of(question, rows, max(5, len(rows) // 4))
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
                        numbers(question, (row for row in rows if _text(question, row, parameter) == choice)),
                    )
                )
    return found or [Check("losing_choices", "good", title, "", f"{len(rows)} completed trials", "slice")]


def wide_ranges(question: Question) -> list[Check]:
    """A log-scaled range of which a large end is never any good: a learning rate that is too wide, most often."""
    rows = question.feasible
    title = "Ranges on a log scale fit the good trials"
    named = [(j, p) for j, p in enumerate(question.free) if getattr(p, "scale", "") == "log"]
    if not named:
        return []
    if len(rows) < NEEDED:
        return [unknown("wide_ranges", title, len(rows), "slice")]
    good = best_of(question, rows, len(rows) // 2)
    found = []
    for j, parameter in named:
        here, every = (question.places(each)[:, j] for each in (good, rows))
        active = every >= 0
        here, every, tried = here[here >= 0], every[active], rows[active]
        if len(here) < 10 or parameter.type not in ("float", "int"):
            continue
        low, high = float(here.min()), float(here.max())
        for wasted, beyond, side in ((low, every < low, "low"), (1 - high, every > high, "high")):
            # Half of all trials are good ones, that many misses in a row come by chance with 0.5 ** misses.
            if wasted >= 0.25 and (misses := int(beyond.sum())) >= 7:
                bound = parameter.from_units((low if side == "low" else high,))
                found.append(
                    Check(
                        "wide_ranges",
                        "look",
                        f"{parameter.name} is too wide at its {side} end",
                        f"Set the {side} bound of {parameter.name} near {bound:.2g}.",
                        f"all {misses} trials beyond {bound:.2g} are in the worse half",
                        "slice",
                        parameter.name,
                        numbers(question, tried[beyond]),
                    )
                )
    return found or [Check("wide_ranges", "good", title, "", f"{len(rows)} completed trials", "slice")]


def budget(question: Question) -> list[Check]:
    """Whether the budget can cover the space: ten trials for each parameter is a common least."""
    planned = question.study.get("max_trials")
    wanted = 10 * len(question.free)
    wanted = min(wanted, question.space.size or wanted)  # a small space is used up before
    title = "The budget fits the space"
    if planned is None:
        return [Check("budget", "good", title, "", "no limit of trials", "overview")]
    evidence = f"{planned} trials for {len(question.free)} parameters that vary"
    if planned < wanted:
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


def _at_least(hits: int, count: int, chance: float) -> float:
    """The probability of so many hits or more (binomial)."""
    return sum(comb(count, k) * chance**k * (1 - chance) ** (count - k) for k in range(hits, count + 1))


def _text(question: Question, row: int, parameter: Parameter) -> str | None:
    parameters = question.trials.parameters[row]
    return str(parameters[parameter.name]) if parameter.name in parameters else None
