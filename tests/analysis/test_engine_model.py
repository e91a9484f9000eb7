"""What the engine's own model says of a study, against functions whose course is known."""

from typing import Any

import numpy as np
import pytest

from app.analysis.dependence import ablation, contour, partial_dependence
from app.engine_model import EngineModel
from studyhall.space import Space
from studyhall.study import Objective
from tests.analysis.studies import SQUARE, question, trials

FEW = trials(SQUARE, lambda p: (p["x"] - 0.3) ** 2 + (0.2 if p["kind"] == "b" else 0.0), 40)
LINE = Space.model_validate({"parameters": ({"name": "x", "type": "float", "low": 0.0, "high": 1.0},)})


def asked(space: Space, made: Any, **options: Any):
    return question(space, made, engine_model=EngineModel, **options)


def test_forty_trials_tell_the_course_of_a_smooth_function() -> None:
    found = partial_dependence(asked(SQUARE, FEW, parameters=("x",)))

    truth = (np.array(found.columns["place"]) - 0.3) ** 2 + np.mean([0.2 * (p["kind"] == "b") for p in FEW.parameters])
    assert found.facts["method"] == "model"
    assert np.abs(np.array(found.columns["mean"]) - truth).max() < 0.02
    assert found.facts["explained"] > 0.95


def test_the_first_single_course_is_the_best_trials_and_passes_through_its_value() -> None:
    found = partial_dependence(asked(SQUARE, FEW, parameters=("x",)))

    best = int(np.argmin([told["loss"] for told in FEW.metrics]))
    there = np.interp(FEW.parameters[best]["x"], found.columns["place"][:21], found.facts["ice"]["x"][0])
    assert found.facts["ice_trials"]["x"][0] == best
    assert there == pytest.approx(FEW.metrics[best]["loss"], abs=0.02)


def test_the_model_is_unsure_where_no_trial_has_been() -> None:
    made = trials(LINE, lambda p: np.sin(6 * p["x"]), 60)
    for parameters, told in zip(made.parameters, made.metrics, strict=True):
        parameters["x"] *= 0.5
        told["loss"] = float(np.sin(6 * parameters["x"]))

    columns = partial_dependence(asked(LINE, made)).columns

    width = np.array(columns["high"]) - np.array(columns["low"])
    assert width[-1] > 20 * width[:11].max()


def test_a_maximised_objective_is_told_as_it_was_reported() -> None:
    made = trials(LINE, lambda p: 10 * p["x"], 30)

    columns = partial_dependence(asked(LINE, made, objectives=[Objective(metric="loss", goal="maximize")])).columns

    assert columns["mean"] == pytest.approx([10 * place for place in columns["place"]], abs=0.2)
    assert all(low <= high for low, high in zip(columns["low"], columns["high"], strict=True))


def test_the_engine_draws_contours_and_the_way_from_the_default() -> None:
    made = trials(SQUARE, lambda p: (p["x"] - 0.2) ** 2 + (p["y"] - 0.7) ** 2, 60)

    valley = contour(asked(SQUARE, made, parameters=("x", "y"))).columns
    way = ablation(asked(SQUARE, made)).columns

    lowest = int(np.argmin(valley["mean"]))
    assert (valley["x"][lowest], valley["y"][lowest]) == pytest.approx((0.2, 0.7), abs=0.06)
    assert way["mean"][0] == pytest.approx(0.13, abs=0.01)
    assert way["mean"][-1] == pytest.approx(min(told["loss"] for told in made.metrics), abs=0.01)


def test_a_forest_answers_where_it_is_asked_for() -> None:
    assert partial_dependence(asked(SQUARE, FEW, method="forest")).facts["method"] == "forest"
