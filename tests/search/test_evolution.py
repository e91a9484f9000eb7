"""Evolution: its promises beyond the contract."""

from studyhall.study import Algorithm
from tests.search.engine_contract import EngineContract


class TestEvolution(EngineContract):
    algorithm = Algorithm(name="evolution")
