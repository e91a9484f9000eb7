"""Downhill steps: its promises beyond the contract."""

from app.search.encoding import encoding_of
from app.search.engine import History
from app.search.evidence import evidence_of
from app.search.local_search import descent
from studyhall.study import Algorithm
from studyhall.trial import TrialState
from tests.search.engine_contract import FLAT, LOSS, EngineContract, observation


class TestLocalSearch(EngineContract):
    algorithm = Algorithm(name="local_search")


def test_a_descent_moves_along_a_plateau_with_ever_smaller_steps():
    trials = [
        observation(n, {"x": float(n), "y": 1e-7}, [loss], TrialState.COMPLETED)
        for n, loss in enumerate([3.0, 1.0, 1.0, 2.0])
    ]

    before, equal, worse = (
        descent(evidence_of(encoding_of(FLAT), History(LOSS, tuple(trials[:n]))), 2, 0.005) for n in (2, 3, 4)
    )

    assert (before.at, equal.at, worse.at) == (1, 2, 2)
    assert before.step > equal.step > worse.step
