"""Importance against functions whose answer is known."""

from collections.abc import Callable

import pytest

from app.analysis.dependence import ablation, contour, partial_dependence
from app.analysis.importance import importance
from app.analysis.question import Finding, Question, Trials
from studyhall.space import Space
from studyhall.study import Objective
from tests.analysis.studies import SQUARE, question, trials

MADE = trials(SQUARE, lambda p: p["x"] + 0.5 * p["y"], 1000)


LISTS = Space.model_validate({"parameters": ({"name": "order", "type": "permutation", "items": ("a", "b", "c")},)})


def shares(asked) -> dict[str, float]:
    columns = importance(asked).columns
    return dict(zip(columns["parameter"], columns["importance"], strict=True))


def test_fanova_finds_the_shares_of_a_linear_function() -> None:
    # The variance of a*x over [0, 1] is a² / 12: shares 1 : 0.25, and nothing together.
    found = shares(question(SQUARE, MADE, method="fanova"))

    assert found["x"] == pytest.approx(0.8, abs=0.04)
    assert found["y"] == pytest.approx(0.2, abs=0.04)
    assert found["kind"] < 0.01


def test_fanova_finds_what_two_parameters_do_together_only() -> None:
    made = trials(SQUARE, lambda p: (p["x"] - 0.5) * (p["y"] - 0.5), 1500)

    facts = importance(question(SQUARE, made, method="fanova")).facts

    pair = facts["interactions"]["loss"][0]
    assert sorted(pair["parameters"]) == ["x", "y"]
    assert pair["importance"] > 0.6  # 1 in truth; a greedy tree must first split at random


def test_ped_anova_ranks_by_what_sets_the_best_apart_and_knows_what_does_not_matter() -> None:
    found = shares(question(SQUARE, MADE))

    assert found["x"] > 1.5 * found["y"]
    assert found["kind"] < 0.05


def test_ped_anova_sees_a_choice_that_decides() -> None:
    found = shares(question(SQUARE, trials(SQUARE, lambda p: float(p["kind"] == "b"), 300)))

    assert found["kind"] > 0.8


def test_every_objective_has_its_own_importance() -> None:
    made = trials(SQUARE, lambda p: {"loss": p["x"], "gain": p["y"]}, 400)
    both = (Objective(metric="loss"), Objective(metric="gain", goal="maximize"))

    columns = importance(question(SQUARE, made, objectives=both)).columns

    first = [columns["parameter"][columns["objective"].index(metric)] for metric in ("loss", "gain")]
    assert first == ["x", "y"]


@pytest.mark.parametrize("method", ["ped_anova", "fanova"])
def test_too_few_trials_are_told_instead_of_noise(method: str) -> None:
    found = importance(question(SQUARE, trials(SQUARE, lambda p: p["x"], 12), method=method))

    assert found.columns == {}
    assert found.note is not None
    assert str(found.needed) in found.note
    assert found.used == 12 < found.needed


@pytest.mark.parametrize("method", ["ped_anova", "fanova"])
@pytest.mark.parametrize("kind", [importance, contour, partial_dependence, ablation])
def test_a_space_of_lists_alone_has_nothing_to_compare_and_says_so(
    kind: Callable[[Question], Finding], method: str
) -> None:
    found = kind(question(LISTS, trials(LISTS, lambda p: float(p["order"][0] == "b"), 40), method=method))

    assert (found.columns, found.used < found.needed) == ({}, True)
    assert "parameter" in (found.note or "")


@pytest.mark.parametrize("method", ["ped_anova", "fanova"])
def test_nothing_matters_where_all_results_are_equal(method: str) -> None:
    assert set(shares(question(SQUARE, trials(SQUARE, lambda _: 1.0, 200), method=method)).values()) == {0.0}


def test_of_equal_results_none_is_better_for_its_number() -> None:
    made = trials(SQUARE, lambda p: float(p["kind"] == "b"), 200)
    by_x = sorted(range(200), key=lambda row: made.parameters[row]["x"])
    sorted_by_x = Trials({name: [column[row] for row in by_x] for name, column in made.columns.items()})

    assert shares(question(SQUARE, sorted_by_x)) == pytest.approx(shares(question(SQUARE, made)), abs=0.05)
