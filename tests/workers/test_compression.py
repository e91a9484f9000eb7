import json
import subprocess
import sys
from hashlib import sha256
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from studyhall.errors import InvalidInput
from studyhall.trial_context import LocalTrial
from tests.workers.small_models import digits, trained
from workers.compression.examples import Examples, Rows
from workers.compression.figures import accuracy_interval, count_flops, r2_interval
from workers.compression.forms import plain_form
from workers.compression.knobs import Quantize, read_pipeline
from workers.compression.learning import Course, Teacher, learn
from workers.compression.pipeline import compress
from workers.compression.quantization import quantize

FIGURES = {"params", "flops", "weight_bytes", "file_bytes", "latency_p50_ms", "latency_p95_ms", "seconds"}


def quiet_trial(**given):
    return LocalTrial(tell=lambda *_: True, **given)


@pytest.fixture(scope="module")
def whole():
    trial = quiet_trial(number=7, seed=3)
    parameters = {"lr": 0.1, "prune.target": 0.4, "examine.eps": 0.1}
    pipeline: list[Any] = [
        "train",
        {"stage": "prune", "steps": 2, "finetune_epochs": 1, "last_epochs": 1},
        {"stage": "examine", "rows": 128},
        "quantize",
        "export",
    ]
    return compress(trained(), digits(), parameters, trial, pipeline=pipeline), trial


def test_every_stage_tells_how_good_how_large_and_how_fast_the_model_is(whole):
    metrics, trial = whole

    for stage in ("train", "prune", "examine", "quantize", "export"):
        assert {f"{stage}.{name}" for name in {*FIGURES, "accuracy"}} <= metrics.keys()
        assert metrics[f"{stage}.accuracy_low"] < metrics[f"{stage}.accuracy"] < metrics[f"{stage}.accuracy_high"]
    assert next(sorted(found) for _, found in trial.reports) == sorted(n for n in metrics if n.startswith("train."))


def test_a_pruned_and_quantized_model_is_smaller_and_nearly_as_good(whole):
    metrics, _ = whole

    assert metrics["prune.params"] <= 0.4 * metrics["train.params"]
    assert metrics["quantize.weight_bytes"] < 0.4 * metrics["prune.weight_bytes"]
    assert metrics["quantize.accuracy"] >= metrics["prune.accuracy"] - 0.01
    assert metrics["export.accuracy"] == metrics["quantize.accuracy"] > 0.9


def test_an_attack_hurts_more_than_noise_of_the_same_size(whole):
    metrics, _ = whole

    noise, fgsm, pgd = (metrics[f"examine.{name}_accuracy"] for name in ("noise", "fgsm", "pgd"))
    assert pgd <= fgsm < noise - 0.1
    assert metrics["examine.completeness_error"] < 0.05


def test_the_files_of_a_stage_are_what_its_record_says(whole):
    _, trial = whole

    for stage in ("train", "prune", "quantize"):
        record = json.loads((trial.artifacts[stage] / "stage.json").read_text())
        for name, told in record["files"].items():
            assert sha256((trial.artifacts[stage] / name).read_bytes()).hexdigest() == told["sha256"]
        assert record["sha256"] == record["files"]["model.onnx"]["sha256"]


def test_the_exported_directory_proves_itself(whole):
    directory = whole[1].artifacts["export"]

    sums = dict(reversed(line.split()) for line in (directory / "SHA256SUMS").read_text().splitlines())
    assert sums.keys() == {path.name for path in directory.iterdir()} - {"SHA256SUMS"}
    assert all(sha256((directory / name).read_bytes()).hexdigest() == told for name, told in sums.items())
    onnx.checker.check_model(onnx.load(directory / "model.onnx"))


@pytest.mark.parametrize("example", ["predict_onnx.py", "predict_torch.py"])
def test_the_example_beside_an_exported_model_runs(whole, example):
    path = whole[1].artifacts["export"] / example

    run = subprocess.run([sys.executable, path], capture_output=True, text=True)

    assert run.returncode == 0, run.stderr
    assert len(path.read_text().splitlines()) <= 13
    assert len(run.stdout.splitlines()) >= 4


def test_the_model_card_names_data_seed_versions_intervals_and_lineage(whole):
    directory = whole[1].artifacts["export"]
    card, text = json.loads((directory / "card.json").read_text()), (directory / "card.md").read_text()

    assert card["data"] == {"name": "digits", "sha256": "c0ffee", "training_rows": 1200, "validation_rows": 597}
    assert (card["trial"], card["seed"], card["parameters"]) == (7, 3, {"lr": 0.1})
    assert [each["stage"] for each in card["lineage"]] == ["train", "prune", "examine", "quantize"]
    assert card["lineage"][1]["knobs"]["target"] == 0.4
    assert {"torch", "onnxruntime"} <= card["versions"].keys()
    assert f"{card['metrics']['prune.accuracy_low']:.4f}" in text


def test_importances_are_kept_with_the_pruned_model(whole):
    report = json.loads((whole[1].artifacts["prune"] / "importance.json").read_text())

    assert {"body.4"} <= {each["layer"] for each in report}


@pytest.mark.parametrize(
    ("knobs", "most"),
    [
        ({"mode": "int8_static"}, 0.4),
        ({"mode": "int8_dynamic"}, 0.5),
        ({"mode": "fp16"}, 0.55),
        ({"mode": "bf16"}, 0.55),
        ({"mode": "weight_minmax", "bits": 4}, 0.2),
        ({"mode": "weight_minmax", "bits": 8, "per_channel": False}, 0.3),
        ({"mode": "none"}, 1.0),
    ],
)
def test_every_mode_of_quantization_keeps_the_answers_in_fewer_bytes(knobs, most, tmp_path):
    x = digits().validation.x.numpy()
    runtime: Any = (
        "torch" if knobs["mode"] in ("weight_minmax", "none") else "onnxruntime"
    )  # the quicker one, where asked

    form = quantize(trained(), Quantize(**knobs), digits(), tmp_path, runtime)

    whole = plain_form(trained(), digits().train.x, tmp_path, "torch")
    assert np.mean(form.run(x).argmax(1) == whole.run(x).argmax(1)) > 0.97
    assert form.weight_bytes <= most * whole.weight_bytes


def test_a_stage_that_is_off_is_still_measured():
    pipeline: list[Any] = ["train", {"stage": "prune", "on": False}, {"stage": "quantize", "mode": "none"}]

    metrics = compress(trained(), digits(), {}, quiet_trial(), pipeline=pipeline, runtime="torch")

    assert metrics["prune.params"] == metrics["train.params"]
    assert metrics["quantize.accuracy"] == metrics["train.accuracy"]


def test_the_scratch_control_trains_the_final_shape_anew():
    pipeline: list[Any] = [
        {"stage": "prune", "steps": 1, "finetune_epochs": 1, "last_epochs": 1, "scratch": True, "lr": 0.01}
    ]

    metrics = compress(trained(), digits(), {}, quiet_trial(), pipeline=pipeline, runtime="torch", epochs=2)

    assert metrics["prune.accuracy"] > 0.8
    assert metrics["prune.accuracy"] != metrics["prune.inherited_accuracy"] > 0.8


def test_a_stopped_trial_ends_after_the_stage():
    trial = LocalTrial(tell=lambda *_: False)

    metrics = compress(trained(), digits(), {}, trial, pipeline=["train", "quantize"], runtime="torch")

    assert {name.partition(".")[0] for name in metrics} == {"train"}


def test_a_teacher_helps_where_few_rows_have_labels():
    few = Examples(digits().train.first(30), digits().validation, unlabelled=digits().train.x[30:])

    def student(alpha):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
        teacher = Teacher(trained(), alpha, 2.0) if alpha else None
        learn(model, few, Course(15, 0.01, 64, 0), trial=quiet_trial(), teacher=teacher)
        return compress(model, few, {}, quiet_trial(), pipeline=["train"], runtime="torch")["train.accuracy"]

    assert student(1.0) > student(0.0) + 0.1


@pytest.mark.parametrize(
    ("pipeline", "message"),
    [
        (["prone"], "there is no stage 'prone'"),
        (["train", "train"], "a second time"),
        (["prune", "train"], "'train' comes first"),
        (["quantize", "prune"], "before 'quantize'"),
        (["export", "quantize"], "'export' comes last"),
        ([{"stage": "prune", "targt": 0.1}], "/pipeline/0/targt"),
        ([{"stage": "quantize", "bits": 9}], "/pipeline/0/bits"),
    ],
)
def test_a_pipeline_that_cannot_run_says_where_and_why(pipeline, message):
    with pytest.raises(InvalidInput, match=message):
        read_pipeline(pipeline)


@pytest.mark.parametrize("name", ["prune.targt", "quantize.bits"])
def test_a_parameter_without_a_stage_or_knob_is_refused(name):
    with pytest.raises(InvalidInput, match=f"/{name}"):
        compress(trained(), digits(), {name: 1}, quiet_trial(), pipeline=["prune"])


def test_attention_and_lstm_cost_what_they_compute():
    class Sequence(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
            self.lstm = nn.LSTM(8, 8, batch_first=True)

        def forward(self, x):
            return self.lstm(self.attention(x, x, x, need_weights=False)[0])[0][:, -1]

    steps, size = 5, 8
    attention = 2 * steps * (4 * size * size + 2 * steps * size)
    lstm = 2 * steps * 4 * (size * size + size * size)

    assert count_flops(Sequence(), torch.zeros(1, steps, size)) == attention + lstm


def test_an_interval_is_wider_for_fewer_rows_and_stays_within_bounds():
    many, few, none = accuracy_interval(90, 100), accuracy_interval(9, 10), accuracy_interval(10, 10)

    assert few.high - few.low > many.high - many.low
    assert none.high == 1.0 > none.low > 0.5


def test_the_interval_of_r2_holds_it():
    y = np.random.default_rng(0).normal(size=100)
    found = r2_interval(y + 0.3, y, draws=100)

    assert found.low < found.value < found.high


def test_r2_is_right_where_targets_are_far_from_zero():
    y = (np.random.default_rng(0).normal(size=1000) + 1e6).astype(np.float32)

    assert r2_interval(y + np.float32(1), y, draws=10).value == pytest.approx(0.0, abs=0.1)


def test_a_regression_reports_r2_and_mse():
    x = torch.linspace(-1, 1, 50)[:, None]
    rows = Rows(x, 2 * x[:, 0])

    class Line(nn.Linear):
        def forward(self, x):
            return super().forward(x)[:, 0]

    metrics = compress(Line(1, 1), Examples(rows, rows, "regression"), {}, quiet_trial(), pipeline=["train", "export"])

    assert metrics["train.mse"] == pytest.approx((1 - metrics["train.r2"]) * float(rows.y.var(correction=0)), rel=1e-4)
    assert metrics["export.onnx_difference"] < 1e-5
