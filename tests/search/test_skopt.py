"""The adapter of scikit-optimize: every trap it walks around."""

from dataclasses import replace

import pytest

from app.search.engine import History
from app.search.registry import engine
from studyhall.space import Space
from studyhall.study import Algorithm
from studyhall.trial import TrialState
from tests.search.engine_contract import FLAT, LOSS, EngineContract, history_of, number_of, observation


class TestGaussianProcess(EngineContract):
    algorithm = Algorithm(name="skopt")


class TestExtraTrees(EngineContract):
    algorithm = Algorithm(name="skopt", options={"surrogate": "et"})


class TestRandomForest(EngineContract):
    algorithm = Algorithm(name="skopt", options={"surrogate": "rf", "acquisition": "LCB"})


def test_choices_of_any_type_come_back_as_they_were():
    space = Space.model_validate_json(
        '{"parameters": [{"name": "c", "type": "categorical", "choices": [null, 1, "1", true, 2.5, "64,32", false, 0]},'
        ' {"name": "x", "type": "float", "low": 0, "high": 1}]}'
    )

    found = engine(Algorithm(name="skopt"))(space, history_of(space, 12), 8, seed=1, number=12)

    choices = [None, 1, "1", True, 2.5, "64,32", False, 0]
    assert all(any(type(s.parameters["c"]) is type(c) and s.parameters["c"] == c for c in choices) for s in found)


def test_a_fit_that_raises_gives_random_points_and_says_so(monkeypatch, caplog):
    def broken(*args: object, **kwargs: object) -> None:
        raise ValueError("singular")

    monkeypatch.setattr("app.search.skopt_gp.Optimizer.tell", broken)

    found = engine(Algorithm(name="skopt"))(FLAT, history_of(FLAT, 12), 2, seed=1, number=12)

    assert len(found) == 2
    assert "random" in found[0].why
    assert "singular" in caplog.text


@pytest.mark.parametrize(("surrogate", "enough"), [("gp", 0.01), ("et", 0.3)])
def test_it_finds_the_bottom_of_a_bowl(surrogate, enough):
    suggest = engine(Algorithm(name="skopt", options={"surrogate": surrogate}))
    history = History(LOSS)
    for number in range(20):
        parameters = suggest(FLAT, history, 1, seed=2, number=number)[0].parameters
        loss = (number_of(parameters, "x") - 1) ** 2
        tried = observation(number, parameters, [loss], TrialState.COMPLETED)
        history = replace(history, observations=(*history.observations, tried))

    assert min(o.values[0] for o in history.completed() if o.values) < enough


def test_a_batch_is_modelled_also_where_the_fit_finds_no_noise():
    found = [
        suggestion.why
        for seed in range(4)
        for suggestion in engine(Algorithm(name="skopt"))(FLAT, history_of(FLAT, 12), 3, seed=seed, number=12)
    ]

    assert not any("could not be fitted" in why for why in found)
