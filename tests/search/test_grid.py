"""Grid search."""

import itertools
import json
import time

import pytest

from app.search.engine import History
from app.search.registry import engine
from studyhall.space import Space
from studyhall.study import Algorithm
from studyhall.trial import TrialState
from studyhall.words import Parameters
from tests.search.engine_contract import LOSS, SMALL, SMALL_SIZE, EngineContract, observation

PLANE = Space.model_validate_json("""{"parameters": [
    {"name": "x", "type": "float", "low": 0, "high": 1}, {"name": "n", "type": "int", "low": 1, "high": 100}]}""")


class TestGrid(EngineContract):
    algorithm = Algorithm(name="grid")


def grid(**options: object) -> list[Parameters]:
    suggest = engine(Algorithm.model_validate_json(json.dumps({"name": "grid", "options": options})))
    return [s.parameters for s in suggest(PLANE, History(LOSS), 1000, seed=1, number=0)]


def test_every_combination_comes_once():
    suggest = engine(Algorithm(name="grid"))

    found = suggest(SMALL, History(LOSS), 1000, seed=1, number=0)

    assert len({json.dumps(s.parameters) for s in found}) == len(found) == SMALL_SIZE


def test_the_resolution_counts_the_values_of_a_float_and_the_most_of_an_int():
    found = grid(resolution=3)

    assert {p["x"] for p in found} == {0.0, 0.5, 1.0}
    assert {p["n"] for p in found} == {1, 51, 100}
    assert len(found) == 9


def test_unshuffled_the_first_parameter_is_the_slowest():
    assert [p["x"] for p in grid(resolution=3, shuffle=False)] == [0.0] * 3 + [0.5] * 3 + [1.0] * 3


def test_it_goes_on_where_other_trials_left_gaps():
    suggest = engine(Algorithm(name="grid"))
    queued = observation(0, {"a": False, "c": "y"}, None, TrialState.FAILED)

    found = suggest(SMALL, History(LOSS, (queued,)), 1000, seed=1, number=1)

    assert len(found) == SMALL_SIZE - 1
    assert {"a": False, "c": "y"} not in [s.parameters for s in found]


@pytest.mark.catalogue("ME-034")
def test_the_last_of_twenty_thousand_combinations_is_found_in_time():
    space = Space.model_validate_json("""{"parameters": [
        {"name": "a", "type": "int", "low": 1, "high": 200}, {"name": "b", "type": "int", "low": 1, "high": 100}]}""")
    pairs = list(itertools.product(range(1, 201), range(1, 101)))
    tried = [observation(n, {"a": a, "b": b}, [0.0], TrialState.COMPLETED) for n, (a, b) in enumerate(pairs[:-1])]
    suggest = engine(Algorithm(name="grid", options={"resolution": 1000}))
    started = time.process_time()

    found = suggest(space, History(LOSS, tuple(tried)), 2, seed=1, number=len(tried))

    assert [each.parameters for each in found] == [{"a": 200, "b": 100}]
    assert time.process_time() - started < 5.0


def test_branches_of_a_conditional_space_are_walked_in_time():
    branches = [
        {"name": f"{kind}{i}", "type": "int", "low": 1, "high": 5, "when": f"kind == '{kind}'"}
        for kind in "abc"
        for i in range(4)
    ]
    kind = {"name": "kind", "type": "categorical", "choices": ["a", "b", "c"]}
    space = Space.model_validate_json(json.dumps({"parameters": [kind, *branches]}))
    suggest = engine(Algorithm(name="grid"))
    started = time.process_time()

    found = suggest(space, History(LOSS), 2000, seed=1, number=0)

    assert len({json.dumps(each.parameters) for each in found}) == len(found) == 3 * 5**4
    assert found[0].why == "grid: one of 1875 combinations"
    assert time.process_time() - started < 5.0


def test_a_grid_of_which_no_combination_is_allowed_is_exhausted():
    space = Space(parameters=PLANE.parameters, constraints=("x > 0.55 and x < 0.65",))
    suggest = engine(Algorithm(name="grid", options={"resolution": 2}))

    assert suggest(space, History(LOSS), 1, seed=1, number=0) == []
