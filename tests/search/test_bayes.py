"""The flagship engine: its promises beyond the contract."""

from studyhall.study import Algorithm
from tests.search.engine_contract import EngineContract


class TestBayes(EngineContract):
    algorithm = Algorithm(name="bayes")
