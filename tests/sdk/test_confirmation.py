"""The best trials of a study, run again with other seeds."""

from typing import Any

import pytest

from studyhall.confirmation import ranking
from studyhall.errors import InvalidInput

NOISY: dict[str, Any] = {
    "space": [{"name": "x", "type": "float", "low": 0, "high": 1}],
    "objectives": [{"metric": "score", "goal": "maximize"}],
    "algorithm": {"name": "random", "seed": 5},
}


def luck(parameters, trial):
    """Good for a large x, and by chance."""
    return parameters["x"] + 0.2 * (trial.seed % 1000) / 1000


def test_the_best_trials_are_run_again_with_seeds_of_their_own(client):
    study = client.create_study("noisy", budget={"max_trials": 8}, **NOISY)
    study.optimize(luck)
    leading = list(study.trials(sort="-value"))[:2]
    seeds = []

    again = study.confirm(top=2, seeds=3)

    def noted(parameters, trial):
        seeds.append(trial.seed)
        return luck(parameters, trial)

    again.optimize(noted)

    found = ranking(again)
    assert again.refresh().state.has_ended
    assert len(set(seeds)) == 6
    assert sorted(each.number for each in found) == sorted(trial.number for trial in leading)
    assert found[0].mean >= found[1].mean
    assert all(len(each.values) == 3 and 0 < (each.standard_error or 0) < 0.2 for each in found)


def test_of_several_objectives_the_front_is_confirmed(client):
    objectives = [{"metric": "score", "goal": "maximize"}, {"metric": "cost", "goal": "minimize"}]
    study = client.create_study("confirmed front", budget={"max_trials": 6}, **NOISY | {"objectives": objectives})
    study.optimize(lambda parameters, _: {"score": parameters["x"], "cost": parameters["x"] ** 2})

    again = study.confirm(top=3, seeds=1, name="front-again")
    again.optimize(lambda parameters, _: {"score": parameters["x"], "cost": 0.0})

    best = sorted((trial.metrics["score"] for trial in study.pareto()), reverse=True)[:3]
    assert [each.mean for each in ranking(again)] == best
    assert ranking(again)[0].standard_error is None


def test_trials_of_an_earlier_space_are_confirmed_in_the_one_of_now(client):
    (x,) = NOISY["space"]
    both = [x, {"name": "gone", "type": "bool"}]
    study = client.create_study("changed", budget={"max_trials": 4}, **NOISY | {"space": both})
    study.optimize(luck)
    best = study.best()
    study.change(space={"parameters": [x, {"name": "new", "type": "bool", "default": True}]})

    again = study.confirm(top=1, seeds=2)

    assert [t.parameters for t in again.trials()] == [{"x": best.parameters["x"], "new": True}] * 2


def test_a_trial_outside_of_the_space_of_now_is_named_when_it_is_to_be_confirmed(client):
    study = client.create_study("narrowed", budget={"max_trials": 4}, **NOISY)
    study.optimize(luck)
    best = study.best()
    study.change(space={"parameters": [NOISY["space"][0] | {"high": best.parameters["x"] / 2}]})

    with pytest.raises(InvalidInput, match=f"trial {best.number} is one of the best, and not of the space"):
        study.confirm(top=1, seeds=2)


def test_a_trial_that_breaks_a_constraint_is_not_confirmed(client):
    study = client.create_study("bounded", budget={"max_trials": 6}, constraints=["score <= 0.6"], **NOISY)
    study.optimize(lambda parameters, _: parameters["x"])

    again = study.confirm(top=1, seeds=1)
    again.optimize(lambda parameters, _: parameters["x"])

    assert ranking(again)[0].mean == study.best().metrics["score"] <= 0.6


def test_a_study_without_results_cannot_be_confirmed(client):
    study = client.create_study("nothing to confirm", **NOISY)

    with pytest.raises(InvalidInput, match="no completed trial"):
        study.confirm()
