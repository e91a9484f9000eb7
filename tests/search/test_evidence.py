"""What a history says in arrays."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.search.encoding import encoding_of
from app.search.engine import History, Observation
from app.search.evidence import Standard, chebyshev, evidence_of
from studyhall.study import Objective
from studyhall.trial import TrialState
from tests.search.engine_contract import FLAT, LOSS, TWO, observation

losses = st.lists(st.floats(-1e308, 1e308) | st.floats(-10, 10), min_size=1, max_size=30).map(np.array)


@given(losses, st.booleans(), st.booleans())
def test_standardised_losses_are_finite_and_keep_their_order(loss, squash, alone):
    z = Standard(loss, squash=squash, alone=alone).z

    assert np.isfinite(z).all()
    order = np.argsort(loss, kind="stable")
    assert (np.diff(z[order]) >= 0).all()


@given(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=30).map(np.array), st.booleans(), st.booleans())
def test_a_standardised_loss_finds_its_way_back(loss, squash, alone):
    standard = Standard(loss, squash=squash, alone=alone)

    again = [standard.back(float(z), 0.0)[0] for z in standard.z]

    assert again == pytest.approx(loss.tolist(), rel=1e-4, abs=1e-4 * (1 + np.abs(loss).max()))


def test_a_penalty_of_a_million_leaves_honest_results_apart():
    z = Standard(np.array([1.0, 2.0, 3.0, 4.0, 1e6])).z

    assert z[3] - z[0] > 0.2  # without squeezing: 0.000007


def test_what_is_bad_in_one_of_several_objectives_is_told_apart_better():
    loss = np.append(np.linspace(0.0, 1.0, 20), [1e3, 1e6])
    alone, among = Standard(loss).z, Standard(loss, alone=False).z

    assert (among[21] - among[20]) / np.ptp(among) > 2 * (alone[21] - alone[20]) / np.ptp(alone)


def test_maximised_objectives_become_losses():
    history = History(TWO, (observation(0, {"x": 1.0, "y": 1e-7}, [2.0, 0.9], TrialState.COMPLETED),))

    assert evidence_of(encoding_of(FLAT), history).losses.tolist() == [[2.0, -0.9]]


def test_a_trial_stopped_early_never_looks_better_than_the_middle():
    states = [TrialState.COMPLETED] * 3 + [TrialState.PRUNED]
    history = History(
        LOSS,
        tuple(
            observation(n, {"x": n / 9, "y": 1e-7}, [value], states[n]) for n, value in enumerate([1.0, 2.0, 3.0, 0.1])
        ),
    )

    assert evidence_of(encoding_of(FLAT), history).final_losses.ravel().tolist() == [1.0, 2.0, 3.0, 2.0]


@pytest.mark.parametrize(
    ("constraint", "slack", "allowed"),
    [
        ("m0 <= 5", 3.0, True),
        ("m0 < 2", 0.0, False),
        ("m0 > 4", -2.0, False),
        ("m0 == 2", 1.0, True),
        ("other < 1", np.nan, True),
    ],
)
def test_outcome_constraints_are_read_with_their_slack(constraint, slack, allowed):
    history = History(
        LOSS, (observation(0, {"x": 1.0, "y": 1e-7}, [2.0], TrialState.COMPLETED),), constraints=(constraint,)
    )

    evidence = evidence_of(encoding_of(FLAT), history)

    assert evidence.slack[0, 0] == pytest.approx(slack, abs=1e-9, nan_ok=True)
    assert evidence.is_allowed.tolist() == [allowed]


def test_every_state_finds_its_place():
    states = list(TrialState)
    history = History(
        (Objective(metric="loss"),),
        tuple(Observation(n, state, {"x": n / 9, "y": 1e-7}, (1.0,)) for n, state in enumerate(states)),
    )

    evidence = evidence_of(encoding_of(FLAT), history)

    assert [o.state for o in evidence.told] == [TrialState.COMPLETED, TrialState.PRUNED]
    assert len(evidence.pending) == len(evidence.failed) == 2
    assert len(evidence.used) == 7


def test_every_weighting_has_its_minimum_on_the_front():
    L = np.array([[0.0, 1.0], [0.4, 0.4], [1.0, 0.0], [1.0, 1.0]])

    assert [int(np.argmin(chebyshev(L, np.array(w)))) for w in ([0.9, 0.1], [0.5, 0.5], [0.1, 0.9])] == [0, 1, 2]
