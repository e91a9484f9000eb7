"""The Parzen estimator: its promises beyond the contract."""

from typing import Any

import numpy as np
import pytest

from app.search.encoding import Encoding
from app.search.tpe import Mixture
from studyhall.space import Space
from studyhall.study import Algorithm
from tests.search.engine_contract import FLAT, EngineContract
from tests.search.searching import best, failures, search

TREE = Encoding(
    Space.model_validate_json("""{"parameters": [
    {"name": "kind", "type": "categorical", "choices": ["a", "b", "c"]},
    {"name": "x", "type": "float", "low": 0, "high": 1, "when": "kind == 'a'"},
    {"name": "n", "type": "int", "low": 1, "high": 5, "when": "kind != 'c'"},
    {"name": "y", "type": "float", "low": 0, "high": 1}]}""")
)


class TestTpe(EngineContract):
    algorithm = Algorithm(name="tpe")


def test_a_mixture_integrates_to_one_over_a_conditional_space():
    random = np.random.default_rng(5)
    good = TREE.canonical(random.random((6, TREE.dimension)))
    mixture = Mixture(TREE, good, np.ones(6))
    uniform = TREE.canonical(random.random((40_000, TREE.dimension)))

    assert np.exp(mixture.log_density(uniform)).mean() == pytest.approx(1.0, rel=0.05)


def test_samples_of_a_mixture_follow_its_density():
    random = np.random.default_rng(6)
    mixture = Mixture(TREE, TREE.canonical(random.random((4, TREE.dimension))), np.ones(4))
    sampled = TREE.canonical(mixture.sample(40_000, random))
    uniform = TREE.canonical(random.random((40_000, TREE.dimension)))

    # The mean of x (active or not) under samples is its weighted mean under the uniform.
    weights = np.exp(mixture.log_density(uniform))
    for j in range(TREE.dimension):
        assert sampled[:, j].mean() == pytest.approx(float((weights * uniform[:, j]).mean()), abs=0.02)


def test_a_region_where_trials_fail_is_left_alone():
    def edge(p: Any) -> float | None:
        return None if p["x"] > 1.0 else (p["x"] - 0.2) ** 2  # two fifths of the space fail

    trials = search("tpe", FLAT, edge, 60)

    assert failures(trials[20:]) <= 4
    assert best(trials) < 0.01
