"""Evolution: its promises beyond the contract."""

import json

from pydantic import JsonValue

from app.search.engine import History, Observation
from app.search.registry import engine
from studyhall.space import Space
from studyhall.study import Algorithm, Objective
from studyhall.trial import TrialState
from tests.search.engine_contract import EngineContract

SPACE = Space.model_validate_json(json.dumps({"parameters": [{"name": "x", "type": "float", "low": 0, "high": 1}]}))


class TestEvolution(EngineContract):
    algorithm = Algorithm(name="evolution")


def children(**options: JsonValue) -> list[int | None]:
    """Whose weights eight suggestions start from, after five results: trial 7 is by far the best of them."""
    seen = tuple(
        Observation(number, TrialState.COMPLETED, {"x": number / 10}, (0.0 if number == 7 else 1.0,))
        for number in (2, 4, 5, 7, 9)
    )
    evolution = engine(Algorithm(name="evolution", options={"start": 5, "crossover": 0.0, **options}))
    found = evolution(SPACE, History((Objective(metric="loss"),), seen), 8, seed=1, number=10)
    return [suggestion.parent for suggestion in found]


def test_a_child_that_inherits_is_told_whose_weights() -> None:
    parents = children(inherit=True, tournament=100)

    assert set(parents) == {7}


def test_without_inheritance_nobody_is_told_of_a_parent() -> None:
    assert set(children()) == {None}
