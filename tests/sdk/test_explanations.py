"""What the search believes, asked through the SDK of the real application, its engine process included."""

import math

import pytest

from studyhall.errors import Conflict, InvalidInput, NotFound

BOWL = {
    "space": [
        {"name": "x", "type": "float", "low": -1, "high": 1},
        {"name": "y", "type": "float", "low": -1, "high": 1},
    ],
    "objectives": [{"metric": "score", "goal": "maximize"}],
    "algorithm": {"name": "bayes", "seed": 1},
    "budget": {"max_trials": 12},
}
LISTS = {
    "space": [
        {"name": "order", "type": "permutation", "items": ["crop", "flip", "jitter", None]},
        {"name": "features", "type": "subset", "items": ["a", "b", "c"], "min_size": 1},
        {"name": "mix", "type": "simplex", "parts": ["web", "books"], "when": "'a' in features"},
    ],
    "objectives": [{"metric": "score", "goal": "maximize"}],
    "algorithm": {"name": "auto", "seed": 1},
    "budget": {"max_trials": 10},
}


def score(parameters, trial):
    return 10 - (parameters["x"] - 0.3) ** 2 - 0.1 * parameters["y"] ** 2


def score_of_lists(parameters, trial):
    return len(parameters["features"]) - parameters["order"].index("flip") + parameters.get("mix", [0])[0]


def test_points_are_predicted_in_the_units_of_the_objective(client):
    study = client.create_study("predicted", **BOWL)
    study.optimize(score)

    near, far = study.predict({"x": 0.3, "y": 0.0}, {"x": -1.0, "y": 1.0})

    assert near.mean["score"] == pytest.approx(10, abs=0.1)
    assert far.mean["score"] < near.mean["score"] - 0.5
    assert 0 < near.deviation["score"] < 1


def test_a_suggestion_is_explained_by_what_it_promised_and_what_came_of_it(client):
    study = client.create_study("explained", **BOWL)
    study.optimize(score)
    last = list(study.trials())[-1]

    found = client.explain(last.id)

    (odds,) = found.odds
    assert (found.number, found.algorithm, found.source, found.results) == (11, "bayes", "model", 11)
    assert found.why == last.why
    assert odds.mean == last.predicted.mean["score"]
    assert odds.best == max(trial.metrics["score"] for trial in study.trials() if trial.number < 11)
    assert odds.improvement == pytest.approx(odds.by_mean + odds.by_doubt)
    assert 0 < odds.chance < 1
    assert odds.surprise == pytest.approx((last.metrics["score"] - odds.mean) / odds.deviation)
    assert found.now.mean["score"] == pytest.approx(last.metrics["score"], abs=1.0)
    assert {difference.parameter for difference in found.differences} == {"x", "y"}


def test_what_no_model_chose_promised_nothing(client):
    study = client.create_study("by hand", **BOWL)
    (queued,) = study.queue({"x": 0.1, "y": 0.2})

    found = client.explain(queued.id)

    assert (found.source, found.odds, found.now, found.results) == ("queue", (), None, 0)


def test_a_model_without_results_says_so(client):
    study = client.create_study("empty", **BOWL)

    with pytest.raises(Conflict, match="learns from 3"):
        study.predict({"x": 0, "y": 0})


@pytest.mark.parametrize(
    ("point", "pointer"),
    [({"x": 3.0, "y": 0.0}, "/points/0/x"), ({"x": 0.0}, "/points/0/y"), ({"z": 1}, "/points/0/z")],
)
def test_a_point_outside_of_the_space_is_pointed_at(client, point, pointer):
    study = client.create_study(f"outside {len(point)} {pointer[-1]}", **BOWL)

    with pytest.raises(InvalidInput) as refused:
        study.predict(point)

    assert pointer in [error.pointer for error in refused.value.errors]


def test_a_trial_that_there_is_not_is_not_explained(client):
    with pytest.raises(NotFound):
        client.explain("tr_00000000000000000000000000")


def test_orders_subsets_and_shares_are_searched_queued_and_explained(client):
    study = client.create_study("lists", **LISTS)
    study.queue({"order": ["flip", None, "crop", "jitter"], "features": ["b", "c"]}, {"features": ["a"]})
    study.optimize(score_of_lists)
    first, *_, last = study.trials()

    found = client.explain(last.id)

    assert first.parameters == {"order": ["flip", None, "crop", "jitter"], "features": ["b", "c"]}
    assert all(math.isclose(sum(t.parameters["mix"]), 1, abs_tol=1e-6) for t in study.trials() if "mix" in t.parameters)
    assert found.differences
    with pytest.raises(InvalidInput) as refused:
        study.queue({"order": ["flip", "flip", "crop", "jitter"]})
    assert refused.value.errors[0].pointer == "/trials/0/parameters/order"
