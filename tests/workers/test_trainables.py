import math

import pytest
import torch

from studyhall.errors import InvalidInput
from studyhall.trial_context import Infeasible, LocalTrial
from studyhall.wire.fleet import TrainableInfo
from workers.trainables.augmentation import AugmentationParameters, augment
from workers.trainables.data_files import DATA_VARIABLE
from workers.trainables.registry import TRAINABLES

GOOD = {"lr": 0.01, "epochs": 8, "network": "cnn", "width": 16, "depth": 2}


def quiet_trial(stop_at=None, **given):
    return LocalTrial(tell=lambda step, _: stop_at is None or step < stop_at, **given)


def test_the_image_classifier_reads_digits_well():
    metrics = TRAINABLES["image_classifier"](GOOD, quiet_trial())

    assert metrics["val_accuracy"] >= 0.975


def test_the_mlp_reads_digits_well():
    chosen = {"network": "mlp", "width": 128, "depth": 2, "epochs": 15, "dropout": 0.1}

    assert TRAINABLES["image_classifier"](chosen, quiet_trial())["val_accuracy"] >= 0.97


@pytest.mark.parametrize(
    ("chosen", "least"),
    [
        ({"network": "conv", "width": 16, "depth": 2, "epochs": 12}, 0.75),
        ({"network": "mlp", "width": 64, "depth": 1, "epochs": 12}, 0.4),
        ({"network": "gru", "width": 16, "depth": 1, "epochs": 6, "batch_size": 32}, 0.4),
        ({"network": "lstm", "width": 16, "depth": 1, "epochs": 4, "bidirectional": False}, 0.2),
    ],
)
def test_sequences_are_told_apart_by_every_kind_of_network(chosen, least):
    metrics = TRAINABLES["sequence_classifier"]({"lr": 0.01, **chosen}, quiet_trial())

    assert metrics["val_accuracy"] >= least


def test_a_table_is_no_image():
    with pytest.raises(InvalidInput, match=r"'wine' is a classification of rows of shape \(13,\), not images"):
        TRAINABLES["image_classifier"]({}, quiet_trial(settings={"dataset": "wine"}))


@pytest.mark.parametrize(
    ("parameters", "settings"),
    [
        ({"batch_norm": True, "batch_size": 1}, {}),
        ({"batch_norm": True}, {"dataset": "csv", "path": "three.csv"}),
        (
            {"batch_norm": True, "epochs": 1, "distill.epochs": 1, "distill.batch_size": 1},
            {"pipeline": ["train", "distill"]},
        ),
    ],
    ids=["batches of one", "a table of one", "a stage with batches of one"],
)
def test_single_rows_cannot_be_normalised_and_the_search_learns_of_it(tmp_path, monkeypatch, parameters, settings):
    (tmp_path / "three.csv").write_text("a,y\n1,1.5\n2,2.5\n3,9.5\n")
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))

    with pytest.raises(Infeasible, match="batch_size must be 2 or more"):
        TRAINABLES["tabular"](parameters, quiet_trial(settings=settings))


def test_a_table_may_have_the_same_target_in_all_validation_rows(tmp_path, monkeypatch):
    (tmp_path / "rows.csv").write_text("a,y\n" + "".join(f"{row},1.5\n" for row in range(20)))
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))

    metrics = TRAINABLES["tabular"]({"epochs": 1}, quiet_trial(settings={"dataset": "csv", "path": "rows.csv"}))

    assert math.isfinite(metrics["val_r2"])


@pytest.mark.parametrize(("dataset", "least"), [("breast_cancer", 0.93), ("wine", 0.93), ("iris", 0.9)])
def test_the_table_trainable_learns_classes(dataset, least):
    metrics = TRAINABLES["tabular"]({"lr": 0.01}, quiet_trial(settings={"dataset": dataset}))

    assert metrics["val_accuracy"] >= least


def test_the_table_trainable_learns_values():
    metrics = TRAINABLES["tabular"]({"lr": 0.01}, quiet_trial(settings={"dataset": "diabetes"}))

    assert metrics["val_r2"] > 0.35


@pytest.mark.parametrize(("dataset", "figure"), [("wine", "val_accuracy"), ("diabetes", "val_r2")])
def test_the_figure_of_the_best_epoch_is_told_with_its_interval(dataset, figure):
    metrics = TRAINABLES["tabular"]({"lr": 0.01, "epochs": 5}, quiet_trial(settings={"dataset": dataset}))

    low, high = metrics[f"{figure}_low"], metrics[f"{figure}_high"]
    assert low <= metrics[figure] <= high
    assert 0.01 < high - low < 0.8


def test_the_smallest_training_explains_a_third_of_the_variance():
    metrics = TRAINABLES["hello"]({}, quiet_trial(seed=1))

    assert metrics["val_mse"] < 0.75


def test_a_shift_moves_each_row_and_repeats_its_edge():
    torch.manual_seed(0)
    rows = torch.arange(5.0).expand(200, 1, 5)

    shifted, _ = augment(rows, torch.zeros(200), torch.ones(1), AugmentationParameters(shift=1))

    assert {tuple(row[0].tolist()) for row in shifted} == {(0, 0, 1, 2, 3), (0, 1, 2, 3, 4), (1, 2, 3, 4, 4)}


def test_a_mixture_teaches_two_targets_whose_shares_are_one():
    torch.manual_seed(0)
    x, y = torch.rand(8, 3), torch.arange(8.0)

    mixed, targets = augment(x, y, torch.ones(3), AugmentationParameters(mixup=1.0))

    assert sum(share for share, _ in targets) == pytest.approx(1)
    partners = targets[1][1].long()
    assert torch.allclose(mixed, targets[0][0] * x + targets[1][0] * x[partners])


def test_compiling_is_asked_of_torch_and_the_weights_stay_the_models_own(monkeypatch):
    compiled = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda model: compiled.append(model))

    metrics = TRAINABLES["tabular"]({"epochs": 2}, quiet_trial(settings={"compile": True}))

    assert len(compiled) == 1
    assert metrics["val_accuracy"] > 0.5


@pytest.mark.parametrize(
    ("gpus", "settings", "shares"), [(2, {"data_parallel": True}, 1), (1, {"data_parallel": True}, 0), (2, {}, 0)]
)
def test_batches_are_shared_among_the_gpus_of_a_trial_when_it_has_several_and_asks(monkeypatch, gpus, settings, shares):
    """Torch's own DataParallel passes batches through where it finds no GPU, so that all but the copying is tried."""
    made = []

    class Sharing(torch.nn.DataParallel[torch.nn.Module]):
        def __init__(self, model):
            super().__init__(model)
            made.append(model)

    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(torch.nn, "DataParallel", Sharing)

    metrics = TRAINABLES["tabular"]({"epochs": 2}, quiet_trial(settings=settings))

    assert len(made) == shares
    assert metrics["val_accuracy"] > 0.5


@pytest.mark.parametrize("name", TRAINABLES)
def test_the_same_seed_gives_the_same_metrics_bit_for_bit(name):
    def run(seed):
        trial = quiet_trial(seed=seed)
        budget = {"steps": 20} if name == "hello" else {"epochs": 2, "noise": 0.1, "shift": 1, "mixup": 0.2}
        return TRAINABLES[name](budget, trial), trial.reports

    assert run(1) == run(1) != run(2)


@pytest.mark.parametrize("name", ["image_classifier", "tabular"])
def test_an_unknown_parameter_is_refused_by_name(name):
    with pytest.raises(InvalidInput, match=r"/learning_rate: unknown; known are .*lr"):
        TRAINABLES[name]({"learning_rate": 0.1}, quiet_trial())


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"lr": 0.0}, "/lr"),
        ({"lr": "0.1"}, "/lr"),
        ({"lr": True}, "/lr"),
        ({"optimizer": "sgdd"}, "/optimizer"),
        ({"epochs": 1.5}, "/epochs"),
        ({"dropout": 1.0}, "/dropout"),
        ({"batch_size": 0}, "/batch_size"),
    ],
)
def test_a_parameter_that_does_not_fit_is_refused_by_name(parameters, field):
    with pytest.raises(InvalidInput) as caught:
        TRAINABLES["image_classifier"](parameters, quiet_trial())

    assert [error.pointer for error in caught.value.errors] == [field]


def test_an_unknown_setting_is_refused_by_name():
    with pytest.raises(InvalidInput, match="/data: unknown"):
        TRAINABLES["image_classifier"]({}, quiet_trial(settings={"data": "digits"}))


def test_a_knob_of_another_optimizer_does_nothing():
    def final(**extra):
        return TRAINABLES["tabular"]({"optimizer": "adam", "epochs": 2, **extra}, quiet_trial())

    assert final() == final(momentum=0.5, rho=0.5)


def test_a_stopped_trial_ends_at_that_epoch():
    trial = quiet_trial(stop_at=2)

    TRAINABLES["tabular"]({"epochs": 50}, trial)

    assert [step for step, _ in trial.reports] == [1, 2]


def test_patience_ends_a_training_that_does_not_get_better():
    trial = quiet_trial()

    TRAINABLES["tabular"]({"epochs": 200, "patience": 3, "lr": 0.05}, trial)

    assert len(trial.reports) < 200


def test_a_training_that_diverges_is_infeasible():
    with pytest.raises(Infeasible, match="the training diverged"):
        TRAINABLES["tabular"]({"optimizer": "sgd", "lr": 1000.0, "clip_norm": 0.0, "epochs": 20}, quiet_trial())


@pytest.mark.parametrize(
    "extra",
    [
        {"ema_decay": 0.9},
        {"label_smoothing": 0.1},
        {"clip_norm": 0.0},
        {"batch_size": 359},
        {"schedule": "onecycle"},
        {"warmup": 0.2},
        {"batch_norm": True},
        {"noise": 0.1},
        {"mixup": 0.2},
        {"init": "orthogonal"},
    ],
)
def test_every_option_of_the_training_still_learns(extra):
    metrics = TRAINABLES["tabular"]({"lr": 0.01, "epochs": 10, **extra}, quiet_trial())

    assert metrics["val_accuracy"] > 0.85


def test_bfloat16_learns_like_float32():
    settings = {"precision": "bf16"}

    assert TRAINABLES["image_classifier"](GOOD, quiet_trial(settings=settings))["val_accuracy"] >= 0.975


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_trial_that_needs_a_gpu_is_infeasible_without_one():
    with pytest.raises(Infeasible, match="no GPU"):
        TRAINABLES["tabular"]({}, quiet_trial(settings={"device": "cuda"}))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_agrees_with_the_cpu():
    on_cpu, on_gpu = (
        TRAINABLES["image_classifier"](GOOD, quiet_trial(settings={"device": device})) for device in ("cpu", "cuda")
    )

    assert on_gpu["val_accuracy"] == pytest.approx(on_cpu["val_accuracy"], abs=0.02)


@pytest.mark.parametrize("name", TRAINABLES)
def test_a_trainable_tells_the_server_what_it_understands(name):
    info = TRAINABLES[name].info()

    assert TrainableInfo.model_validate_json(info.model_dump_json()) == info
    assert all("default" in schema for schema in info.parameters["properties"].values())
