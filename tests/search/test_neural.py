"""The neural engine: its promises beyond the contract."""

import numpy as np

from app.search.neural import NETWORKS, fit
from studyhall.parameters import CategoricalParameter
from studyhall.space import Space
from studyhall.study import Algorithm
from tests.search.engine_contract import EngineContract, number_of
from tests.search.searching import best, search


class TestNeural(EngineContract):
    algorithm = Algorithm(name="neural")


def test_the_ensemble_learns_a_function_that_is_not_linear() -> None:
    random = np.random.default_rng(1)
    X = random.integers(0, 2, size=(200, 8)).astype(np.float64)
    t = np.where(X[:, 0] == X[:, 1], 1.0, -1.0) + 0.5 * X[:, 2]

    predicted = fit(X[:150], t[:150], random).predict(X[150:])

    assert predicted.shape == (NETWORKS, 50)
    assert np.corrcoef(predicted.mean(axis=0), t[150:])[0, 1] > 0.95


def test_the_ensemble_disagrees_where_it_has_seen_nothing() -> None:
    random = np.random.default_rng(2)
    X = random.standard_normal((100, 4))
    ensemble = fit(X, X[:, 0], random)

    near, far = ensemble.predict(X).std(axis=0).mean(), ensemble.predict(6 * X).std(axis=0).mean()

    assert far > 3 * near


def test_many_choices_have_no_order() -> None:
    names = "abc"
    space = Space(parameters=tuple(CategoricalParameter(name=name, choices=tuple(range(20))) for name in names))

    # 7 n mod 20 visits all choices, neighbours far apart: a line through their positions says nothing.
    reached = [
        best(search("neural", space, lambda p: sum(7 * number_of(p, n) % 20 for n in names), 60, batch=5, seed=seed))
        for seed in range(3)
    ]

    assert np.mean(reached) < 2
