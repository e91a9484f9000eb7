"""Each check of a study's health, on a study that has just that fault, and on one that has none."""

import random
from dataclasses import replace
from typing import Any

from app.analysis.health import health
from app.analysis.question import Trials
from app.engine_model import EngineModel
from studyhall.space import Space
from studyhall.study import Objective
from tests.analysis.studies import SQUARE, question, trials

RATE = Space.model_validate(
    {"parameters": ({"name": "rate", "type": "float", "low": 1e-6, "high": 1.0, "scale": "log"},)}
)


def checks(space: Space, made, **fields: Any) -> dict[str, tuple[str, str]]:
    columns = health(question(space, made, **fields)).columns
    return {
        name: (status, title + advice + evidence)
        for name, status, title, advice, evidence in zip(
            *(columns[c] for c in ("name", "status", "title", "advice", "evidence")), strict=True
        )
    }


def test_a_healthy_study_has_nothing_to_look_at() -> None:
    made = trials(SQUARE, lambda p: (p["x"] - 0.5) ** 2 + (p["y"] - 0.5) ** 2, 200)

    found = checks(SQUARE, made)

    assert {name for name, (status, _) in found.items() if status in ("look", "act")} == set()


def test_best_trials_at_a_bound_ask_for_a_wider_range() -> None:
    status, text = checks(SQUARE, trials(SQUARE, lambda p: p["x"] ** 0.5, 800))["space_edges"]

    assert status == "look"
    assert "Widen the range of x" in text


def test_a_choice_that_never_wins_is_named() -> None:
    status, text = checks(SQUARE, trials(SQUARE, lambda p: p["x"] + 5 * (p["kind"] == "b"), 120))["losing_choices"]

    assert status == "look"
    assert "Take b out of kind" in text


def test_equals_have_won_whatever_their_number() -> None:
    made = trials(SQUARE, lambda _: 1.0, 200)
    late = [parameters | {"kind": "ab"[row // 100]} for row, parameters in enumerate(made.parameters)]

    assert checks(SQUARE, Trials({**made.columns, "parameters": late}))["losing_choices"][0] == "good"


def test_failures_that_cluster_are_told_with_their_region_and_reason() -> None:
    made = trials(SQUARE, lambda p: None if p["x"] > 0.75 else p["y"], 200, reason=["out of memory"] * 200)

    status, text = checks(SQUARE, made)["failures"]

    assert status == "act"
    assert "x > 0.75" in text
    assert "out of memory" in text


def test_a_study_whose_trials_have_all_failed_has_enough_of_them_to_be_told() -> None:
    found = health(question(SQUARE, trials(SQUARE, lambda _: None, 40)))

    assert (found.facts["worst"], found.used >= found.needed) == ("act", True)


def test_a_few_failures_that_cluster_are_told_too() -> None:
    made = trials(SQUARE, lambda p: None if p["x"] > 0.75 and p["y"] > 0.5 else p["y"], 200)

    status, text = checks(SQUARE, made)["failures"]

    assert status == "look"
    assert "Failures cluster where x > 0.75" in text


def test_the_evidence_names_the_trials_that_are_it() -> None:
    made = trials(SQUARE, lambda p: None if p["x"] > 0.75 else p["y"], 100)

    columns = health(question(SQUARE, made)).columns

    named = columns["trials"][columns["name"].index("failures")]
    assert named
    assert all(made.metrics[number] == {} and made.parameters[number]["x"] > 0.75 for number in named)


def test_with_several_objectives_the_best_are_those_that_lead_by_any_of_them() -> None:
    both = (Objective(metric="loss"), Objective(metric="gain", goal="maximize"))
    made = trials(SQUARE, lambda p: {"loss": p["x"] + 2 * (p["kind"] == "b"), "gain": 5.0 * (p["kind"] == "a")}, 200)
    apart = trials(SQUARE, lambda p: {"loss": p["x"], "gain": p["x"] + p["y"]}, 400)

    assert checks(SQUARE, made, objectives=both)["losing_choices"][0] == "look"
    assert "y presses against its high bound" in checks(SQUARE, apart, objectives=both)["space_edges"][1]


def test_without_repeats_the_engines_model_tells_the_noise() -> None:
    source = random.Random(3)
    noisy = trials(SQUARE, lambda p: p["x"] + source.gauss(0, 1), 60)
    clear = trials(SQUARE, lambda p: p["x"] + p["y"], 60)

    found = [checks(SQUARE, made, engine_model=EngineModel)["noise"][0] for made in (noisy, clear)]

    assert found == ["look", "good"]


def test_noise_as_large_as_the_differences_is_seen_in_repeats() -> None:
    source = random.Random(2)
    made = trials(SQUARE, lambda _: source.gauss(0, 1), 60)
    made.parameters[:] = [made.parameters[i // 3 * 3] for i in range(60)]

    assert checks(SQUARE, made)["noise"][0] == "act"


def test_a_rate_that_is_too_wide_is_told_with_a_better_bound() -> None:
    made = trials(RATE, lambda p: 1.0 if p["rate"] < 1e-4 else abs(p["rate"] - 0.1), 200)

    status, text = checks(RATE, made)["wide_ranges"]

    assert status == "look"
    assert "Set the low bound of rate" in text


def test_a_budget_too_small_for_the_space_is_told() -> None:
    assert checks(SQUARE, trials(SQUARE, lambda p: p["x"], 5), study={"max_trials": 12})["budget"][0] == "look"


def test_a_budget_that_holds_the_whole_space_is_enough() -> None:
    space = Space.model_validate({"parameters": tuple({"name": name, "type": "bool"} for name in "abc")})

    assert checks(space, trials(space, lambda p: float(p["a"]), 5), study={"max_trials": 8})["budget"][0] == "good"


def test_equal_results_are_told_and_not_taken_for_noise() -> None:
    made = trials(SQUARE, lambda p: float(p["x"] > 0.8), 200)

    status, text = checks(SQUARE, made, engine_model=EngineModel)["noise"]

    assert status == "look"
    assert "a finer metric" in text


def test_an_end_that_chance_would_hit_as_often_is_no_bound_that_is_pressed_against() -> None:
    space = Space.model_validate({"parameters": ({"name": "n", "type": "int", "low": 1, "high": 6},)})
    best = [6, 1, 6, 3, 6, 4, 6, 2]  # four of eight at one of six values: one time in thirty
    losses = iter(range(100))
    made = trials(space, lambda _: float(next(losses)), 100)
    parameters = [{"n": n} for n in best] + made.parameters[8:]

    assert checks(space, Trials({**made.columns, "parameters": parameters}))["space_edges"][0] == "good"


def test_a_search_that_stands_still_is_told_in_trials_of_the_study_and_with_the_chance_to_go_on() -> None:
    losses = iter([1.0, *[2.0] * 199])
    asked = question(SQUARE, trials(SQUARE, lambda _: next(losses), 200), study={"state": "active"})

    columns = health(replace(asked, total=1000)).columns

    row = columns["name"].index("stalled")
    assert columns["evidence"][row] == "the best is 995 completed trials old"
    assert columns["advice"][row].endswith("with a chance of 1 %.")


def test_an_engine_that_is_too_sure_of_itself_is_told() -> None:
    predicted = [{"mean": {"loss": 0.0}, "deviation": {"loss": 0.01}}] * 60

    found = checks(SQUARE, trials(SQUARE, lambda p: p["x"], 60, predicted=predicted))

    assert found["calibration"][0] == "look"


def test_few_trials_make_no_verdicts() -> None:
    found = checks(SQUARE, trials(SQUARE, lambda p: p["x"], 5))

    assert {status for name, (status, _) in found.items() if name != "budget"} == {"unknown"}
