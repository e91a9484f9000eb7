"""Stopping rules: levels and verdicts."""

import pytest

from app.search.stopping import RULES, Course, Effort, Point, foretold, rule
from studyhall.errors import InvalidInput
from studyhall.study import Stopping


def points(*values: float) -> list[Point]:
    return [(value,) for value in values]


def levels(stopping: Stopping, steps: range, number: int = 0) -> list[int | None]:
    made = rule(stopping)
    assert made is not None
    return [made.level(step, number) for step in steps]


def verdict(stopping: Stopping, own: Point, others: list[Point]) -> str | None:
    made = rule(stopping)
    assert made is not None
    return made.verdict(own, others)


COURSES: list[Course] = [((x,), (x / 2,)) for x in (1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6)]


def test_a_curve_that_leads_nowhere_near_the_best_ends_early() -> None:
    made = rule(Stopping(rule="curve"))
    assert made is not None

    assert made.verdict((1.05,), [], COURSES) is None
    assert made.verdict((1.6,), [], COURSES) == "curve: 6 of 7 trials ended better than this one may hope to"


def test_where_a_level_says_nothing_of_the_end_the_curve_rule_stops_nobody() -> None:
    made = rule(Stopping(rule="curve"))
    assert made is not None
    ends = [0.7, 0.1, 0.9, 0.2, 0.8, 0.1, 0.9]
    courses: list[Course] = [((float(i),), (end,)) for i, end in enumerate(ends)]

    assert all(made.verdict((float(x),), [], courses) is None for x in range(7))


def test_the_curve_rule_waits_for_trials_that_ran_to_their_end() -> None:
    made = rule(Stopping(rule="curve", options={"min_trials": 8}))
    assert made is not None

    assert made.verdict((9.0,), [], COURSES) is None


def test_with_several_objectives_the_curve_rule_asks_who_would_dominate() -> None:
    made = rule(Stopping(rule="curve"))
    assert made is not None
    courses: list[Course] = [((x, 3.0 - x), (x, 3.0 - x)) for x in (0.5, 1.0, 1.5, 2.0, 2.5, 0.75, 1.25, 1.75)]

    assert made.verdict((0.1, 2.8), [], courses) is None
    assert made.verdict((2.4, 2.4), [], courses) is not None


@pytest.mark.parametrize("size", [1e-300, 1.0, 1e307])
def test_what_is_foretold_does_not_depend_on_the_unit(size: float) -> None:
    pairs = [(x * size, (2 * x + 0.1 * (-1) ** i) * size) for i, x in enumerate((1.0, 2.0, 3.0, 4.0))]

    assert foretold(2.5 * size, pairs, 1.0) / size == pytest.approx(
        foretold(2.5, [(a / size, b / size) for a, b in pairs], 1.0)
    )


def test_asha_compares_at_steps_that_double() -> None:
    assert levels(Stopping(rule="asha"), range(1, 10)) == [1, 2, 2, 4, 4, 4, 4, 8, 8]


def test_asha_begins_at_its_first_rung() -> None:
    found = levels(Stopping(rule="asha", options={"min_steps": 3, "eta": 3}), range(1, 28))

    assert found[:2] == [None, None]
    assert sorted({level for level in found if level}) == [3, 9, 27]


def test_hyperband_s_brackets_begin_ever_later() -> None:
    firsts = [
        next(level for level in levels(Stopping(rule="hyperband"), range(1, 9), number) if level) for number in range(4)
    ]

    assert firsts == [1, 2, 4, 1]


def test_the_median_rule_compares_at_regular_steps_after_its_warm_up() -> None:
    stopping = Stopping(rule="median", options={"warmup_steps": 2, "interval": 3})

    assert levels(stopping, range(9)) == [None, None, 2, 2, 2, 5, 5, 5, 8]


def test_the_worse_half_stops_and_the_better_half_goes_on() -> None:
    others = points(*range(1, 10))

    assert verdict(Stopping(rule="median"), (4.5,), others) is None
    assert verdict(Stopping(rule="median"), (9.5,), others) is not None


def test_nobody_stops_before_enough_trials_have_come_as_far() -> None:
    assert verdict(Stopping(rule="median"), (9.0,), points(1, 2, 3)) is None


def test_the_best_three_of_a_level_are_never_stopped() -> None:
    stopping = Stopping(rule="percentile", options={"percentile": 1})

    assert verdict(stopping, (3.0,), points(1, 2, 4, 5, 6, 7, 8, 9)) is None
    assert verdict(stopping, (3.5,), points(1, 2, 3, 5, 6, 7, 8, 9)) is not None


def test_at_a_rung_the_best_of_few_is_never_stopped_and_of_many_the_best_three() -> None:
    few, many = (Stopping(rule="asha", options={"eta": eta}) for eta in (4, 16))

    assert verdict(few, (1.5,), points(2.0, 3.0, 4.0)) is None
    assert verdict(few, (2.5,), points(2.0, 3.0, 4.0)) is not None
    assert verdict(many, (3.0,), points(1.0, 2.0, *range(4, 21))) is None


def test_equal_trials_go_on_together() -> None:
    assert verdict(Stopping(rule="asha"), (1.0,), points(*[1.0] * 20)) is None


def test_several_objectives_are_compared_by_domination() -> None:
    others: list[Point] = [(1.0, 1.0)] * 9

    assert verdict(Stopping(rule="median"), (0.5, 9.0), others) is None
    assert verdict(Stopping(rule="median"), (2.0, 2.0), others) is not None


def test_a_verdict_says_why() -> None:
    assert verdict(Stopping(rule="asha"), (9.0,), points(*range(8))) == (
        "asha: 8 of 9 trials were better at this point, the best 5 go on"
    )


def auto_verdict(own: float, others: list[float], courses: list[Course], *, level: int, spent: float) -> str | None:
    made = rule(Stopping(rule="auto"))
    assert made is not None
    return made.verdict((own,), points(*others), courses, Effort(level, 16, spent))


def test_auto_stops_what_has_no_chance_worth_its_steps_and_says_so() -> None:
    others = [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6]

    told = auto_verdict(1.6, others, COURSES, level=4, spent=112) or ""

    assert auto_verdict(1.02, others, COURSES, level=4, spent=112) is None
    assert told.startswith("auto: a chance of ")
    assert told.endswith(" % to become the best is not worth the 12 steps that are left")


def test_auto_asks_less_of_a_trial_the_fewer_steps_are_left() -> None:
    others = [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6]
    courses: list[Course] = [((x,), (x + 0.3 * (-1) ** i,)) for i, x in enumerate(others)]

    assert auto_verdict(1.4, others, courses, level=1, spent=40) is not None
    assert auto_verdict(1.4, others, courses, level=14, spent=40) is None


def test_where_early_values_mislead_auto_lets_everybody_run() -> None:
    courses: list[Course] = [((float(x),), (-float(x),)) for x in range(6)]

    assert all(auto_verdict(x + 0.5, list(range(6)), courses, level=1, spent=96) is None for x in range(4, 8))


def test_auto_stops_nobody_before_a_trial_has_run_to_its_end() -> None:
    assert auto_verdict(9.0, [1.0, 2.0, 3.0], [], level=1, spent=3) is None


def test_auto_never_stops_the_best_of_a_level() -> None:
    # Those that ended ended far below anything that this one may hope for.
    courses: list[Course] = [((10.0 + x,), (-50.0 - x,)) for x in range(5)]

    assert auto_verdict(9.0, [10.0, 11.0, 12.0, 13.0, 14.0], courses, level=1, spent=1600) is None


def test_a_population_stops_its_worst_quarter_at_each_interval() -> None:
    stopping = Stopping(rule="population", options={"interval": 3})

    assert levels(stopping, range(8)) == [None, None, None, 3, 3, 3, 6, 6]
    assert verdict(stopping, (7.5,), points(*range(1, 8))) is not None
    assert verdict(stopping, (6.5,), points(*range(1, 8))) is not None
    assert verdict(stopping, (5.5,), points(*range(1, 8))) is None


def test_an_unknown_rule_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidInput, match="known: asha, auto, curve, hyperband, median, none, percentile, population"):
        rule(Stopping(rule="guess"))


def test_options_that_do_not_fit_are_named() -> None:
    with pytest.raises(InvalidInput) as refusal:
        rule(Stopping(rule="asha", options={"eta": 1}))

    assert refusal.value.errors[0].pointer == "/stopping/options/eta"


@pytest.mark.parametrize("name", sorted(RULES))
def test_every_rule_has_a_summary_and_a_schema(name: str) -> None:
    assert RULES[name].summary.endswith(".")
    assert RULES[name].model_json_schema()["type"] == "object"
