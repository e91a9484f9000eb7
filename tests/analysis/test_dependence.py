"""Dependence against functions whose course is known."""

import numpy as np
import pytest

from app.analysis.dependence import ablation, contour, partial_dependence
from studyhall.space import Space
from studyhall.study import Objective
from tests.analysis.studies import SQUARE, question, trials

MADE = trials(SQUARE, lambda p: (p["x"] - 0.3) ** 2 + (0.2 if p["kind"] == "b" else 0.0), 500)


def test_a_partial_dependence_follows_the_function() -> None:
    found = partial_dependence(question(SQUARE, MADE, parameters=("x",)))

    place, mean = np.array(found.columns["place"]), np.array(found.columns["mean"])
    truth = (place - 0.3) ** 2 + 0.1
    assert np.abs(mean - truth)[1:-1].max() < 0.03
    assert all(
        low <= middle <= high
        for low, middle, high in zip(found.columns["low"], mean, found.columns["high"], strict=True)
    )
    assert len(found.facts["ice"]["x"][0]) == len(place)


def test_a_maximised_objective_is_told_as_it_was_reported() -> None:
    made = trials(SQUARE, lambda p: 10 * p["x"], 200)

    found = partial_dependence(
        question(SQUARE, made, objectives=[Objective(metric="loss", goal="maximize")], parameters=("x",))
    )

    assert found.columns["mean"][0] == pytest.approx(0, abs=1.0)
    assert found.columns["mean"][-1] == pytest.approx(10, abs=1.0)


def test_a_contour_has_its_valley_where_the_function_has_it() -> None:
    made = trials(SQUARE, lambda p: (p["x"] - 0.2) ** 2 + (p["y"] - 0.7) ** 2, 600)

    found = contour(question(SQUARE, made))

    assert {found.facts["x"], found.facts["y"]} == {"x", "y"}
    lowest = int(np.argmin(found.columns["mean"]))
    at = {found.facts["x"]: found.columns["x"][lowest], found.facts["y"]: found.columns["y"][lowest]}
    assert at["x"] == pytest.approx(0.2, abs=0.11)
    assert at["y"] == pytest.approx(0.7, abs=0.11)


def test_the_way_from_the_default_begins_with_what_helps_most() -> None:
    space = Space.model_validate(
        {
            "parameters": (
                {"name": "much", "type": "float", "low": 0.0, "high": 1.0, "default": 1.0},
                {"name": "little", "type": "float", "low": 0.0, "high": 1.0, "default": 1.0},
                {"name": "deep", "type": "int", "low": 1, "high": 4, "when": "much < 0.5"},
            )
        }
    )
    made = trials(space, lambda p: 3 * p["much"] + p["little"], 300)

    found = ablation(question(space, made))

    assert found.columns["parameter"][:3] == ["(default)", "much", "little"]
    assert found.columns["mean"][0] > found.columns["mean"][1] > found.columns["mean"][2]
    assert found.columns["before"][1] == 1.0


def test_a_conditional_parameter_is_judged_where_it_is_active() -> None:
    space = Space.model_validate(
        {
            "parameters": (
                {"name": "kind", "type": "categorical", "choices": ("a", "b")},
                {"name": "depth", "type": "float", "low": 0.0, "high": 1.0, "when": "kind == 'b'"},
            )
        }
    )
    made = trials(space, lambda p: p.get("depth", 5.0), 400)

    found = partial_dependence(question(space, made, parameters=("depth",)))

    assert found.columns["mean"][2] == pytest.approx(0.1, abs=0.08)
