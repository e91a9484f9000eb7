"""The default engine."""

from app.search.engine import History
from app.search.registry import engine
from studyhall.study import Algorithm
from tests.search.engine_contract import LOSS, MESSY, EngineContract, history_of


class TestAuto(EngineContract):
    algorithm = Algorithm(name="auto")


def test_it_starts_evenly_and_goes_on_with_a_model():
    suggest = engine(Algorithm(name="auto"))

    start = suggest(MESSY, History(LOSS), 2, seed=1, number=0)
    later = suggest(MESSY, history_of(MESSY, 20), 2, seed=1, number=20)

    assert [s.source for s in start + later] == ["initial", "initial", "model", "model"]
