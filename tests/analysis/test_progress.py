"""Convergence and calibration against courses and predictions made to measure."""

import random
from dataclasses import replace

import pytest

from app.analysis.progress import calibration, convergence, rank_correlation
from studyhall.space import Space
from tests.analysis.studies import question, trials

SPACE = Space.model_validate({"parameters": ({"name": "x", "type": "float", "low": 0.0, "high": 1.0},)})


def test_a_projection_continues_a_power_law() -> None:
    count = iter(range(1, 201))
    made = trials(SPACE, lambda _: 1.0 + 4.0 * next(count) ** -0.5, 200)

    found = convergence(question(SPACE, made))

    assert found.facts["projected"]["trials"] == 400
    assert found.facts["projected"]["best"] == pytest.approx(1.2, abs=0.02)
    assert found.facts["trials_since_best"] == 0


def test_no_projection_is_made_from_a_search_that_stands_still() -> None:
    found = convergence(question(SPACE, trials(SPACE, lambda _: 1.0, 50)))

    assert "projected" not in found.facts
    assert found.facts["trials_since_best"] == 49
    assert found.facts["chance_of_better_in_10"] < 0.2


@pytest.mark.parametrize("count", [20, 60, 200])
def test_the_chance_of_a_better_result_is_that_of_a_random_search_where_it_is_one(count: int) -> None:
    source = random.Random(count)
    chances = [
        convergence(question(SPACE, trials(SPACE, lambda _: source.random(), count))).facts["chance_of_better_in_10"]
        for _ in range(100)
    ]

    # The best of count + 10 trials is as likely any of them.
    assert sum(chances) / 100 == pytest.approx(10 / (count + 10), rel=0.25)


def test_no_chance_is_told_of_a_search_that_has_just_begun() -> None:
    found = convergence(question(SPACE, trials(SPACE, lambda p: p["x"], 3)))

    assert "chance_of_better_in_10" not in found.facts


@pytest.mark.parametrize(("deviation", "coverage"), [(1.0, 0.9), (0.2, 0.26)])
def test_coverage_tells_an_honest_engine_from_one_that_is_too_sure(deviation: float, coverage: float) -> None:
    source = random.Random(4)
    made = trials(
        SPACE,
        lambda _: source.gauss(0, 1),
        800,
        predicted=[{"mean": {"loss": 0.0}, "deviation": {"loss": deviation}}] * 800,
    )

    assert calibration(question(SPACE, made)).facts["coverage"]["0.9"] == pytest.approx(coverage, abs=0.04)


def test_calibration_takes_predictions() -> None:
    found = calibration(question(SPACE, trials(SPACE, lambda p: p["x"], 50)))

    assert (found.columns, found.used) == ({}, 0)


def test_rank_correlation_sees_order_alone() -> None:
    import numpy as np

    a = np.arange(1.0, 8.0)
    assert rank_correlation(a, np.exp(a)) == pytest.approx(1.0)
    assert rank_correlation(a, -a) == pytest.approx(-1.0)
    assert rank_correlation(a, np.ones(7)) == 0.0


def test_of_a_sampled_study_each_trial_counts_for_those_left_out() -> None:
    count = iter(range(1, 201))
    asked = question(SPACE, trials(SPACE, lambda _: 1.0 + 4.0 * next(count) ** -0.5, 200))

    found = convergence(replace(asked, total=1000))

    assert found.columns["count"][199] == 1000
    assert found.facts["projected"]["trials"] == 2000
