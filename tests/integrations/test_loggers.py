"""Loggers hear what a trial reports: the real ones where they are installed, and what is said to them anywhere."""

import sys
from types import SimpleNamespace

import pytest
import torch

from studyhall.integrations.loggers import MLflow, TensorBoard, WeightsAndBiases, with_loggers
from studyhall.trial_context import LocalTrial

pytestmark = pytest.mark.filterwarnings("ignore")  # what these libraries warn their own users of is not ours to mend


def report_two_steps(logger):
    """A trial that reports through a logger; what it printed is in `capsys`."""
    trial = with_loggers(LocalTrial(number=7, tell=lambda *_: True), {"lr": 0.1}, [logger])
    trial.report(1, loss=torch.tensor(0.5))
    trial.report(2, loss=0.25)
    return trial


class Remembering:
    def __init__(self):
        self.heard = []

    def begin(self, trial, parameters):
        self.heard.append(dict(parameters))

    def log(self, step, metrics):
        self.heard.append((step, dict(metrics)))


class Failing(Remembering):
    def log(self, step, metrics):
        raise ConnectionError("no network")


def test_loggers_hear_what_the_trial_reports_and_one_that_fails_hurts_nobody(capsys):
    good, bad = Remembering(), Failing()
    trial = with_loggers(LocalTrial(tell=lambda step, _: step < 2), {"lr": 0.1}, [bad, good])

    answers = [trial.report(1, loss=torch.tensor(0.5)), trial.report(2, loss=0.25)]

    assert answers == [True, False]
    assert good.heard == [{"lr": 0.1}, (1, {"loss": 0.5}), (2, {"loss": 0.25})]
    assert capsys.readouterr().out.count("Failing is left out from here on") == 1
    assert trial.number == 0


@pytest.mark.parametrize("logger", [TensorBoard("runs"), MLflow("search"), WeightsAndBiases("search")])
def test_a_logger_whose_library_is_not_installed_is_left_out(logger, monkeypatch, capsys):
    for name in ("torch.utils.tensorboard", "mlflow", "wandb"):
        monkeypatch.setitem(sys.modules, name, None)

    report_two_steps(logger)

    assert f"{type(logger).__name__} is left out from here on" in capsys.readouterr().out


def test_mlflow_is_told_of_an_experiment_a_run_its_parameters_and_each_step(monkeypatch):
    said = []
    names = ("set_tracking_uri", "set_experiment", "start_run", "log_params", "log_metrics")
    library = SimpleNamespace(
        **{name: lambda *a, _name=name, **k: said.append((_name, *a, *k.values())) for name in names}
    )
    monkeypatch.setitem(sys.modules, "mlflow", library)

    report_two_steps(MLflow("search", "http://tracking.test"))

    assert said == [
        ("set_tracking_uri", "http://tracking.test"),
        ("set_experiment", "search"),
        ("start_run", "trial-7"),
        ("log_params", {"lr": 0.1}),
        ("log_metrics", {"loss": 0.5}, 1),
        ("log_metrics", {"loss": 0.25}, 2),
    ]


def test_weights_and_biases_is_told_of_a_run_its_parameters_and_each_step(monkeypatch):
    said: list[object] = []

    def init(**given):
        said.append(given)
        return SimpleNamespace(log=lambda metrics, step: said.append((step, metrics)))

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init))

    report_two_steps(WeightsAndBiases("search", mode="offline"))

    assert said == [
        {"name": "trial-7", "config": {"lr": 0.1}, "project": "search", "mode": "offline"},
        (1, {"loss": 0.5}),
        (2, {"loss": 0.25}),
    ]


def test_tensorboard_reads_what_was_logged(tmp_path):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    report_two_steps(TensorBoard(str(tmp_path)))

    read = EventAccumulator(str(tmp_path / "trial-7"))
    read.Reload()
    assert [(event.step, event.value) for event in read.Scalars("loss")] == [(1, 0.5), (2, 0.25)]


def test_mlflow_keeps_what_was_logged(tmp_path, monkeypatch):
    library = pytest.importorskip("mlflow", reason="mlflow is not installed")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")

    report_two_steps(MLflow("search", tmp_path.as_uri()))

    run = library.get_run(library.active_run().info.run_id)
    library.end_run()
    assert (run.data.params, run.data.metrics) == ({"lr": "0.1"}, {"loss": 0.25})


def test_weights_and_biases_takes_what_was_logged(tmp_path, monkeypatch, capsys):
    library = pytest.importorskip("wandb", reason="wandb is not installed")
    monkeypatch.chdir(tmp_path)

    report_two_steps(WeightsAndBiases("search", mode="offline", dir=str(tmp_path)))
    library.finish()

    assert "left out" not in capsys.readouterr().out
    assert list(tmp_path.rglob("*.wandb"))
