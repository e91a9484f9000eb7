"""Optuna's studies, brought here and back, held against the real package."""

import json
import math
import warnings

import pytest

from studyhall.cli import main
from studyhall.errors import InvalidInput, NotFound
from studyhall.interchange.optuna_storage import read_studies, read_study
from studyhall.interchange.optuna_study import OptunaStudy, OptunaTrial, translate, with_our_names
from studyhall.wire.studies import CreateStudy

optuna = pytest.importorskip("optuna", reason="NO optuna: pip install optuna")
optuna.logging.set_verbosity(optuna.logging.ERROR)


def evaluate(trial):
    lr = trial.suggest_float("lr", 1e-4, 1.0, log=True)
    width = trial.suggest_int("width", 8, 64, step=8)
    kind = trial.suggest_categorical("kind", ["sgd", "adam", None])
    if kind == "sgd":
        trial.suggest_float("momentum", 0.0, 0.9)
    trial.report(lr, 1)
    trial.report(math.nan, 2)
    trial.set_user_attr("machine", "a100")
    if trial.number == 3:
        raise optuna.TrialPruned
    if trial.number == 4:
        raise ValueError
    return lr * width


def storage_at(kind, directory):
    if kind == "tables":
        return optuna.storages.RDBStorage(f"sqlite:///{directory}/optuna.db"), f"sqlite:///{directory}/optuna.db"
    path = f"{directory}/optuna.log"
    backend = optuna.storages.journal.JournalFileBackend(path)
    return optuna.storages.JournalStorage(backend), path


@pytest.fixture(scope="module", params=["tables", "journal"])
def source(request, tmp_path_factory):
    """A real study with every state, and where it is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna's own, about files and experimental parts
        storage, url = storage_at(request.param, tmp_path_factory.mktemp("optuna"))
        sampler = optuna.samplers.RandomSampler(seed=3)
        study = optuna.create_study(storage=storage, study_name="digits", direction="maximize", sampler=sampler)
        study.set_metric_names(["accuracy"])
        study.enqueue_trial({"lr": 0.5})
        study.optimize(evaluate, n_trials=12, catch=(ValueError,))
        study.ask()
        study.enqueue_trial({"lr": 0.25, "kind": "adam"})
        yield study, url


def test_a_storage_is_read_as_optuna_reads_it(source):
    study, url = source

    found = read_study(url)

    assert (found.name, found.directions) == ("digits", ["maximize"])
    assert len(found.trials) == len(study.trials)
    for ours, theirs in zip(found.trials, study.trials, strict=True):
        assert (ours.number, ours.state) == (theirs.number, theirs.state.name)
        assert ours.parameters == theirs.params
        assert ours.values == theirs.values
        assert ours.user_attrs == theirs.user_attrs
        assert repr(ours.intermediate) == repr(theirs.intermediate_values)


def test_a_condition_that_the_code_had_is_found_in_the_trials(source):
    found = translate(read_study(source[1]))

    momentum = next(p for p in found.definition["space"]["parameters"] if p["name"] == "momentum")
    assert momentum["when"] == "kind == 'sgd'"
    assert found.definition["objectives"] == [{"metric": "accuracy", "goal": "maximize"}]


def plain(number, **parameters):
    whole = {"name": "IntDistribution", "attributes": {"low": 0, "high": 9, "step": 1, "log": False}}
    return OptunaTrial(number, "COMPLETE", parameters, dict.fromkeys(parameters, whole), [0.0])


def test_a_condition_on_a_number_and_one_below_another_are_found():
    trials = [
        plain(0, **{"a/n": 1, "few": 0}),
        plain(1, **{"a/n": 2, "second": 3}),
        plain(2, **{"a/n": 3, "second": 6, "deep": 1}),
    ]

    found = translate(OptunaStudy("layers", ["minimize"], trials))

    conditions = {one["name"]: one.get("when") for one in found.definition["space"]["parameters"]}
    assert conditions == {"a/n": None, "few": "`a/n` <= 1", "second": "`a/n` >= 2", "deep": "`a/n` >= 3"}
    assert len(found.trials) == 3
    CreateStudy.model_validate_json(json.dumps(found.definition))


def test_a_parameter_whose_name_is_none_here_gets_another_one():
    names = {"learning rate": 1, "learning_rate": 2, "7-up": 3, "größe": 4}
    waiting = OptunaTrial(1, "WAITING", system_attrs={"fixed_params": {"learning rate": 5}})

    renamed, notes = with_our_names(OptunaStudy("names", ["minimize"], [plain(0, **names), waiting]))

    told = translate(renamed)
    assert told.trials[0]["parameters"] == {"learning_rate_": 1, "learning_rate": 2, "_7-up": 3, "gr__e": 4}
    assert told.trials[1]["parameters"] == {"learning_rate_": 5}
    assert "parameter 'learning rate' is called 'learning_rate_' here" in notes
    CreateStudy.model_validate_json(json.dumps(told.definition))


@pytest.mark.parametrize(
    ("theirs", "ours"), [(["val loss", "größe"], ["val_loss", "gr__e"]), (["a b", "a_b"], ["value_0", "value_1"])]
)
def test_a_metric_whose_name_is_none_here_gets_another_one(theirs, ours):
    trial = plain(0, x=1)
    trial.values = [1.0, 2.0]
    study = OptunaStudy("metrics", ["minimize", "maximize"], [trial], system_attrs={"study:metric_names": theirs})

    found = translate(study)

    assert [objective["metric"] for objective in found.definition["objectives"]] == ours
    assert found.trials[0]["metrics"] == dict(zip(ours, trial.values, strict=True))


def test_the_limits_of_a_study_come_over(door):
    kept, broken = plain(0, x=1), plain(1, x=2)
    kept.values, kept.system_attrs = [2.0], {"constraints": [-1.0, 0.0]}
    broken.values, broken.system_attrs = [1.0], {"constraints": [-1.0, 0.5]}

    found = translate(OptunaStudy("limits", ["minimize"], [kept, broken]))
    study = door.client().create_study_from(found.definition)
    study.add(*found.trials)

    assert study.definition.constraints == ("constraint_0 <= 0", "constraint_1 <= 0")
    assert study.best().number == 0


def test_an_attribute_that_is_no_text_becomes_json():
    trial = plain(0, x=1)
    trial.user_attrs = {"nested": {"a": [1, None]}, "flag": True, "text": "as it is"}

    (told,) = translate(OptunaStudy("attributes", ["minimize"], [trial])).trials

    labels = {"nested": '{"a": [1, null]}', "flag": "true", "text": "as it is"}
    assert told["labels"] == {"optuna.number": "0"} | labels


def test_what_has_no_counterpart_is_told(source):
    notes = " ".join(translate(read_study(source[1])).notes)

    assert "was running and is left out" in notes
    assert "not finite" in notes


def test_a_study_comes_here_and_goes_back_as_it_was(source, door, home, monkeypatch, capsys, tmp_path, request):
    study, url = source
    name = f"round-{request.node.callspec.id}"
    monkeypatch.setenv("STUDYHALL_URL", "http://testserver")
    monkeypatch.setenv("STUDYHALL_KEY", door.key)

    assert main(["import", "optuna", url, "--name", name], transport=door.transport, patience_s=0) == 0
    back = tmp_path / "back.log"
    assert main(["export", "optuna", name, str(back)], transport=door.transport, patience_s=0) == 0

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        backend = optuna.storages.journal.JournalFileBackend(str(back))
        again = optuna.load_study(study_name=name, storage=optuna.storages.JournalStorage(backend))
        ended = [t for t in study.trials if t.state.is_finished() and t.params]
        returned = [t for t in again.trials if t.state.is_finished()]
        assert again.directions == study.directions
        assert again.metric_names == ["accuracy"]
        assert [t.params for t in returned] == [t.params for t in ended]
        assert [(t.state, t.values) for t in returned if t.state.name == "COMPLETE"] == [
            (t.state, t.values) for t in ended if t.state.name == "COMPLETE"
        ]
        assert again.best_trial.params == study.best_trial.params
        assert again.trials[-1].state.name == "WAITING"
        assert again.trials[-1].system_attrs["fixed_params"]["lr"] == 0.25
        again.optimize(evaluate, n_trials=2, catch=(ValueError,))  # and it goes on there


def test_a_space_without_a_trial_is_unknown(tmp_path):
    (tmp_path / "journal").write_text('{"op_code": 0, "worker_id": "w", "study_name": "s", "directions": [1]}\n')

    with pytest.raises(InvalidInput, match="no trial with parameters"):
        translate(read_study(str(tmp_path / "journal")))


def test_a_line_that_was_being_written_is_left_out(tmp_path):
    line = json.dumps({"op_code": 0, "worker_id": "w", "study_name": "s", "directions": [1, 2]})
    (tmp_path / "journal").write_text(f'{line}\n{{"op_code": 1, "stu')

    (study,) = read_studies(str(tmp_path / "journal"))

    assert study.directions == ["minimize", "maximize"]


@pytest.mark.parametrize("text", ["no json\n", '{"op_code": 5, "trial_id": 9}\n', "[]\n"])
def test_what_is_no_journal_says_its_line(tmp_path, text):
    (tmp_path / "journal").write_text(text)

    with pytest.raises(InvalidInput, match="line 1"):
        read_studies(str(tmp_path / "journal"))


def test_a_study_that_is_not_there_is_told_with_those_that_are(source):
    with pytest.raises(NotFound, match="it has: digits"):
        read_study(source[1], "mnist")
