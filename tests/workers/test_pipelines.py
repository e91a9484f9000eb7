"""Pipelines through the built-in trainables, and through the whole house."""

import dataclasses
import json
import random
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from app.search.random import draw
from studyhall.errors import InvalidInput
from studyhall.space import Space
from studyhall.study import Study
from studyhall.trial_context import LocalTrial
from studyhall.wire.results import Best
from tests.architecture.spaces import IMAGES, architecture, assignment
from tests.workers.conftest import HERE, QUICK
from tests.workers.test_worker_and_server import in_house
from workers.configuration import AllowList
from workers.models import load, test_score
from workers.trainables.registry import TRAINABLES

__all__ = ["in_house"]  # a fixture of the neighbour's
QUICKLY = {"stage": "prune", "steps": 1, "finetune_epochs": 1, "last_epochs": 0}


def run(parameters, *, name="image_classifier", seed=0, **settings):
    trial = LocalTrial(seed=seed, settings={"runtime": "torch", **settings}, tell=lambda *_: True)
    return TRAINABLES[name](parameters, trial), trial


def test_a_pipeline_is_searched_over_rest_with_objectives_and_constraints_on_its_stages(in_house, configuration):
    space = {
        "parameters": [
            {"name": "epochs", "type": "constant", "value": 2},
            {"name": "width", "type": "constant", "value": 8},
            {"name": "prune.on", "type": "bool"},
            {"name": "prune.target", "type": "float", "low": 0.3, "high": 0.6, "when": "prune.on == true"},
            {"name": "quantize.mode", "type": "categorical", "choices": ["int8_static", "weight_minmax"]},
            {"name": "quantize.bits", "type": "int", "low": 4, "high": 8, "when": "quantize.mode == 'weight_minmax'"},
        ]
    }
    body = {
        "space": space,
        "objectives": [
            {"metric": "quantize.accuracy", "goal": "maximize"},
            {"metric": "quantize.file_bytes", "goal": "minimize"},
        ],
        "constraints": ["train.accuracy >= 0.2 and quantize.accuracy <= 1"],
    }

    async def scene(house):
        settings = {"pipeline": ["train", QUICKLY, "quantize", "export"], "runtime": "torch"}
        await house.study({"trainable": "image_classifier", "settings": settings}, 2, **body)
        return (
            await house.ended(),
            await house.get("studies/study/pareto", Best),
            await house.get("studies/study", Study),
        )

    patient = dataclasses.replace(QUICK, timeout_s=120)
    trials, front, study = in_house(scene, trainables=("*",), patiences=patient)

    assert [trial.state for trial in trials] == ["completed"] * 2
    assert all(trial.metrics["prune.params"] <= trial.metrics["train.params"] for trial in trials)
    assert 1 <= len(front.trials) <= 2
    kept = Path(configuration.artifacts) / study.id / "0" / "1"
    assert {"model", "train", "prune", "quantize", "export"} <= {path.name for path in kept.iterdir()}
    assert load(kept / "export").predict(np.zeros((1, 64))).shape == (1,)


def test_without_a_pipeline_the_training_is_what_it_was():
    metrics, trial = run({"epochs": 1})

    assert not any("." in name for name in metrics)
    assert set(trial.artifacts) == {"model"}


def test_the_same_seed_gives_the_same_pruned_and_packed_weights():
    pipeline = ["train", QUICKLY, {"stage": "quantize", "mode": "weight_minmax", "bits": 5}]

    files = [run({"epochs": 1}, pipeline=pipeline, seed=seed)[1].artifacts["quantize"] for seed in (1, 1, 2)]

    first, again, other = ((path / "model.safetensors").read_bytes() for path in files)
    assert first == again != other


@pytest.mark.parametrize("mode", ["weight_minmax", "bf16"])
def test_a_pruned_and_quantized_model_is_loaded_and_scored_like_any_other(mode):
    pipeline = ["train", QUICKLY, {"stage": "quantize", "mode": mode}]
    metrics, trial = run({"epochs": 3, "lr": 0.01, "prune.target": 0.5}, pipeline=pipeline)

    score = test_score(trial.artifacts["quantize"])

    assert score.value == pytest.approx(metrics["quantize.accuracy"], abs=0.05)


def test_the_student_of_another_trials_model_learns_from_it(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDYHALL_ARTIFACTS", str(tmp_path))
    _, first = run({"epochs": 4, "lr": 0.01})
    (tmp_path / "st_1" / "7").mkdir(parents=True)
    first.artifacts["model"].parent.rename(tmp_path / "st_1" / "7" / "1")
    pipeline = [{"stage": "distill", "epochs": 4, "lr": 0.01, "share": 0.5, "control": True}]

    metrics, trial = run({"width": 16}, pipeline=pipeline, teacher="st_1/7/1/model")

    assert metrics["distill.teacher_accuracy"] > 0.95
    assert metrics["distill.accuracy"] > 0.85
    assert metrics["distill.control_accuracy"] > 0.85
    assert "model" not in trial.artifacts  # nothing was trained beside the student


@pytest.mark.parametrize(
    ("teacher", "message"),
    [("st_1/0/1/model", "has no 'st_1/0/1/model'"), ("../../1/1/x", "/teacher"), ("st_1/0/1/..", "/teacher")],
)
def test_a_teacher_that_is_not_there_is_refused(teacher, message, tmp_path, monkeypatch):
    monkeypatch.setenv("STUDYHALL_ARTIFACTS", str(tmp_path))

    with pytest.raises(InvalidInput, match=message):
        run({}, pipeline=["distill"], teacher=teacher)


def test_rows_without_labels_teach_a_student(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDYHALL_DATA", str(tmp_path))
    np.save(tmp_path / "more.npy", np.random.default_rng(0).random((50, 8, 8), np.float32))
    pipeline = ["train", {"stage": "distill", "epochs": 2, "alpha": 1.0}]

    metrics, _ = run({"epochs": 2, "lr": 0.01}, pipeline=pipeline, unlabelled="more.npy", labelled_rows=300)

    assert metrics["distill.accuracy"] > 0.3


def test_unlabelled_rows_of_another_shape_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDYHALL_DATA", str(tmp_path))
    np.save(tmp_path / "odd.npy", np.zeros((3, 5), np.float32))

    with pytest.raises(InvalidInput, match="holds no inputs of shape"):
        run({"epochs": 1}, pipeline=["distill"], unlabelled="odd.npy")


def test_a_table_is_compressed_examined_and_explained_by_its_columns():
    pipeline = ["train", {"stage": "prune", "steps": 2}, "examine"]

    metrics, trial = run({"epochs": 8}, name="tabular", dataset="breast_cancer", pipeline=pipeline)

    explained = json.loads((trial.artifacts["examine"] / "explanation.json").read_text())
    assert metrics["prune.accuracy"] > 0.9
    assert len(explained["permutation_importance"]) == len(explained["integrated_gradients"]) == 30


def test_adversarial_training_withstands_an_attack_better():
    def attacked(eps):
        chosen = {"epochs": 6, "lr": 0.01, "adversarial_eps": eps}
        return run(chosen, pipeline=["train", {"stage": "examine", "eps": 0.15}])[0]["examine.pgd_accuracy"]

    assert attacked(0.15) > attacked(0.0) + 0.15


def test_an_exported_model_is_described_before_its_files_are_summed_up():
    _, trial = run({"epochs": 1}, pipeline=["train", "export"])

    directory = trial.artifacts["export"]
    sums = dict(reversed(line.split()) for line in (directory / "SHA256SUMS").read_text().splitlines())
    assert "model.json" in sums
    assert all(sha256((directory / name).read_bytes()).hexdigest() == told for name, told in sums.items())
    assert load(directory).description.metrics["train.accuracy"] > 0


def test_a_pipeline_without_its_extra_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch_pruning", None)
    for name in ("pipeline", "pruning", "exporting"):
        monkeypatch.delitem(sys.modules, f"workers.compression.{name}", raising=False)

    with pytest.raises(InvalidInput, match=r"studyhall\[compression\]"):
        run({"epochs": 1}, pipeline=["train"])


def test_every_knob_is_in_the_schema_that_the_server_shows():
    properties = TRAINABLES["tabular"].info().parameters["properties"]

    assert {"prune.target", "quantize.mode", "distill.temperature", "lr"} <= properties.keys()
    assert "prune.target" not in TRAINABLES["hello"].info().parameters["properties"]


def test_a_module_of_the_users_own_is_compressed_through_an_entry_point(in_house, configuration):
    space = {"parameters": [{"name": "channels", "type": "constant", "value": 8}]}
    objectives = [{"metric": "quantize.accuracy", "goal": "maximize"}]

    async def scene(house):
        await house.study({"entry_point": "compress_own:train"}, 1, space=space, objectives=objectives)
        return await house.ended()

    allowed = AllowList.of(["compress_own:train"])
    patient = dataclasses.replace(QUICK, timeout_s=120)
    (trial,) = in_house(scene, import_from=(HERE, f"{HERE}/examples"), allow=allowed, patiences=patient)

    assert trial.metrics["quantize.accuracy"] > 0.75
    assert trial.metrics["distill.params"] == trial.metrics["prune.params"] < 1000


def test_the_study_of_mnist_runs_in_a_short_form():
    study = json.loads((Path(HERE) / "examples" / "compress_mnist.json").read_text())
    space, settings = Space.model_validate_json(json.dumps(study["space"])), study["task"]["settings"]
    drawn = draw(space, seed=1, number=0)
    short = {"epochs": 1, "prune.steps": 1, "prune.finetune_epochs": 1, "prune.last_epochs": 0}

    metrics, _ = run(drawn | short, **settings | {"dataset": "digits"})

    assert all(objective["metric"] in metrics for objective in study["objectives"])


def test_the_study_of_signals_runs_in_a_short_form(in_house):
    given = json.loads((Path(HERE) / "examples" / "signal_architectures.json").read_text())
    given["space"]["parameters"][-1]["value"] = 1  # epoch

    async def scene(house):
        await house.study(given["task"], 2, space=given["space"], objectives=given["objectives"])
        return await house.ended()

    trials = in_house(scene, trainables=("*",), patiences=dataclasses.replace(QUICK, timeout_s=120))

    assert [trial.state for trial in trials] == ["completed"] * 2
    assert all(trial.metrics["params"] <= 20000 and trial.metrics["val_accuracy"] > 0.05 for trial in trials)


@pytest.mark.parametrize(
    "pipeline", [["train", QUICKLY, "quantize", "export"], [{"stage": "distill", "share": 1.0, "epochs": 1}]]
)
def test_a_searched_architecture_goes_through_a_pipeline(pipeline, tmp_path, monkeypatch):
    monkeypatch.setenv("STUDYHALL_ARTIFACTS", str(tmp_path))
    found = architecture(IMAGES | {"input": [1, 8, 8]})
    values = assignment(found, random.Random(2)) | {"arch.stage.n": 1}
    settings = {"pipeline": pipeline, "runtime": "torch"}
    if pipeline[0] != "train":
        _, taught = run({"epochs": 1})
        (tmp_path / "st_1" / "0").mkdir(parents=True)
        taught.artifacts["model"].parent.rename(tmp_path / "st_1" / "0" / "1")
        settings["teacher"] = "st_1/0/1/model"
    trial = LocalTrial(seed=1, settings=settings, network=found.graph(values), tell=lambda *_: True)

    metrics = TRAINABLES["image_classifier"]({"epochs": 1, "lr": 0.01, **values}, trial)

    last = "export" if pipeline[0] == "train" else "distill"
    params = sum(weight.numel() for weight in load(trial.artifacts[last]).network.parameters())
    assert metrics[f"{last}.params"] == params <= found.counts(values).params
