"""How a search starts: defaults, the user's beliefs, an even spread."""

import numpy as np
import pytest

from app.search.encoding import Encoding
from app.search.engine import History
from app.search.prior import fading, log_prior, pulled
from app.search.registry import engine
from studyhall.space import Space
from studyhall.study import Algorithm
from tests.search.engine_contract import LOSS, history_of, number_of

DEFAULTS = Space.model_validate_json("""{"parameters": [
    {"name": "x", "type": "float", "low": 0, "high": 1, "default": 0.25},
    {"name": "kind", "type": "categorical", "choices": ["a", "b", "c"], "default": "c"}]}""")
BELIEVED = Space.model_validate_json("""{"parameters": [
    {"name": "x", "type": "float", "low": 0, "high": 1, "prior": {"center": 0.2, "confidence": "high"}},
    {"name": "kind", "type": "categorical", "choices": ["a", "b", "c"], "prior": {"center": "b"}},
    {"name": "y", "type": "float", "low": 0, "high": 1}]}""")
MIXED = Space.model_validate_json("""{"parameters": [
    {"name": "rate", "type": "float", "low": 1e-4, "high": 1, "scale": "log"},
    {"name": "size", "type": "int", "low": 1, "high": 9},
    {"name": "kind", "type": "categorical", "choices": ["a", "b", "c"]}]}""")
CHOICES = Space.model_validate_json("""{"parameters": [
    {"name": "kind", "type": "categorical", "choices": ["a", "b", "c"]},
    {"name": "sort", "type": "categorical", "choices": ["d", "e", "f"]}]}""")


@pytest.mark.parametrize("name", ["auto", "bayes", "tpe", "skopt", "evolution", "local_search", "cma_es"])
def test_the_defaults_are_tried_first_and_once(name):
    suggest = engine(Algorithm(name=name))

    found = suggest(DEFAULTS, History(LOSS), 4, seed=1, number=0)

    assert found[0].parameters == {"x": 0.25, "kind": "c"}
    assert found[0].parameters not in [s.parameters for s in found[1:]]


@pytest.mark.parametrize("name", ["auto", "bayes", "tpe", "evolution"])
def test_without_defaults_the_middle_of_the_ranges_is_tried_first(name):
    found = engine(Algorithm(name=name))(MIXED, History(LOSS), 3, seed=1, number=0)

    assert found[0].parameters == {"rate": pytest.approx(0.01), "size": 5, "kind": "b"}
    assert found[0].parameters not in [s.parameters for s in found[1:]]


def test_choices_alone_have_no_middle():
    found = engine(Algorithm(name="bayes"))(CHOICES, History(LOSS), 3, seed=1, number=0)

    assert all("Sobol" in s.why for s in found)


def test_the_centre_of_the_users_belief_is_tried_first_and_others_lie_around_it():
    found = engine(Algorithm(name="bayes"))(BELIEVED, History(LOSS), 40, seed=1, number=0)

    assert found[0].parameters == {"x": 0.2, "kind": "b", "y": 0.5}
    near = [s for s in found if abs(number_of(s.parameters, "x") - 0.2) < 0.2]
    assert 20 <= len(near) < 40  # the other half is even: the user may be wrong


def test_points_spread_by_a_belief_follow_it():
    encoding = Encoding(BELIEVED)
    U = pulled(encoding, np.random.default_rng(1).random((4000, 3)))

    assert U[:, 0].mean() == pytest.approx(0.2, abs=0.02)
    assert (encoding.axes[1].index(U[:, 1]) == 1).mean() == pytest.approx(5 / 7, abs=0.03)
    assert U[:, 2].mean() == pytest.approx(0.5, abs=0.02)


def test_a_belief_is_densest_at_its_centre_and_fades():
    encoding = Encoding(BELIEVED)
    center, away = encoding.rows([{"x": 0.2, "kind": "b", "y": 0.9}, {"x": 0.6, "kind": "a", "y": 0.9}])

    assert log_prior(encoding, center[None])[0] > log_prior(encoding, away[None])[0]
    assert fading(100) < 0.2 * fading(10)


def test_a_right_belief_helps_a_model_that_knows_little():
    history = history_of(BELIEVED, 6, value=lambda p, _: (number_of(p, "x") - 0.2) ** 2)
    believing = engine(Algorithm(name="bayes"))(BELIEVED, history, 5, seed=1, number=6)

    assert sum(abs(number_of(s.parameters, "x") - 0.2) < 0.15 for s in believing) >= 4
