"""Random search."""

import pytest

from app.search.engine import History
from app.search.random import check_feasible, draw, feasible_share
from app.search.registry import engine
from studyhall.errors import SpaceInfeasible
from studyhall.parameters import FloatParameter
from studyhall.space import Space
from studyhall.study import Algorithm
from tests.search.engine_contract import LOSS, MESSY, EngineContract, history_of


class TestRandom(EngineContract):
    algorithm = Algorithm(name="random")
    may_repeat = True


@pytest.mark.catalogue("ME-040")
def test_trial_n_depends_on_the_seed_and_n_alone():
    suggest = engine(Algorithm(name="random"))

    batch = suggest(MESSY, History(LOSS), 6, seed=3, number=10)
    later = suggest(MESSY, history_of(MESSY, 30), 1, seed=3, number=14)

    assert later[0].parameters == batch[4].parameters == draw(MESSY, 3, 14)


def test_the_draws_of_a_seed_never_change():
    space = Space(parameters=(FloatParameter(name="x", low=0, high=1),))

    # Studies are replayed after upgrades: these numbers are a promise.
    assert [draw(space, 7, n)["x"] for n in range(2)] == [0.766210410810359, 0.0641135347223244]


def _constrained(rule: str) -> Space:
    return Space(parameters=(FloatParameter(name="x", low=0, high=1),), constraints=(rule,))


@pytest.mark.parametrize(("rule", "share"), [("x < 0.5", 0.5), ("x < 0.02", 0.02), ("x >= 0", 1.0)])
def test_the_feasible_share_is_estimated(rule, share):
    assert feasible_share(_constrained(rule), seed=1) == pytest.approx(share, rel=0.3)


def test_a_space_that_hardly_anything_satisfies_is_refused_with_an_estimate():
    with pytest.raises(SpaceInfeasible) as refused:
        check_feasible(_constrained("x < 0.00001"), seed=1)

    assert refused.value.errors[0].pointer == "/space/constraints"
    assert "0.00%" in refused.value.errors[0].message


def test_drawing_from_an_infeasible_space_ends_with_an_error():
    with pytest.raises(SpaceInfeasible):
        draw(_constrained("x > 2"), 1, 1)
