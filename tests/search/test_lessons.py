"""What earlier studies teach a search, and what misleading ones do not."""

import math

import numpy as np
import pytest

from app.search.bayes.beliefs import VIEWS, beliefs_of
from app.search.encoding import encoding_of
from app.search.engine import History, Lesson, Observation
from app.search.evidence import evidence_of
from app.search.registry import engine
from studyhall.space import Space
from studyhall.study import Algorithm, Objective
from studyhall.trial import TrialState
from studyhall.words import Parameters
from tests.search.engine_contract import number_of
from tests.search.searching import best, search

SPACE = Space.model_validate_json("""{"parameters": [
    {"name": "x", "type": "float", "low": 0, "high": 1},
    {"name": "y", "type": "float", "low": 0, "high": 1}]}""")
GOALS = (Objective(metric="m0"),)


def bowl(p: Parameters) -> float:
    return (float(p["x"]) - 0.3) ** 2 + (float(p["y"]) - 0.6) ** 2  # type: ignore[arg-type]


def wave(p: Parameters) -> float:
    """What few results do not tell: it is no sum over parameters."""
    x, y = number_of(p, "x"), number_of(p, "y")
    return math.sin(5 * (x + y)) + (x - y) ** 2


def lesson(name: str = "earlier", scale: float = 5.0) -> Lesson:
    return Lesson(name, search("sobol", SPACE, lambda p: 7.0 + scale * bowl(p), 30))


def history(lessons: tuple[Lesson, ...], trials: int = 12) -> History:
    return History(GOALS, search("sobol", SPACE, bowl, trials, seed=5), lessons=lessons)


@pytest.mark.parametrize("name", ["tpe", "skopt", "evolution", "local_search", "cma_es"])
def test_the_best_of_each_earlier_study_is_tried_first_and_once(name):
    lessons = (lesson("alike"), lesson("upside down", scale=-5.0))
    bests = [min(each.observations, key=lambda o: o.values or ()).parameters for each in lessons]

    found = engine(Algorithm(name=name))(SPACE, History(GOALS, lessons=lessons), 5, seed=1, number=0)

    assert [s.parameters for s in found[:2]] == bests
    assert "the best of 'alike'" in found[0].why
    assert all(s.parameters not in bests for s in found[2:])


@pytest.mark.parametrize("name", ["auto", "bayes"])
def test_a_model_that_learns_from_earlier_studies_loses_no_trial_to_one_that_misleads(name):
    misled = search(name, SPACE, bowl, 12, seed=1, lessons=(lesson(scale=-5.0),))

    assert misled == search(name, SPACE, bowl, 12, seed=1)


@pytest.mark.parametrize("name", ["auto", "bayes"])
def test_a_model_goes_to_the_best_of_an_earlier_study_once_that_has_ranked_a_few_results_right(name):
    taught = search(name, SPACE, bowl, 8, seed=1, lessons=(lesson(),))

    assert best(taught) < 0.3 * best(search(name, SPACE, bowl, 8, seed=1))


def test_an_earlier_study_that_ranks_the_results_right_sharpens_what_is_believed():
    points = np.random.default_rng(3).random((200, 2))
    truth = np.array([wave({"x": x, "y": y}) for x, y in points])
    few = search("sobol", SPACE, wave, 12, seed=5)
    earlier = Lesson("earlier", search("sobol", SPACE, lambda p: 7.0 + 5.0 * wave(p), 30))

    def error(lessons: tuple[Lesson, ...]) -> float:
        evidence = evidence_of(encoding_of(SPACE), History(GOALS, few, lessons=lessons))
        believed = beliefs_of(evidence, VIEWS[0]).predictions(evidence, points)
        return float(np.sqrt(np.mean((np.array([p.mean["m0"] for p in believed]) - truth) ** 2)))

    assert error((earlier,)) < 0.7 * error(())


def test_an_earlier_study_that_is_upside_down_changes_nothing_that_is_believed():
    suggest = engine(Algorithm(name="bayes"))

    misled = suggest(SPACE, history((lesson(scale=-5.0),)), 4, seed=1, number=12)

    assert misled == suggest(SPACE, history(()), 4, seed=1, number=12)


def test_the_same_lessons_give_the_same_suggestions():
    suggest = engine(Algorithm(name="auto"))

    once = suggest(SPACE, history((lesson(),)), 4, seed=1, number=12)

    assert once == suggest(SPACE, history((lesson(),)), 4, seed=1, number=12)


def test_trials_of_an_earlier_study_without_a_place_in_this_space_teach_nothing():
    away = tuple(Observation(n, TrialState.COMPLETED, {"x": 7.0, "z": n}, (float(n),)) for n in range(9))

    found = engine(Algorithm(name="bayes"))(SPACE, history((Lesson("away", away),)), 3, seed=1, number=12)

    assert found == engine(Algorithm(name="bayes"))(SPACE, history(()), 3, seed=1, number=12)
