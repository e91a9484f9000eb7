"""Covariance matrix adaptation: its promises beyond the contract."""

from studyhall.study import Algorithm
from tests.search.engine_contract import EngineContract


class TestCmaEs(EngineContract):
    algorithm = Algorithm(name="cma_es")
