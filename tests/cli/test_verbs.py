"""The verbs that change, queue, import and wait, against the real application."""

import itertools
import json
from pathlib import Path

import httpx2
import jsonschema_rs
import pytest

from studyhall.cli import main
from studyhall.commands.assignments import changed_fields, read_assignments
from studyhall.errors import InvalidInput

NUMBERS = itertools.count()
EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.json"))


@pytest.fixture
def studyhall(door, home, monkeypatch, capsys):
    """Runs a command; answers its code and all that it printed."""
    monkeypatch.setenv("STUDYHALL_URL", "http://testserver")
    monkeypatch.setenv("STUDYHALL_KEY", door.key)

    def run(*arguments):
        code = main(list(arguments), transport=door.transport, patience_s=0)
        return code, "".join(capsys.readouterr())

    return run


@pytest.fixture
def study(door):
    space = [{"name": "x", "type": "float", "low": 0, "high": 1}]
    return door.client(worker="verbs").create_study(
        f"verbs-{next(NUMBERS)}", space, {"metric": "loss"}, algorithm="random"
    )


def test_a_study_is_changed_field_by_field(studyhall, study):
    code, _ = studyhall("study", "change", study.name, "budget.max_trials=7", "labels.team=vision", "priority=2")

    now = study.refresh()
    assert (code, now.budget.max_trials, now.labels, now.priority) == (0, 7, {"team": "vision"}, 2)


@pytest.mark.parametrize("word", ["budget.max_trials=many", "speed=3", "description=null", "priority.much=1"])
def test_a_change_that_does_not_fit_is_code_2_and_names_the_field(studyhall, study, word):
    code, said = studyhall("study", "change", study.name, word)

    assert code == 2
    assert word.partition("=")[0].partition(".")[0] in said
    assert "PatchStudy" not in said


def test_changes_tell_how_far_every_study_is(studyhall, study):
    _, said = studyhall("study", "changes")

    assert {"study": study.id, "sequence": study.refresh().sequence} in [json.loads(line) for line in said.splitlines()]


def test_events_are_printed_after_a_sequence_number(studyhall, study):
    _, before = studyhall("study", "events", study.name)
    sequences = [json.loads(line)["sequence"] for line in before.splitlines()]
    study.queue({"x": 0.5})

    _, after = studyhall("study", "events", study.name, "--after", str(sequences[-1]))

    assert [json.loads(line)["number"] for line in after.splitlines()] == [0]


def test_a_trial_is_queued_and_found_by_its_number(studyhall, study):
    code, said = studyhall("trial", "queue", study.name, "x=0.25", "--label", "by=hand")

    _, shown = studyhall("trial", "show", f"{study.name}/0")
    queued = json.loads(shown)
    assert (code, queued["id"]) == (0, json.loads(said)["id"])
    assert (queued["parameters"], queued["labels"]) == ({"x": 0.25}, {"by": "hand"})


@pytest.mark.parametrize(("count", "told"), [(1, "1 trial is added"), (2, "2 trials are added")])
def test_trials_are_imported_from_a_file_and_may_be_corrected(studyhall, study, tmp_path, count, told):
    line = json.dumps({"parameters": {"x": 0.1}, "state": "completed", "metrics": {"loss": 1.0}})
    (tmp_path / "trials.jsonl").write_text(f"{line}\n\n" * count)

    assert told in studyhall("trial", "add", study.name, str(tmp_path / "trials.jsonl"), "--text")[1]
    assert studyhall("trial", "change", f"{study.name}/0", "metrics.loss=0.3", "excluded=true")[0] == 0

    trial = next(study.trials())
    assert (trial.metrics, trial.excluded) == ({"loss": 0.3}, True)


def test_a_line_that_is_no_trial_is_named(studyhall, study, tmp_path):
    (tmp_path / "trials.jsonl").write_text('{"parameters": {"x": 0.1}}\n[1]\n')

    code, said = studyhall("trial", "add", study.name, str(tmp_path / "trials.jsonl"))

    assert code == 2
    assert "line 2" in said


def test_waiting_for_a_repeat_in_a_paused_study_ends_and_says_why(studyhall, study):
    study.add({"parameters": {"x": 0.1}, "state": "failed"})
    study.pause()

    code, said = studyhall("trial", "retry", f"{study.name}/0", "--wait")

    assert code == 5
    assert f"studyhall study resume {study.name}" in said


def test_pausing_and_stopping_wait_until_nothing_runs(studyhall, study):
    assert studyhall("study", "pause", study.name, "--wait", "--text")[0] == 0
    assert "completed" in studyhall("study", "stop", study.name, "--wait", "--text")[1]


def test_words_are_json_or_else_text():
    assert read_assignments(["lr=0.01", "act=relu", "order=[2,1]", "of=a=b"]) == {
        "lr": 0.01, "act": "relu", "order": [2, 1], "of": "a=b",
    }  # fmt: skip
    assert changed_fields(["labels.a=null", "labels.b=x"], {"labels": {"a": "1", "c": "2"}}) == {
        "labels": {"c": "2", "b": "x"}
    }


@pytest.mark.parametrize("words", [["lr"], ["=1"], ["lr=1", "lr=2"], ["lr=NaN"]])
def test_words_that_say_nothing_definite_are_refused(words):
    with pytest.raises(InvalidInput):
        read_assignments(words)


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_every_example_fits_the_schema_that_servers_tell_without_a_key(door, file):
    answer = httpx2.Client(transport=door.transport, base_url="http://testserver").get("/v1/schemas/study.json")

    jsonschema_rs.validator_for(answer.json()).validate(json.loads(file.read_text()))
    assert not jsonschema_rs.is_valid(answer.json(), {"name": "no space"})


def test_a_webhook_is_made_tried_listed_and_deleted(studyhall, tmp_path):
    secret = tmp_path / "secret"
    _, made = studyhall(
        "webhook", "create", "http://127.0.0.1:9/in", "--kind", "study.*", "--file", str(secret), "--json"
    )
    webhook = json.loads(made)["id"]
    code, said = studyhall("webhook", "test", webhook)
    _, listed = studyhall("webhook", "list", "--text")
    studyhall("webhook", "delete", webhook)

    assert secret.read_text().startswith("whs_")
    assert (code, "did not arrive" in said) == (5, True)
    assert "http://127.0.0.1:9/in" in listed
    assert studyhall("webhook", "list", "--text") == (0, "no webhooks\n")


def test_a_study_is_shared_and_unshared(studyhall, study):
    _, made = studyhall("study", "share", study.name, "--name", "reviewer", "--expires-in", "2d", "--json")
    share = json.loads(made)
    _, listed = studyhall("study", "shares", study.name, "--text")
    studyhall("study", "unshare", study.name, share["id"])
    _, after = studyhall("study", "shares", study.name, "--text")

    assert share["link"].startswith("http://testserver/#key=hps_")
    assert ("reviewer" in listed, "revoked" in listed, "revoked" in after) == (True, False, True)


def test_an_ended_study_is_put_away_and_taken_back(studyhall, study):
    assert studyhall("study", "archive", study.name)[0] == 5  # it has not ended
    study.stop()
    _, said = studyhall("study", "archive", study.name, "--text")
    _, listed = studyhall("study", "list", "--limit", "0")
    _, away = studyhall("study", "list", "--archived", "--limit", "0")
    code, _ = studyhall("trial", "queue", study.name, "x=0.5")
    studyhall("study", "unarchive", study.name)

    assert said == f"study '{study.name}' is completed (user) and archived\n"
    assert (study.id in listed, study.id in away, code) == (False, True, 5)
    assert studyhall("study", "change", study.name, "priority=2")[0] == 0


@pytest.mark.parametrize("verb", ["watch", "create"])
def test_waiting_for_a_paused_study_ends_and_says_what_to_do(studyhall, study, verb, tmp_path):
    study.pause()
    definition = {"name": study.name, "space": study.definition.space.to_dict(), "objectives": [{"metric": "loss"}]}
    (tmp_path / "study.json").write_text(json.dumps(definition))
    create = ("create", str(tmp_path / "study.json"), "--if-exists", "get", "--wait")

    code, said = studyhall("study", *(create if verb == "create" else ("watch", study.name)))

    assert code == 5
    assert f"is paused and nothing runs: studyhall study resume '{study.name}'" in said


def test_parameters_and_columns_are_printed(studyhall, study):
    study.queue({"x": 0.5})
    _, table = studyhall("study", "parameters", study.name, "--text")
    _, columns = studyhall("trial", "columns", study.name)

    assert table.splitlines()[1].split()[:2] == ["x", "float"]
    assert json.loads(columns)["parameters"] == [{"x": 0.5}]


def test_the_best_trials_are_confirmed_and_ranked(studyhall, study, door):
    study.change(budget={"max_trials": 4})
    study.optimize(lambda parameters, _: parameters["x"])

    code, _ = studyhall("study", "confirm", study.name, "--top", "2", "--seeds", "2")
    again = door.client(worker="confirms").study(f"{study.name}-confirmed")
    again.optimize(lambda parameters, _: parameters["x"])
    _, said = studyhall("study", "confirm", study.name, "--wait")

    leading = [trial.number for trial in study.trials(sort="value")][:2]
    assert code == 0
    assert [each["trial"] for each in json.loads(said)["ranking"]] == leading
    assert all(len(each["values"]) == 2 for each in json.loads(said)["ranking"])


def test_what_has_no_result_cannot_be_confirmed(studyhall, study):
    code, said = studyhall("study", "confirm", study.name)

    assert code == 2
    assert "no completed trial" in said
