"""Covariance matrix adaptation: its promises beyond the contract."""

from studyhall.study import Algorithm
from studyhall.trial import TrialState
from tests.search.engine_contract import FLAT, EngineContract, history_of


class TestCmaEs(EngineContract):
    algorithm = Algorithm(name="cma_es")

    def test_generations_of_failures_are_understood(self, suggest):
        history = history_of(FLAT, 60, state=lambda n: TrialState.COMPLETED if n % 10 == 0 else TrialState.FAILED)

        self.check(suggest(FLAT, history, 3, seed=1, number=60), FLAT, 3)
