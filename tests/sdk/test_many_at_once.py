"""Several trials at once from one script, and all of a study as a table."""

import threading

import pytest

from studyhall.errors import InvalidInput
from studyhall.trial_columns import columns_of

SPACE = [
    {"name": "x", "type": "float", "low": 0.0, "high": 1.0},
    {"name": "kind", "type": "categorical", "choices": ["a", "b"]},
    {"name": "extra", "type": "int", "low": 1, "high": 9, "when": "kind == 'b'"},
]


@pytest.fixture
def study(door, request):
    name = request.node.name[:100].replace("[", "-").replace("]", "")
    return door.client().create_study(name, SPACE, {"metric": "loss"}, algorithm={"name": "random", "seed": 1})


def test_as_many_trials_run_at_once_as_were_asked_for(study):
    together = threading.Barrier(3, timeout=20)

    best = study.optimize(lambda parameters, _: together.wait() * 0.0 + parameters["x"], 6, n_jobs=3)

    assert best is not None
    assert study.refresh().trials.completed == 6


def test_an_error_in_one_ends_the_others_after_their_trial_and_is_raised(study):
    def evaluate(parameters, trial):
        if trial.number == 1:
            raise ZeroDivisionError
        return parameters["x"]

    with pytest.raises(ZeroDivisionError):
        study.optimize(evaluate, 50, n_jobs=2)

    counts = study.refresh().trials
    assert counts.failed == 1
    assert counts.running == 0
    assert counts.total < 50


def test_nobody_runs_no_trials_at_once(study):
    with pytest.raises(InvalidInput, match="n_jobs"):
        study.optimize(lambda *_: 1.0, 1, n_jobs=0)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_number_of_trials_below_none_spends_no_budget(study, n_jobs):
    with pytest.raises(InvalidInput, match="n_trials"):
        study.optimize(lambda *_: 1.0, -1, n_jobs=n_jobs)

    assert study.refresh().trials.total == 0


def test_no_trials_are_no_list_of_trials(study):
    with pytest.raises(InvalidInput, match="count"):
        study.ask(0)


def test_a_function_that_returns_nothing_is_told_what_to_return(study):
    with pytest.raises(InvalidInput, match="a value or metrics must be returned"):
        study.optimize(lambda *_: None, 1)


def test_trials_become_columns_with_gaps_where_a_parameter_was_inactive(study):
    study.add(
        {"parameters": {"x": 0.5, "kind": "a"}, "state": "completed", "metrics": {"loss": 2.0, "size": 7.0}},
        {"parameters": {"x": 0.25, "kind": "b", "extra": 3}, "state": "failed"},
    )

    columns = columns_of(study.definition, study.trials())

    assert columns["state"] == ["completed", "failed"]
    assert columns["parameters.extra"] == [None, 3]
    assert columns["metrics.loss"] == [2.0, None]
    assert columns["metrics.size"] == [7.0, None]


def test_trials_become_a_data_frame(study):
    import pandas

    study.optimize(lambda parameters, _: parameters["x"], 4)

    frame = study.trials_dataframe(state="completed")

    assert list(frame.index) == [0, 1, 2, 3]
    assert pandas.api.types.is_float_dtype(frame["metrics.loss"])
    assert str(frame["finished_at"].dtype).startswith("datetime64")
