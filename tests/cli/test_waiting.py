"""Commands that wait, that read from a pipe, and that print what others compute; on the real application."""

import io
import itertools
import json
from types import SimpleNamespace

import pytest

from studyhall.cli import main
from studyhall.interchange import trial_files
from studyhall.study_schema import study_schema
from studyhall.wire.fleet import RegisterWorker

NUMBERS = itertools.count()


@pytest.fixture
def studyhall(door, home, monkeypatch, capsys):
    """Runs a command; answers its code and what it printed."""
    monkeypatch.setenv("STUDYHALL_URL", "http://testserver")
    monkeypatch.setenv("STUDYHALL_KEY", door.key)

    def run(*arguments):
        code = main(list(arguments), transport=door.transport, patience_s=0)
        return code, capsys.readouterr().out

    return run


@pytest.fixture
def study(door):
    space = [{"name": "x", "type": "float", "low": 0, "high": 1}]
    return door.client(worker="waiter").create_study(
        f"waiting-{next(NUMBERS)}", space, {"metric": "loss"}, algorithm="random", budget={"max_trials": 1}
    )


def told(x):
    return {"parameters": {"x": x}, "state": "completed", "metrics": {"loss": (x - 0.5) ** 2}}


def test_a_prediction_is_printed_for_people_and_for_programs(studyhall, study):
    study.add(*map(told, (0.0, 0.25, 0.5, 0.75, 1.0)))

    code, table = studyhall("study", "predict", study.name, "x=0.5", "--text")
    _, text = studyhall("study", "predict", study.name, "x=0.5")

    assert (code, table.split()[:3]) == (0, ["OBJECTIVE", "EXPECTED", "DEVIATION"])
    assert json.loads(text)["mean"]["loss"] == pytest.approx(0.0, abs=0.1)


def test_the_schema_of_study_files_is_printed_without_a_server(studyhall):
    assert json.loads(studyhall("study", "schema")[1]) == study_schema()


def test_attempts_tell_who_ran_a_trial(studyhall, study):
    study.ask().complete(0.5)

    _, text = studyhall("trial", "attempts", f"{study.name}/0")

    assert [(each["worker"], each["outcome"]) for each in json.loads(text)] == [("waiter", "completed")]


def test_making_a_study_may_wait_for_its_end(studyhall, study, tmp_path):
    definition = {"name": study.name, "space": study.definition.space.to_dict(), "objectives": [{"metric": "loss"}]}
    (tmp_path / "study.json").write_text(json.dumps(definition))
    study.ask().complete(0.5)

    code, text = studyhall("study", "create", str(tmp_path / "study.json"), "--if-exists", "get", "--wait", "--text")

    assert (code, text) == (0, f"study '{study.name}' is completed (budget)\n")


def test_draining_a_worker_may_wait_until_it_runs_nothing(studyhall, study, door, monkeypatch):
    name = f"drained-{next(NUMBERS)}"
    door.client().connection.post("/v1/workers", RegisterWorker(name=name, version="0.1.0"), natural_key=True)
    held = door.client(worker=name).study(study.id).ask()
    waits: list[float] = []

    def meanwhile(seconds):
        waits.append(seconds)
        held.complete(0.5)

    monkeypatch.setattr("studyhall.commands.fleet.time", SimpleNamespace(sleep=meanwhile))

    assert studyhall("worker", "change", name, "draining", "--wait", "--text") == (0, f"worker {name} is draining\n")
    assert len(waits) == 1


def test_trials_on_a_pipe_are_added_in_portions(studyhall, study, monkeypatch):
    monkeypatch.setattr(trial_files, "PORTION", 2)
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(json.dumps(told(n / 10)) for n in range(5))))
    posted: list[int] = []
    monkeypatch.setattr(type(study), "add", _noting(type(study).add, posted))

    _, text = studyhall("trial", "add", study.name, "-")

    assert json.loads(text)["added"] == 5
    assert posted == [2, 2, 1]


def _noting(add, posted):
    def noted(self, *trials):
        posted.append(len(trials))
        return add(self, *trials)

    return noted
