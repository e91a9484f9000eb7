"""What frameworks compute reaches the trial step by step, and a stopped trial ends their training."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from studyhall.integrations import keras, lightgbm, lightning, sklearn, transformers, xgboost
from studyhall.integrations.loggers import with_loggers
from studyhall.integrations.torch import epochs
from studyhall.trial_context import BadCheckpoint, LocalTrial


def trial_that_stops_at(step=None, **given):
    return LocalTrial(tell=lambda now, _: step is None or now < step, **given)


@pytest.fixture
def fake_module(monkeypatch):
    """Puts a module with one base class where a framework would be: only what it calls is tried, not itself."""

    def make(name, base):
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            monkeypatch.setitem(sys.modules, ".".join(parts[:end]), ModuleType(".".join(parts[:end])))
        setattr(sys.modules[name], base, type(base, (), {}))

    return make


def test_each_fold_of_scikit_learn_is_a_step():
    X, y = load_wine(return_X_y=True)
    trial = trial_that_stops_at()

    found = sklearn.cross_validated(make_pipeline(StandardScaler(), LogisticRegression()), X, y, trial, metric="score")

    assert [step for step, _ in trial.reports] == [1, 2, 3, 4, 5]
    assert trial.reports[-1][1] == found
    assert found["score"] > 0.95


def test_no_fold_is_fitted_after_the_stop():
    X, y = load_wine(return_X_y=True)
    trial = trial_that_stops_at(2)

    sklearn.cross_validated(LogisticRegression(max_iter=5000), X, y, trial, metric="score", scoring="accuracy")

    assert len(trial.reports) == 2


class Line:
    """A training of one weight, as plain PyTorch code has it."""

    def __init__(self):
        torch.manual_seed(0)
        self.model = torch.nn.Linear(1, 1)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=0.1)

    def train(self, trial, most):
        for epoch in epochs(trial, most, model=self.model, optimizer=self.optimizer):
            loss = ((self.model(torch.ones(1, 1)) - 3) ** 2).sum()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            epoch.report(loss=loss)


def test_a_plain_loop_resumes_as_if_it_had_never_stopped():
    whole, first = trial_that_stops_at(), trial_that_stops_at(4)
    Line().train(whole, 8)

    Line().train(first, 8)
    second = trial_that_stops_at(resume_from=first.checkpoint_dir / "step-4")
    Line().train(second, 8)

    assert first.reports + second.reports == whole.reports


def test_a_checkpoint_of_something_else_is_a_bad_one(tmp_path):
    (tmp_path / "state.pt").write_bytes(b"no tensors")

    with pytest.raises(BadCheckpoint):
        Line().train(trial_that_stops_at(resume_from=tmp_path), 2)


def test_each_round_of_lightgbm_is_a_step():
    real = pytest.importorskip("lightgbm", reason="lightgbm is not installed")
    random = np.random.default_rng(0)
    x = random.normal(size=(200, 3))
    data = real.Dataset(x[:150], x[:150, 0], free_raw_data=False)
    held_out = real.Dataset(x[150:], x[150:, 0], reference=data, free_raw_data=False)
    trial = trial_that_stops_at(7)

    booster = real.train(
        {"objective": "l2", "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 5},
        data,
        num_boost_round=50,
        valid_sets=[held_out],
        valid_names=["val"],
        callbacks=[lightgbm.report_to(trial)],
    )

    assert [step for step, _ in trial.reports] == [1, 2, 3, 4, 5, 6, 7]
    assert trial.reports[0][1].keys() == {"val_l2"}
    assert booster.current_iteration() == 7


def test_a_round_of_xgboost_is_reported_under_the_names_of_data_and_metric(fake_module):
    fake_module("xgboost.callback", "TrainingCallback")
    trial = trial_that_stops_at(2)
    callback = xgboost.report_to(trial)

    ends = [
        callback.after_iteration(None, 0, {"val": {"rmse": [0.5]}}),
        callback.after_iteration(None, 1, {"val": {"rmse": [0.5, (0.4, 0.1)]}}),
    ]

    assert trial.reports == [(1, {"val_rmse": 0.5}), (2, {"val_rmse": 0.4})]
    assert ends == [False, True]


def test_an_epoch_of_keras_is_a_step_and_a_stopped_trial_stops_the_model(fake_module):
    fake_module("keras.callbacks", "Callback")
    trial = trial_that_stops_at(2)
    callback = keras.report_to(trial)
    callback.model = SimpleNamespace(stop_training=False)

    callback.on_epoch_end(0, {"loss": 1.0})
    went_on = not callback.model.stop_training
    callback.on_epoch_end(1, {"loss": 0.5})

    assert (went_on, callback.model.stop_training) == (True, True)
    assert trial.reports == [(1, {"loss": 1.0}), (2, {"loss": 0.5})]


def test_a_validation_of_lightning_is_reported_and_saved_before_the_stop(fake_module):
    fake_module("lightning.pytorch.callbacks", "Callback")
    trial = trial_that_stops_at(3)
    trainer = SimpleNamespace(
        sanity_checking=False,
        current_epoch=2,
        callback_metrics={"val_loss": torch.tensor(0.25)},
        should_stop=False,
        save_checkpoint=lambda path: path.write_text("saved"),
    )

    lightning.report_to(trial).on_validation_end(trainer, None)

    assert (trial.reports, trainer.should_stop) == ([(3, {"val_loss": 0.25})], True)
    again = LocalTrial(resume_from=trial.checkpoint_dir / "step-3")
    assert Path(lightning.resume_path(again) or "").read_text() == "saved"


def test_an_evaluation_of_transformers_is_reported_by_its_step(fake_module):
    fake_module("transformers", "TrainerCallback")
    trial = trial_that_stops_at(100)
    callback, control = transformers.report_to(trial), SimpleNamespace(should_training_stop=False)

    callback.on_step_end(None, None, control)
    went_on = not control.should_training_stop
    callback.on_evaluate(None, SimpleNamespace(global_step=100), control, metrics={"eval_loss": 0.5, "note": "text"})

    assert (went_on, control.should_training_stop) == (True, True)
    assert trial.reports == [(100, {"eval_loss": 0.5})]


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
    trial = with_loggers(trial_that_stops_at(2), {"lr": 0.1}, [bad, good])

    answers = [trial.report(1, loss=torch.tensor(0.5)), trial.report(2, loss=0.25)]

    assert answers == [True, False]
    assert good.heard == [{"lr": 0.1}, (1, {"loss": 0.5}), (2, {"loss": 0.25})]
    assert capsys.readouterr().out.count("Failing is left out from here on") == 1
    assert trial.number == 0
