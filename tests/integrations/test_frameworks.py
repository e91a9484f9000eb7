"""Each framework's own training, as its users run it: stopped by the trial, saved, and gone on with."""

import warnings

import numpy as np
import pytest
import torch

from studyhall.integrations import keras, lightgbm, lightning, transformers, xgboost
from studyhall.trial_context import LocalTrial

# What these libraries warn their own users of is not ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def _away_from_home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def real(name):
    """A library, or a test that is skipped where it is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name, reason=f"{name} is not installed")


def in_two_attempts(train, *, stop_at, resume_at):
    """Runs a training that is told to stop at a step, and another one that goes on from its checkpoint."""
    first = LocalTrial(tell=lambda step, _: step < stop_at)
    train(first)
    second = LocalTrial(tell=lambda *_: True, resume_from=first.checkpoint_dir / f"step-{resume_at}")
    train(second)
    return [[step for step, _ in trial.reports] for trial in (first, second)], second


def a_table():
    random = np.random.default_rng(0)
    x = random.normal(size=(200, 3)).astype("float32")
    return x, x[:, :1] * 2


def test_rounds_of_lightgbm_are_steps_and_a_second_attempt_goes_on():
    library = real("lightgbm")
    x, y = a_table()

    def train(trial):
        data = library.Dataset(x[:150], y[:150, 0], free_raw_data=False)
        library.train(
            {"objective": "l2", "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 5},
            data,
            num_boost_round=lightgbm.rounds_left(trial, 10),
            valid_sets=[library.Dataset(x[150:], y[150:, 0], reference=data, free_raw_data=False)],
            valid_names=["val"],
            init_model=lightgbm.resume_path(trial),
            callbacks=[lightgbm.report_to(trial)],
        )

    steps, trial = in_two_attempts(train, stop_at=4, resume_at=4)

    assert steps == [[1, 2, 3, 4], [5, 6, 7, 8, 9, 10]]
    assert trial.reports[0][1].keys() == {"val_l2"}


def test_rounds_of_xgboost_are_steps_and_a_second_attempt_goes_on():
    library = real("xgboost")
    x, y = a_table()

    def train(trial):
        library.train(
            {"objective": "reg:squarederror", "nthread": 1},
            library.DMatrix(x[:150], y[:150]),
            num_boost_round=xgboost.rounds_left(trial, 10),
            evals=[(library.DMatrix(x[150:], y[150:]), "val")],
            xgb_model=xgboost.resume_path(trial),
            callbacks=[xgboost.report_to(trial)],
            verbose_eval=False,
        )

    steps, trial = in_two_attempts(train, stop_at=4, resume_at=4)

    assert steps == [[1, 2, 3, 4], [5, 6, 7, 8, 9, 10]]
    assert trial.reports[0][1].keys() == {"val_rmse"}


def test_a_ranking_reports_its_metrics_by_names_that_metrics_may_have():
    boosters = real("xgboost"), real("lightgbm")
    x, _ = a_table()
    relevance, trials = np.arange(200) % 3, (LocalTrial(tell=lambda *_: True), LocalTrial(tell=lambda *_: True))

    held_out = boosters[0].DMatrix(x, relevance, qid=np.arange(200) // 10)
    boosters[0].train(
        {"objective": "rank:ndcg", "eval_metric": "ndcg@5", "nthread": 1},
        held_out,
        num_boost_round=1,
        evals=[(held_out, "val")],
        callbacks=[xgboost.report_to(trials[0])],
        verbose_eval=False,
    )
    data = boosters[1].Dataset(x, relevance, group=[10] * 20)
    boosters[1].train(
        {"objective": "lambdarank", "eval_at": [5], "verbosity": -1, "num_threads": 1},
        data,
        num_boost_round=1,
        valid_sets=[data],
        valid_names=["val"],
        callbacks=[lightgbm.report_to(trials[1])],
    )

    assert [trial.reports[0][1].keys() for trial in trials] == [{"val_ndcg_5"}, {"val_ndcg_5"}]


def test_a_cross_validation_of_xgboost_reports_the_mean_of_its_folds():
    library = real("xgboost")
    x, y = a_table()
    trial = LocalTrial(tell=lambda step, _: step < 3)

    library.cv(
        {"objective": "reg:squarederror", "nthread": 1},
        library.DMatrix(x, y),
        num_boost_round=10,
        nfold=3,
        callbacks=[xgboost.report_to(trial)],
        as_pandas=False,
    )

    assert [(step, set(metrics)) for step, metrics in trial.reports] == [
        (step, {"train_rmse", "test_rmse"}) for step in (1, 2, 3)
    ]


def test_epochs_of_keras_are_steps_and_a_second_attempt_goes_on():
    library = real("keras")
    x, y = a_table()

    def build():
        model = library.Sequential([library.Input((3,)), library.layers.Dense(1)])
        model.compile(optimizer="adam", loss="mse")
        return model

    def train(trial):
        model, done = keras.resumed(trial, build)
        model.fit(x, y, initial_epoch=done, epochs=5, verbose=0, callbacks=[keras.report_to(trial)])

    steps, trial = in_two_attempts(train, stop_at=2, resume_at=2)

    assert steps == [[1, 2], [3, 4, 5]]
    assert trial.reports[0][1].keys() == {"loss"}


def test_validations_of_lightning_are_steps_and_a_second_attempt_goes_on():
    library = real("lightning.pytorch")
    x, y = map(torch.tensor, a_table())
    rows = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=50)

    class Line(library.LightningModule):  # type: ignore[misc,name-defined] # imported where it is installed
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(3, 1)

        def training_step(self, batch, _):
            return torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1])

        def validation_step(self, batch, _):
            self.log("val_loss", torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1]))

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters())

    def train(trial, **options):
        quiet = dict.fromkeys(("logger", "enable_progress_bar", "enable_model_summary", "enable_checkpointing"), False)
        trainer = library.Trainer(
            accelerator="cpu", callbacks=[lightning.report_to(trial)], **quiet, **({"max_epochs": 5} | options)
        )
        trainer.fit(Line(), rows, rows, ckpt_path=lightning.resume_path(trial))

    steps, trial = in_two_attempts(train, stop_at=2, resume_at=2)
    within = LocalTrial(tell=lambda *_: True)
    train(within, max_epochs=1, val_check_interval=0.5)

    assert steps == [[1, 2], [3, 4, 5]]
    assert trial.reports[0][1].keys() == {"val_loss"}
    assert [step for step, _ in within.reports] == [2, 4]  # of an epoch of four batches


def test_evaluations_of_transformers_are_steps_and_a_second_attempt_goes_on(tmp_path):
    library = real("transformers")
    real("accelerate")
    x, y = map(torch.tensor, a_table())

    class Line(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(3, 1)

        def forward(self, x, labels):
            found = self.layer(x)
            return {"loss": torch.nn.functional.mse_loss(found, labels), "logits": found}

    def train(trial):
        arguments = library.TrainingArguments(
            output_dir=str(tmp_path / str(id(trial))),
            per_device_train_batch_size=50,
            max_steps=10,
            eval_strategy="steps",
            eval_steps=2,
            save_strategy="no",
            report_to="none",
            use_cpu=True,
            disable_tqdm=True,
        )
        rows = [{"x": each, "labels": target} for each, target in zip(x, y, strict=True)]
        trainer = library.Trainer(
            Line(), arguments, train_dataset=rows, eval_dataset=rows, callbacks=[transformers.report_to(trial)]
        )
        trainer.train(resume_from_checkpoint=transformers.resume_path(trial))

    steps, trial = in_two_attempts(train, stop_at=4, resume_at=4)

    assert steps == [[2, 4], [6, 8, 10]]
    assert "eval_loss" in trial.reports[0][1]
