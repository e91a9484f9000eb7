"""Downhill steps: its promises beyond the contract."""

from studyhall.study import Algorithm
from tests.search.engine_contract import EngineContract


class TestLocalSearch(EngineContract):
    algorithm = Algorithm(name="local_search")
