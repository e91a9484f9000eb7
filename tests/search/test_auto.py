"""The default engine."""

from collections import Counter
from typing import Any

from app.search.engine import History
from app.search.registry import engine
from studyhall.study import Algorithm
from tests.search.engine_contract import LOSS, MESSY, EngineContract, history_of
from tests.search.searching import best, failures, search
from tests.search.test_bayes import CUBE, bowl


class TestAuto(EngineContract):
    algorithm = Algorithm(name="auto")


def test_it_starts_evenly_and_goes_on_with_a_blend():
    suggest = engine(Algorithm(name="auto"))

    start = suggest(MESSY, History(LOSS), 2, seed=1, number=0)
    later = suggest(MESSY, history_of(MESSY, 20), 10, seed=1, number=20)

    assert {s.source for s in start} == {"initial"}
    assert Counter(s.why.split(":")[0] for s in later) == {"bayes": 9, "tpe": 1}


def test_it_finds_the_bottom_of_a_bowl_in_forty_trials():
    assert best(search("auto", CUBE, bowl, 40, batch=4)) < 1e-3


def test_a_region_where_trials_fail_is_left_alone():
    def edge(p: Any) -> float | None:
        return None if p["x"] > 0.6 else bowl(p)

    trials = search("auto", CUBE, edge, 60, batch=3)

    assert failures(trials[20:]) <= 4
