"""The Parzen estimator: its promises beyond the contract."""

from studyhall.study import Algorithm
from tests.search.engine_contract import EngineContract


class TestTpe(EngineContract):
    algorithm = Algorithm(name="tpe")
