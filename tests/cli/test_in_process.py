"""Commands against the real application: what one prints, the next one can use."""

import json
import re

import pytest

from studyhall.cli import main
from studyhall.wire.fleet import RegisterWorker

DEFINITION = {
    "space": {
        "parameters": [
            {"name": "x", "type": "float", "low": 0, "high": 1},
            {"name": "kind", "type": "categorical", "choices": ["a", "b"]},
        ]
    },
    "objectives": [{"metric": "loss"}],
    "algorithm": {"name": "random", "seed": 1},
    "budget": {"max_trials": 3},
}


@pytest.fixture
def studyhall(door, home, tmp_path, monkeypatch, capsys):
    """Runs a command and answers its JSON, or the text of what it printed."""
    monkeypatch.setenv("STUDYHALL_URL", "http://testserver")
    monkeypatch.setenv("STUDYHALL_KEY", door.key)

    def run(*arguments, code=0):
        form = () if {"--json", "--csv"} & {*arguments} else ("--text",)
        assert main([*arguments, *form], transport=door.transport, patience_s=0) == code
        out, err = capsys.readouterr()
        return json.loads(out) if "--json" in arguments and not code else out + err

    return run


@pytest.fixture
def study(studyhall, tmp_path, request):
    """A new study of this test's own, made by a command."""
    (tmp_path / "study.json").write_text(json.dumps(DEFINITION | {"name": request.node.name}))
    return studyhall("study", "create", str(tmp_path / "study.json"), "--json")["name"]


def evaluate(door, name):
    door.client(worker="evaluator").study(name).optimize(lambda _, trial: trial.report(1, loss=1.0) and 0.5)


def test_a_study_that_is_there_and_another_one_is_told_of(studyhall, study, tmp_path):
    (tmp_path / "other.json").write_text(json.dumps(DEFINITION | {"name": study, "budget": {"max_trials": 9}}))

    said = studyhall("study", "create", str(tmp_path / "other.json"), "--if-exists", "get")

    assert f"studyhall: study '{study}' was there already, with another budget than asked for here" in said


def test_a_study_is_made_listed_and_shown(studyhall, study):
    assert study in [listed["name"] for listed in studyhall("study", "list", "--json")]
    assert study in studyhall("study", "list")
    assert "objectives  minimize loss\n" in studyhall("study", "show", study)


def test_a_study_is_watched_to_its_end_and_its_best_is_shown(studyhall, study, door):
    evaluate(door, study)

    assert f"study '{study}' is completed (budget)" in studyhall("study", "watch", study)
    assert studyhall("study", "best", study, "--json")[0]["metrics"] == {"loss": 0.5}
    assert "best trial  0 (tr_" in studyhall("study", "best", study)


def test_trials_are_listed_shown_and_repeated(studyhall, study, door):
    evaluate(door, study)

    trials = studyhall("trial", "list", study, "--state", "completed", "--reverse", "--json")
    assert [trial["number"] for trial in trials] == [2, 1, 0]
    shown = studyhall("trial", "show", trials[0]["id"], "--json")
    assert [measurement["step"] for measurement in shown["measurements"]] == [1]
    studyhall("trial", "retry", trials[0]["id"], code=5)


def test_an_analysis_tells_moments_as_moments(studyhall, study, door):
    evaluate(door, study)

    assert re.search(
        r"0 +completed +0.5 +0.5 +20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\+00:00", studyhall("analyse", study, "history")
    )


def test_a_trial_is_explained(door, studyhall):
    study = door.client(worker="evaluator").create_study(
        "explained by a command",
        **DEFINITION | {"algorithm": {"name": "bayes", "seed": 1}, "budget": {"max_trials": 8}},
    )
    study.optimize(lambda parameters, _: (parameters["x"] - 0.3) ** 2)
    last = list(study.trials())[-1]

    found = studyhall("trial", "explain", last.id, "--json")
    told = studyhall("trial", "explain", last.id)

    assert (found["trial"], found["number"], found["algorithm"]) == (last.id, 7, "bayes")
    assert f"why             {last.why}\n" in told
    assert "expected today  loss " in told
    assert "against the best other trial" in told


def test_the_network_of_a_trial_is_drawn(door, studyhall):
    two = {"input": [4], "output": 2, "body": [{"op": "linear", "out": {"choice": [3, 5]}}]}
    study = door.client().create_study(
        "networks", **DEFINITION | {"space": {"architecture": two}, "budget": {"max_trials": 1}}
    )
    trial = study.ask()

    assert "linear relu out" in studyhall("trial", "network", trial.id)
    assert [layer["op"] for layer in studyhall("trial", "network", trial.id, "--json")["layers"]] == [
        "input", "linear", "head",
    ]  # fmt: skip


def test_a_running_trial_is_stopped_and_cancelled(studyhall, study, door):
    trial = door.client().study(study).ask()

    assert studyhall("trial", "stop", trial.id, "--reason", "enough", "--json")["stop_requested"] == "enough"
    assert studyhall("trial", "cancel", trial.id, "--json")["state"] == "cancelled"
    assert "its result stands" in studyhall("trial", "cancel", trial.id, code=5)


def test_a_study_is_paused_resumed_stopped_and_deleted(studyhall, study):
    assert studyhall("study", "pause", study, "--json")["state"] == "paused"
    assert studyhall("study", "resume", study, "--json")["state"] == "active"
    assert studyhall("study", "stop", study, "--mode", "kill", "--json")["state"] == "completed"
    studyhall("study", "delete", study, "--yes")
    studyhall("study", "show", study, code=4)


def test_a_name_that_is_taken_is_code_5(studyhall, study, tmp_path):
    assert "--if-exists get" in studyhall("study", "create", str(tmp_path / "study.json"), code=5)
    assert studyhall("study", "create", str(tmp_path / "study.json"), "--if-exists", "get", "--json")["name"] == study


def test_a_space_is_checked_by_the_server(studyhall, study, tmp_path):
    text = studyhall("space", "check", str(tmp_path / "study.json"), "--samples", "3")

    assert "a continuum" in text
    assert len(text.splitlines()) == 2 + 1 + 3


def test_keys_are_made_listed_and_revoked(studyhall):
    key = studyhall("key", "create", "for ci", "--scope", "reader", "--expires-in", "1d", "--json")

    assert key["id"] in studyhall("key", "list")
    studyhall("key", "revoke", key["id"])
    assert any(listed["id"] == key["id"] and listed["revoked_at"] for listed in studyhall("key", "list", "--json"))


def test_what_the_server_can_do_is_listed(studyhall):
    assert "random" in studyhall("algorithms")
    assert studyhall("trainables", "--json") == []


def test_a_worker_is_drained(studyhall, door):
    introduction = RegisterWorker(name="w-1", version="0.1.0")
    door.client().connection.post("/v1/workers", introduction, natural_key=True)

    assert studyhall("worker", "change", "w-1", "draining", "--reason", "new disk") == "worker w-1 is draining\n"


def test_a_key_that_may_not_is_code_1(studyhall, monkeypatch):
    reader = studyhall("key", "create", "looks", "--scope", "reader", "--json")
    monkeypatch.setenv("STUDYHALL_KEY", reader["secret"])

    assert "it takes 'admin'" in studyhall("key", "list", code=1)
