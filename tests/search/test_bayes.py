"""The flagship engine: its promises beyond the contract."""

import math
import random
from typing import Any

import numpy as np
import pytest

from app.search.bayes.acquisition import worth
from app.search.bayes.beliefs import VIEWS, beliefs_of
from app.search.bayes.climb import highest
from app.search.encoding import encoding_of
from app.search.engine import History
from app.search.evidence import evidence_of
from app.search.pareto import dominated_area
from app.search.registry import engine
from studyhall.space import Space
from studyhall.study import Algorithm
from tests.search.engine_contract import FLAT, LOSS, TWO, EngineContract, history_of, number_of
from tests.search.searching import best, failures, search

CUBE = Space.model_validate_json("""{"parameters": [
    {"name": "x", "type": "float", "low": 0, "high": 1}, {"name": "y", "type": "float", "low": 0, "high": 1},
    {"name": "z", "type": "float", "low": 0, "high": 1}]}""")
TREE = Space.model_validate_json("""{"parameters": [
    {"name": "kind", "type": "categorical", "choices": ["plain", "deep"]},
    {"name": "rate", "type": "float", "low": 1e-5, "high": 1, "scale": "log"},
    {"name": "depth", "type": "int", "low": 1, "high": 12, "when": "kind == 'deep'"},
    {"name": "skip", "type": "bool", "when": "kind == 'deep'"},
    {"name": "mix", "type": "float", "low": 0, "high": 1, "when": "skip"}]}""")


class TestBayes(EngineContract):
    algorithm = Algorithm(name="bayes")


def bowl(p: Any) -> float:
    return float((p["x"] - 0.3) ** 2 + (p["y"] - 0.7) ** 2 + 0.5 * (p["z"] - 0.4) ** 2)


def test_it_finds_the_bottom_of_a_bowl_in_thirty_trials():
    assert best(search("bayes", CUBE, bowl, 30, batch=3)) < 1e-3


def test_it_finds_the_best_branch_of_a_conditional_space():
    def tree(p: Any) -> float:
        loss = 0.1 * (math.log10(p["rate"]) + 2) ** 2
        if p["kind"] == "plain":
            return 0.3 + loss
        loss += 0.4 + 0.01 * abs(p["depth"] - 9)
        return float(loss - 0.3 + (p["mix"] - 0.8) ** 2) if p["skip"] else loss

    assert best(search("bayes", TREE, tree, 50, batch=5)) < 0.12


def test_a_region_where_trials_fail_is_left_alone():
    trials = search("bayes", CUBE, lambda p: None if number_of(p, "x") > 0.6 else bowl(p), 50, batch=2)

    assert failures(trials[20:]) <= 4
    assert best(trials) < 1e-3


def test_failures_that_strike_anywhere_keep_nobody_from_the_best():
    luck = random.Random(4)

    trials = search("bayes", CUBE, lambda p: None if luck.random() < 0.3 else bowl(p), 50, batch=2)

    assert best(trials) < 1e-3


def test_outcome_constraints_are_learned():
    suggest = engine(Algorithm(name="bayes"))
    history = history_of(CUBE, 25, value=lambda p, _: bowl(p))
    costly = tuple(
        type(o)(o.number, o.state, o.parameters, o.values, {"cost": number_of(o.parameters, "x")})
        for o in history.observations
    )

    found = suggest(CUBE, History(LOSS, costly, constraints=("cost >= 0.5",)), 6, seed=1, number=25)

    # The unconstrained best lies at x = 0.3, the allowed one on the edge at 0.5.
    assert sum(number_of(s.parameters, "x") > 0.45 for s in found) >= 5


def test_two_objectives_are_traded_along_their_front():
    def front(p: Any) -> tuple[float, float]:
        g = 1 + (p["y"] - 0.5) ** 2 + (p["z"] - 0.5) ** 2
        return g * math.cos(p["x"] * math.pi / 2), g * math.sin(p["x"] * math.pi / 2)

    trials = search("bayes", CUBE, front, 40, batch=4, objectives=2)

    area = dominated_area(np.array([trial.values for trial in trials]), np.array([2.0, 2.0]))
    assert area > 0.97 * (4 - math.pi / 4)


def test_a_prediction_is_in_the_units_and_the_direction_of_the_objective():
    history = history_of(FLAT, 30, objectives=TWO, value=lambda p, _: 100.0 + number_of(p, "x") ** 2)

    predicted = engine(Algorithm(name="bayes"))(FLAT, history, 1, seed=1, number=30)[0].predicted

    assert predicted is not None
    assert predicted.mean["loss"] == pytest.approx(100, abs=15)
    assert predicted.mean["accuracy"] == pytest.approx(-50, abs=10)  # the second value of that history is minus half
    assert 0 < predicted.deviation["loss"] < 20


def test_a_batch_spreads():
    found = engine(Algorithm(name="bayes"))(
        CUBE, history_of(CUBE, 12, value=lambda p, _: bowl(p)), 6, seed=1, number=12
    )

    points = np.array([list(s.parameters.values()) for s in found], dtype=float)
    apart = np.linalg.norm(points[:, None] - points[None, :], axis=-1) + np.eye(6)
    assert apart.min() > 1e-3


@pytest.mark.parametrize("objectives", [LOSS, TWO])
def test_what_a_pending_point_is_expected_to_bring_is_gained_only_once(objectives):
    history = history_of(CUBE, 12, objectives=objectives, value=lambda p, _: bowl(p))
    evidence = evidence_of(encoding_of(CUBE), history)
    beliefs, even = beliefs_of(evidence, VIEWS[0]), np.random.default_rng(1)
    row = highest(evidence.encoding, worth(beliefs, even), beliefs.U, evidence.used, even)
    assert row is not None

    believing = beliefs.believing(row[None])

    assert worth(believing, even)(row[None])[0] < worth(beliefs, even)(row[None])[0] - 2  # in logarithms
