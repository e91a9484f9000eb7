"""Stopping rules: levels and verdicts."""

import pytest

from app.search.stopping import RULES, Point, rule
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


def test_an_unknown_rule_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidInput, match="known: asha, hyperband, median, none, percentile"):
        rule(Stopping(rule="guess"))


def test_options_that_do_not_fit_are_named() -> None:
    with pytest.raises(InvalidInput) as refusal:
        rule(Stopping(rule="asha", options={"eta": 1}))

    assert refusal.value.errors[0].pointer == "/stopping/options/eta"


@pytest.mark.parametrize("name", sorted(RULES))
def test_every_rule_has_a_summary_and_a_schema(name: str) -> None:
    assert RULES[name].summary.endswith(".")
    assert RULES[name].model_json_schema()["type"] == "object"
