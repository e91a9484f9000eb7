"""The Parzen estimator: its promises beyond the contract."""

from dataclasses import replace

import numpy as np
import pytest

from app.search.encoding import Encoding
from app.search.engine import History
from app.search.registry import engine
from app.search.tpe import Mixture
from studyhall.space import Space
from studyhall.study import Algorithm
from studyhall.trial import TrialState
from tests.search.engine_contract import FLAT, LOSS, EngineContract, observation

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
    suggest, history = engine(Algorithm(name="tpe")), History(LOSS)
    for number in range(60):
        parameters = suggest(FLAT, history, 1, seed=4, number=number)[0].parameters
        x = float(parameters["x"] or 0)
        fails = x > 1.0  # two fifths of the space, next to the best point
        values, state = (None, TrialState.INFEASIBLE) if fails else ([(x - 0.9) ** 2], TrialState.COMPLETED)
        tried = observation(number, parameters, values, state)
        history = replace(history, observations=(*history.observations, tried))

    late = history.observations[30:]
    assert sum(o.state is TrialState.INFEASIBLE for o in late) <= 10
    assert min(o.values[0] for o in history.observations if o.values) < 0.01
