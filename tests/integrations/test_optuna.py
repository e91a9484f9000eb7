"""Optuna's scripts on Studyhall, held against the storage suite that Optuna publishes."""

import itertools
import pickle
import warnings

import pytest

from studyhall.errors import Conflict

optuna = pytest.importorskip("optuna", reason="NO optuna: pip install optuna")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from optuna.testing.pytest_storages import StorageTestCase

from studyhall.integrations import optuna as ours  # noqa: E402 - after the check that Optuna is there
from studyhall.integrations import optuna_journal  # noqa: E402

optuna.logging.set_verbosity(optuna.logging.ERROR)
NAMES = (f"journal-{number}" for number in itertools.count())


@pytest.fixture
def journal(door, monkeypatch):
    """A fresh journal's name; clients without an address reach the application in this process."""
    monkeypatch.setattr(optuna_journal, "Client", lambda *_: door.client())
    return next(NAMES)


class TestOptunasOwnSuite(StorageTestCase):
    @pytest.fixture
    def storage(self, journal):
        return ours.StudyhallStorage(journal=journal)


def evaluate(trial):
    x = trial.suggest_float("x", -1, 1)
    kind = trial.suggest_categorical("kind", ["flat", "steep"])
    slope = trial.suggest_float("slope", 1.0, 4.0) if kind == "steep" else 0.5
    trial.report(x, 1)
    if trial.number == 5:
        raise optuna.TrialPruned
    return slope * x * x


def search(storage, name, n_trials=12):
    sampler = optuna.samplers.RandomSampler(seed=1)
    study = optuna.create_study(storage=storage, study_name=name, sampler=sampler, load_if_exists=True)
    study.optimize(evaluate, n_trials=n_trials)
    return study


def test_a_script_finds_the_same_as_with_optunas_own_storage(journal):
    here = search(ours.StudyhallStorage(journal=journal), f"{journal} digits")
    there = search(None, "digits")

    assert [(t.state, t.params, t.values) for t in here.trials] == [(t.state, t.params, t.values) for t in there.trials]
    assert here.best_params == there.best_params


def test_ended_trials_are_shown_as_a_study_whose_space_grew(journal, door):
    name = f"{journal} shown"
    theirs = search(ours.StudyhallStorage(journal=journal), name)

    shown = door.client().study(name)
    trials = list(shown.trials())

    assert [t.parameters for t in trials] == [t.params for t in theirs.trials]
    assert [t.state for t in trials] == ["pruned" if n == 5 else "completed" for n in range(12)]
    assert shown.definition.space.by_name["slope"].when == "kind == 'steep'"
    assert shown.best().metrics["value"] == theirs.best_value


def test_another_process_goes_on_where_one_ended(journal):
    first = search(ours.StudyhallStorage(journal=journal), f"{journal} on", n_trials=2)
    again = pickle.loads(pickle.dumps(ours.StudyhallStorage(journal=journal)))  # noqa: S301 - our own

    assert len(search(again, f"{journal} on", n_trials=2).trials) == 4
    assert len(first.trials) == 4


def test_a_pickled_storage_carries_no_key(journal, door):
    assert door.key.encode() not in pickle.dumps(ours.StudyhallStorage(journal=journal))


def test_a_record_longer_than_a_note_comes_back_whole(journal):
    study = optuna.create_study(storage=ours.StudyhallStorage(journal=journal))
    study.set_user_attr("text", "ä\x00" * 5000)

    again = ours.StudyhallStorage(journal=journal)

    assert again.get_all_studies()[0].user_attrs == {"text": "ä\x00" * 5000}


def test_a_study_of_the_same_name_is_left_alone(journal, door, caplog):
    name = f"{journal} taken"
    taken = door.client().create_study(name, [{"name": "x", "type": "float", "low": 0, "high": 1}], {"metric": "y"})

    theirs = search(ours.StudyhallStorage(journal=journal), name, n_trials=2)

    assert len(theirs.trials) == 2
    assert taken.refresh().trials.finished == 0
    assert "not shown any more" in caplog.text


def test_a_study_that_is_no_journal_is_not_written_to(journal, door):
    door.client().create_study(journal, [{"name": "x", "type": "float", "low": 0, "high": 1}], {"metric": "y"})

    with pytest.warns(UserWarning, match="was there already"), pytest.raises(Conflict, match="holds no journal"):
        ours.StudyhallStorage(journal=journal)
