"""Results of Ray Tune, from a directory as Ray 2 writes it."""

import json

import pytest

from studyhall.cli import main
from studyhall.errors import InvalidInput
from studyhall.interchange.ray_results import read_results


def write(directory, name, config, reports, error=None):
    trial = directory / name
    trial.mkdir(parents=True)
    (trial / "params.json").write_text(json.dumps(config))
    (trial / "result.json").write_text("".join(json.dumps(report) + "\n" for report in reports))
    if error:
        (trial / "error.txt").write_text(error)


def report(step, loss, *, done=False, **more):
    usual = {"training_iteration": step, "time_total_s": step * 1.5, "trial_id": "ab_1", "pid": 4711, "date": "x"}
    return {"loss": loss, "done": done, **usual, "config": {"lr": 1}, **more}


@pytest.fixture
def results(tmp_path):
    """An experiment with a trial of each kind."""
    directory = tmp_path / "train_fn_2026"
    curve = [report(1, 0.5), report(2, 0.25, eval={"accuracy": 0.75}), report(3, 0.2, done=True)]
    write(directory, "t_00000", {"lr": 1e-4, "layers": 1, "act": "relu", "net": {"dropout": 0.5}, "data": "d"}, curve)
    other = {"lr": 0.1, "layers": 4, "act": "gelu", "net": {"dropout": 0.0}, "data": "d"}
    write(directory, "t_00001", other, [report(1, float("nan")), report(2, 0.75, done=True)])
    write(directory, "t_00002", other | {"lr": 0.01}, [report(1, 0.6)], error="Traceback ...\nValueError: boom\n")
    write(directory, "t_00003", other | {"lr": 0.02}, [])
    with (directory / "t_00001" / "result.json").open("a") as file:
        file.write('{"loss": 0.')  # killed while it wrote
    (directory / "tuner.pkl").write_bytes(b"never opened")
    return directory


def test_trials_come_with_their_curves_and_ends(results):
    found = read_results(results, metric="loss")

    assert [trial["state"] for trial in found.trials] == ["completed", "completed", "failed"]
    assert [point["step"] for point in found.trials[0]["measurements"]] == [1, 2, 3]
    assert found.trials[0]["measurements"][1] == {
        "step": 2, "metrics": {"loss": 0.25, "eval/accuracy": 0.75}, "elapsed_s": 3.0
    }  # fmt: skip
    assert found.trials[1]["metrics"] == {"loss": 0.75}
    assert found.trials[2]["reason"] == "ValueError: boom"
    assert any("t_00003 never reported 'loss'" in note for note in found.notes)


def test_without_a_space_it_is_what_was_tried_and_a_note_says_so(results):
    found = read_results(results, metric="loss", mode="max")

    by_name = {parameter["name"]: parameter for parameter in found.definition["space"]["parameters"]}
    assert by_name["lr"] == {"name": "lr", "type": "float", "low": 1e-4, "high": 0.1, "scale": "log"}
    assert (by_name["layers"]["type"], by_name["act"]["choices"]) == ("int", ["relu", "gelu"])
    assert (by_name["net/dropout"]["type"], by_name["data"]["type"]) == ("float", "constant")
    assert found.definition["objectives"] == [{"metric": "loss", "goal": "maximize"}]
    assert any("the range of 'lr' is what was tried" in note for note in found.notes)


def test_a_metric_that_nobody_reported_is_told_with_those_there_are(results, tmp_path):
    with pytest.raises(InvalidInput, match="reported were: eval, loss"):
        read_results(results, metric="accuracy")
    with pytest.raises(InvalidInput, match="holds no trial of Ray Tune"):
        read_results(tmp_path / "nowhere", metric="loss")


@pytest.mark.parametrize("given", [False, True])
def test_the_command_makes_the_study_with_its_trials(results, door, home, monkeypatch, tmp_path, capsys, given):
    monkeypatch.setenv("STUDYHALL_URL", "http://testserver")
    monkeypatch.setenv("STUDYHALL_KEY", door.key)
    (tmp_path / "space.json").write_text(
        '{"lr": {"loguniform": [1e-5, 1]}, "layers": {"randint": [1, 9]}, "act": {"choice": ["relu", "gelu"]},'
        ' "net/dropout": {"uniform": [0, 1]}, "data": "d"}'
    )
    space = ["--space", str(tmp_path / "space.json")] if given else []
    name = f"from ray {given}"

    line = ["import", "ray-results", str(results), "--metric", "loss", "--name", name, *space]
    assert main(line, transport=door.transport, patience_s=0) == 0, capsys.readouterr().err

    study = door.client().study(name)
    assert study.definition.trials.completed == 2
    assert study.best().metrics == {"loss": 0.2}
    assert study.definition.space.by_name["lr"].high == (1.0 if given else 0.1)
