"""Ends foretold of trials that were stopped early, and what models make of them."""

import numpy as np
import pytest

from app.search.encoding import encoding_of
from app.search.engine import History, Observation
from app.search.evidence import Evidence, evidence_of
from app.search.fidelity import foretold_ends
from studyhall.space import Space
from studyhall.study import Objective
from studyhall.trial import TrialState

SPACE = Space.model_validate_json('{"parameters": [{"name": "x", "type": "float", "low": 0, "high": 100}]}')


def trial(number: int, early: float, end: float | None, *, sign: float = 1.0) -> Observation:
    """A trial that was at `early` at step 2 and ended at step 8, or was stopped."""
    curve = [(2, sign * early)] if end is None else [(1, sign * 9.0), (2, sign * early), (8, sign * end)]
    value = curve[-1][1]
    state = TrialState.PRUNED if end is None else TrialState.COMPLETED
    return Observation(number, state, {"x": float(number)}, (value,), {"loss": value}, tuple(curve))


def ends(*trials: Observation) -> list[float]:
    return list(foretold_ends(trials, np.array([t.curve[-1][1] for t in trials]), sign=1.0))


def evidence(*trials: Observation, goal: str = "minimize") -> Evidence:
    objective = Objective.model_validate({"metric": "loss", "goal": goal})
    return evidence_of(encoding_of(SPACE), History((objective,), trials))


WHOLE = [trial(n, float(n + 2), float(n + 1)) for n in range(6)]


def test_a_stopped_trial_is_given_the_end_that_others_had_from_there() -> None:
    assert ends(*WHOLE, trial(6, 5.0, None))[-1] == pytest.approx(4.0, abs=0.2)


def test_nothing_is_foretold_of_trials_that_ran_to_their_end() -> None:
    assert np.isnan(ends(*WHOLE, trial(6, 5.0, None))[:-1]).all()


def test_no_end_is_foretold_better_than_any_that_was_seen() -> None:
    assert ends(*WHOLE, trial(6, 0.0, None))[-1] == 1.0


def test_what_is_better_where_it_stopped_is_foretold_better() -> None:
    found = ends(*WHOLE, trial(6, 4.0, None), trial(7, 6.0, None))

    assert found[-2] < found[-1]


def test_without_trials_that_came_as_far_and_ended_nothing_is_known() -> None:
    assert np.isnan(ends(WHOLE[0], trial(6, 5.0, None))).all()


def test_a_model_learns_foretold_ends_whichever_way_is_better() -> None:
    low = evidence(*WHOLE, trial(6, 5.0, None)).final_losses
    high = evidence(
        *(trial(n, n + 2.0, n + 1.0, sign=-1.0) for n in range(6)), trial(6, 5.0, None, sign=-1.0), goal="maximize"
    ).final_losses

    assert low[-1, 0] == pytest.approx(4.0, abs=0.2)
    assert (low == high).all()


def test_where_nothing_can_be_foretold_a_stopped_trial_is_no_better_than_the_middle() -> None:
    bare = [Observation(n, TrialState.COMPLETED, {"x": float(n)}, (float(n),)) for n in range(5)]
    stopped = Observation(5, TrialState.PRUNED, {"x": 5.0}, (-3.0,))

    assert evidence(*bare, stopped).final_losses[-1, 0] == 2.0
