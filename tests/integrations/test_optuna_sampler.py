"""Studyhall's engines inside Optuna studies, held against the sampler suite that Optuna publishes."""

import itertools
import pickle
import warnings

import pytest

from studyhall.errors import InvalidInput, StudyEnded

optuna = pytest.importorskip("optuna", reason="NO optuna: pip install optuna")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from optuna.testing import pytest_samplers

from studyhall.integrations import optuna_journal, optuna_sampler  # noqa: E402 - after the check that Optuna is there
from studyhall.integrations.optuna import StudyhallSampler, StudyhallStorage  # noqa: E402

optuna.logging.set_verbosity(optuna.logging.ERROR)
NAMES = (f"asked-{number}" for number in itertools.count())


@pytest.fixture
def name(door, monkeypatch):
    """A fresh study's name; clients without an address reach the application in this process."""
    monkeypatch.setattr(optuna_journal, "Client", lambda *_: door.client())
    monkeypatch.setattr(optuna_sampler, "Client", lambda *_: door.client())
    return next(NAMES)


class TestOptunasOwnSuite(
    pytest_samplers.BasicSamplerTestCase,
    pytest_samplers.RelativeSamplerTestCase,
    pytest_samplers.MultiObjectiveSamplerTestCase,
):
    @pytest.fixture
    def sampler(self, name):
        return lambda: StudyhallSampler(algorithm="sobol", seed=1)


def evaluate(trial):
    x = trial.suggest_float("x", -1, 1)
    kind = trial.suggest_categorical("kind", ["flat", "steep"])
    slope = trial.suggest_float("slope", 1.0, 4.0) if kind == "steep" else 0.5
    for step in range(3):
        trial.report(x / (step + 1), step)
    if trial.number == 3:
        raise optuna.TrialPruned
    if trial.number == 4:
        raise ZeroDivisionError
    return slope * x * x


def search(name, n_trials=10, storage=None, sampler=None):
    sampler = sampler or StudyhallSampler(algorithm="sobol", seed=3)
    study = optuna.create_study(study_name=name, sampler=sampler, storage=storage, load_if_exists=True)
    study.optimize(evaluate, n_trials=n_trials, catch=(ZeroDivisionError,))
    return study


def trials_here(door, name):
    return list(door.client().study(name).trials(state=["completed", "pruned", "failed", "infeasible"]))


def test_parameters_come_from_the_engine_and_results_go_to_it(name, door):
    theirs = search(name)

    here = trials_here(door, name)
    suggested = [trial for trial in here if trial.source in ("initial", "model")]
    assert [trial.parameters for trial in here] == [trial.params for trial in theirs.trials]
    assert [trial.metrics.get("value") for trial in here if trial.state == "completed"] == [
        trial.value for trial in theirs.trials if trial.state == optuna.trial.TrialState.COMPLETE
    ]
    assert len(suggested) >= 5
    assert [here[3].state, here[4].state] == ["pruned", "failed"]


def test_reports_on_the_way_become_measurements(name, door):
    theirs = search(name)

    told = [(one.step, one.metrics["value"]) for one in door.client().measurements(trials_here(door, name)[-1].id)]
    assert told == list(theirs.trials[-1].intermediate_values.items())


def test_a_parameter_asked_for_under_a_condition_gets_it_here(name, door):
    search(name)

    space = door.client().study(name).definition.space
    assert space.by_name["slope"].when == "kind == 'steep'"


def layered(trial):
    """As Optuna's own examples: as many parameters as another one says."""
    layers = trial.suggest_int("net/layers", 1, 3)
    return sum(trial.suggest_int(f"units_{layer}", 4, 64, log=True) for layer in range(layers))


def test_trials_with_as_many_parameters_as_another_one_says_are_all_known_here(name, door):
    theirs = optuna.create_study(study_name=name, sampler=StudyhallSampler(algorithm="sobol", seed=3))
    theirs.optimize(layered, n_trials=12)

    assert [trial.parameters for trial in trials_here(door, name)] == [trial.params for trial in theirs.trials]


def test_a_name_that_is_none_here_is_named(name, door):
    theirs = optuna.create_study(study_name=name, sampler=StudyhallSampler())

    with pytest.raises(InvalidInput, match="rename one of \\['learning rate'\\]"):
        theirs.optimize(lambda trial: trial.suggest_float("learning rate", 0, 1), n_trials=2)


def test_a_second_process_asks_the_same_search(name, door, tmp_path):
    storage = f"sqlite:///{tmp_path / 'optuna.db'}"
    search(name, 5, storage)
    theirs = search(name, 5, storage)

    here = trials_here(door, name)
    assert len(here) == len(theirs.trials) == 10
    assert len({trial.parameters["x"] for trial in here}) == 10


def test_trials_from_before_are_known_to_the_search(name, door):
    before = search(None, 5, sampler=optuna.samplers.RandomSampler(seed=1))
    study = optuna.create_study(study_name=name, sampler=StudyhallSampler(algorithm="sobol"))
    study.add_trials(before.trials)
    study.optimize(evaluate, n_trials=2)

    here = trials_here(door, name)
    assert [trial.parameters for trial in here] == [trial.params for trial in study.trials]
    assert {trial.source for trial in here[:5]} == {"import"}
    assert here[5].source != "import"


def test_queued_parameters_are_imported_and_what_was_suggested_instead_is_cancelled(name, door):
    study = search(name, 6)
    study.enqueue_trial({"x": 0.25})
    study.optimize(evaluate, n_trials=1)

    here = list(door.client().study(name).trials())
    assert here[-1].parameters == study.trials[-1].params
    assert here[-1].parameters["x"] == 0.25
    assert here[-2].state == "cancelled"
    assert not any(trial.state == "running" for trial in here)


def test_with_the_storage_each_trial_is_shown_once(name, door):
    theirs = search(name, storage=StudyhallStorage(journal=f"{name}-journal"))

    assert [trial.parameters for trial in trials_here(door, name)] == [trial.params for trial in theirs.trials]


def test_several_objectives_are_searched_too(name, door):
    study = optuna.create_study(
        study_name=name, directions=["minimize", "maximize"], sampler=StudyhallSampler(algorithm="sobol")
    )
    with pytest.warns(optuna.exceptions.ExperimentalWarning):
        study.set_metric_names(["loss", "speed"])
    study.optimize(lambda trial: (trial.suggest_float("x", 0, 1), trial.params["x"]), n_trials=4)

    front = door.client().study(name).pareto()
    assert sorted(trial.metrics["speed"] for trial in front) == sorted(trial.values[1] for trial in study.best_trials)


def test_stopping_the_study_on_the_server_ends_the_script(name, door):
    study = search(name, 5)
    door.client().study(name).stop()

    with pytest.raises(StudyEnded, match="hands out no more trials"):
        study.optimize(evaluate, n_trials=1)


def test_a_pickled_sampler_goes_on_and_carries_no_key(name, door):
    sampler = StudyhallSampler(algorithm="sobol", seed=3)
    study = search(name, 5, sampler=sampler)
    pickled = pickle.dumps(sampler)
    study.sampler = pickle.loads(pickled)  # noqa: S301 - our own
    study.optimize(evaluate, n_trials=2)

    assert door.key.encode() not in pickled
    assert trials_here(door, name)[-1].source in ("initial", "model")


def test_threads_share_a_sampler(name, door):
    study = optuna.create_study(study_name=name, sampler=StudyhallSampler(algorithm="sobol", seed=3))
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=8, n_jobs=4)

    here = trials_here(door, name)
    assert sorted(trial.parameters["x"] for trial in here) == sorted(trial.params["x"] for trial in study.trials)
