"""The chance that a trial works: what it must know, and when it must weigh."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.special import log_ndtr

from app.search.axes import Floats
from app.search.chance import MOST_CAUTION, Chance, Energy, chance_of, propagate
from app.search.encoding import encoding_of
from app.search.engine import History, Observation
from app.search.evidence import evidence_of
from app.search.likeness import features
from studyhall.space import Space
from studyhall.trial import TrialState
from tests.search.engine_contract import LOSS

SQUARE = Space.model_validate_json("""{"parameters": [
    {"name": "x", "type": "float", "low": 0, "high": 1}, {"name": "y", "type": "float", "low": 0, "high": 1}]}""")
EDGE = 0.6


def believed(n: int, *, fails_at_random: bool = False, calm: int = 0) -> Chance:
    """After n random trials of which those beyond an edge of x fail, and then `calm` ones far within."""
    random = np.random.default_rng(3)
    points = np.vstack([random.random((n, 2)), random.random((calm, 2)) * [EDGE / 2, 1.0]])
    fails = random.random(n + calm) < 0.4 if fails_at_random else points[:, 0] > EDGE
    trials = [
        Observation(
            i,
            TrialState.INFEASIBLE if failed else TrialState.COMPLETED,
            {"x": float(x), "y": float(y)},
            None if failed else (float(y),),
        )
        for i, ((x, y), failed) in enumerate(zip(points, fails, strict=True))
    ]
    chance = chance_of(evidence_of(encoding_of(SQUARE), History(LOSS, tuple(trials))))
    assert chance is not None
    return chance


def at(chance: Chance, *points: tuple[float, float]) -> Floats:
    return np.exp(chance.log_chance(features(encoding_of(SQUARE), np.array(points))))


def test_nothing_is_believed_while_nothing_has_failed():
    history = History(LOSS, (Observation(0, TrialState.COMPLETED, {"x": 0.1, "y": 0.1}, (1.0,)),))

    assert chance_of(evidence_of(encoding_of(SQUARE), history)) is None


def test_it_is_sure_on_either_side_of_an_edge_and_in_doubt_on_it():
    inside, edge, outside = at(believed(40), (0.2, 0.5), (EDGE, 0.5), (0.9, 0.5))

    assert inside > 0.95
    assert 0.2 < edge < 0.8
    assert outside < 0.05


def test_the_gradient_is_that_of_finite_differences():
    random = np.random.default_rng(0)
    X = random.random((25, 3))
    y = np.where(X[:, 0] + X[:, 1] > 1.0, 1.0, -1.0)
    columns = (slice(0, 1), slice(1, 2), slice(2, 3))
    theta = np.array([-0.5, -0.3, 0.2, 0.9])

    def energy(at: Floats) -> tuple[float, Floats]:
        made = Energy(X, y, columns, 0.5)
        made(at)  # twice: from sites that have settled
        return made(at)

    assert energy(theta)[1] == pytest.approx(approx_fprime(theta, lambda t: energy(t)[0], 1e-4), abs=0.05)


def test_one_site_is_propagated_exactly():
    K = np.array([[4.0]])

    sites = propagate(K, np.array([1.0]))

    # The evidence of one probit factor is known: Phi(mean / sqrt(1 + variance)).
    assert sites.log_evidence == pytest.approx(float(log_ndtr(0.5 / np.sqrt(5.0))), abs=1e-3)


def test_crashes_call_for_caution_and_calm_lets_it_go():
    nothing = np.zeros((0, 2))

    assert believed(40).caution(nothing) == MOST_CAUTION
    assert believed(40, calm=20).caution(nothing) < 2.0


def test_failures_that_nothing_foretells_call_for_little_caution():
    foretold, chance = believed(40), believed(40, fails_at_random=True)

    assert chance.caution(np.zeros((0, 2))) < foretold.caution(np.zeros((0, 2))) / 10


def test_where_all_is_safe_caution_asks_for_no_more():
    chance = believed(40)
    U = np.array([[0.1, 0.5], [0.2, 0.4]])

    plain, careful = chance.log_weight(U, 1.0), chance.log_weight(U, 100.0)

    assert careful == pytest.approx(plain)


def test_only_one_trial_at_a_time_looks_over_an_edge():
    chance = believed(40, calm=20)
    safe, doubtful = np.array([[0.1, 0.5]]), np.array([[0.6, 0.5]])

    assert at(chance, (0.6, 0.5))[0] < 0.9
    assert chance.caution(safe) < 2.0
    assert chance.caution(doubtful) > 5.0
