"""Definitions of other tools become studies that our language accepts."""

import json
import re

import pytest
import yaml  # type: ignore[import-untyped]  # its types are a package of their own

from studyhall.cli import main
from studyhall.definition import read_word
from studyhall.errors import InvalidInput
from studyhall.interchange.sweeps import READERS, read_sweep
from studyhall.wire.studies import CreateStudy

WANDB = """
name: digits sweep
method: bayes
metric: {name: val/loss, goal: minimize}
run_cap: 40
parameters:
  lr: {distribution: log_uniform_values, min: 0.0001, max: 0.1}
  decay: {distribution: log_uniform, min: -9.2, max: -2.3}
  layers: {min: 1, max: 4}
  act: {values: [relu, gelu]}
  epochs: {value: 10}
  noise: {distribution: normal, mu: 0, sigma: 1}
early_terminate: {type: hyperband, min_iter: 3}
"""
KATIB = """
apiVersion: kubeflow.org/v1beta1
kind: Experiment
metadata: {name: mnist}
spec:
  objective: {type: maximize, goal: 0.99, objectiveMetricName: accuracy}
  algorithm: {algorithmName: tpe}
  parallelTrialCount: 3
  maxTrialCount: 12
  maxFailedTrialCount: 3
  parameters:
    - {name: lr, parameterType: double, feasibleSpace: {min: "0.01", max: "0.05", distribution: logUniform}}
    - {name: layers, parameterType: int, feasibleSpace: {min: "2", max: "5"}}
    - {name: optimizer, parameterType: categorical, feasibleSpace: {list: [sgd, adam]}}
    - {name: batch, parameterType: discrete, feasibleSpace: {list: ["32", "64"]}}
  trialTemplate: {}
"""
VIZIER = """
displayName: conditional
studySpec:
  metrics: [{metricId: accuracy, goal: MAXIMIZE}]
  parameters:
    - parameterId: model
      categoricalValueSpec: {values: [linear, dnn]}
      conditionalParameterSpecs:
        - parentCategoricalValues: {values: [dnn]}
          parameterSpec:
            {parameterId: rate, doubleValueSpec: {minValue: 0.001, maxValue: 0.1}, scaleType: UNIT_LOG_SCALE}
    - parameterId: size
      integerValueSpec: {minValue: "1", maxValue: "8"}
"""
RAY = """
metric: loss
mode: min
num_samples: 20
param_space:
  lr: {loguniform: [0.0001, 0.1]}
  layers: {randint: [1, 5]}
  act: {choice: [relu, gelu]}
  seed: 7
"""
FILES = {"wandb": WANDB, "katib": KATIB, "vizier": VIZIER, "ray": RAY}


def study_of(tool):
    found = READERS[tool](yaml.safe_load(FILES[tool]))
    return read_word(CreateStudy, found.definition), " ".join(found.notes)


@pytest.mark.parametrize(
    ("tool", "written", "said"),
    [
        ("wandb", {"parameters": {"lr": 3}}, "parameter 'lr' cannot be read: it is not written as"),
        ("wandb", {"parameters": {"lr": {"min": "low", "max": 1}}}, "parameter 'lr' cannot be read: could not convert"),
        ("wandb", {"parameters": {"lr": {"distribution": "constant"}}}, "parameter 'lr' cannot be read: 'value' is"),
        ("wandb", {"method": "grid"}, "the sweep has no parameters"),
        ("katib", {"spec": {"parameters": [{"name": "lr"}]}}, "parameter 0 cannot be read: 'feasibleSpace' is missing"),
        ("vizier", {"parameters": [{"parameterId": "lr"}]}, "parameter 0 cannot be read: 'categorical_value_spec' is"),
        ("vizier", {"metrics": []}, "the study has no parameters"),
        ("ray", {"lr": {"uniform": [1]}}, "parameter 'lr' cannot be read: it is not written as"),
        ("ray", {"param_space": {"lr": 1}, "num_samples": [3]}, "the file cannot be read: it is not written as"),
    ],
)
def test_a_file_that_its_tool_would_not_take_names_the_parameter(tool, written, said):
    with pytest.raises(InvalidInput, match=f"^{re.escape(said)}"):
        read_sweep(tool, written)


def test_a_wandb_sweep_becomes_a_study():
    study, notes = study_of("wandb")
    space = study.space.by_name

    assert (study.name, study.budget.max_trials, study.stopping.rule) == ("digits sweep", 40, "hyperband")
    assert (space["lr"].scale, space["layers"].type, space["epochs"].type) == ("log", "int", "constant")
    assert space["decay"].low == pytest.approx(1e-4, rel=0.02)
    assert "'noise': normal became the range" in notes


def test_a_katib_experiment_becomes_a_study():
    study, notes = study_of("katib")

    assert study.objectives[0].target == 0.99
    assert (study.algorithm.name, study.parallelism, study.budget.max_failed) == ("tpe", 3, 3)
    assert study.space.by_name["batch"].choices == (32, 64)
    assert "trialTemplate" in notes


def test_a_vizier_study_keeps_its_conditions():
    study, _ = study_of("vizier")

    assert study.space.by_name["rate"].when == "model == 'dnn'"
    assert study.space.by_name["rate"].scale == "log"


def test_the_parameters_of_an_open_vizier_study_are_in_its_search_space():
    lr = {"parameter_id": "lr", "double_value_spec": {"min_value": 0.1, "max_value": 1}}

    found = read_sweep("vizier", {"search_space": {"parameters": [lr]}, "metrics": [{"metric_id": "loss"}]})

    assert [parameter["name"] for parameter in found.definition["space"]["parameters"]] == ["lr"]


def test_a_ray_space_leaves_the_end_of_an_integer_range_out():
    study, _ = study_of("ray")

    assert (study.space.by_name["layers"].high, study.budget.max_trials) == (4, 20)


@pytest.mark.parametrize("tool", FILES)
def test_the_command_prints_a_study_file_or_makes_the_study(tool, door, home, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("STUDYHALL_URL", "http://testserver")
    monkeypatch.setenv("STUDYHALL_KEY", door.key)
    (tmp_path / "sweep.yaml").write_text(FILES[tool])
    line = ["import", tool, str(tmp_path / "sweep.yaml"), "--name", f"from-{tool}"]

    assert main(line, transport=door.transport, patience_s=0) == 0
    assert json.loads(capsys.readouterr().out)["name"] == f"from-{tool}"

    assert main([*line, "--create"], transport=door.transport, patience_s=0) == 0
    assert door.client().study(f"from-{tool}").name == f"from-{tool}"


def test_a_study_is_exported_as_csv_and_as_json_lines(door, home, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("STUDYHALL_URL", "http://testserver")
    monkeypatch.setenv("STUDYHALL_KEY", door.key)
    study = door.client().create_study(
        "exported", [{"name": "kind", "type": "categorical", "choices": ["=1+1", "b"]}], {"metric": "loss"}
    )
    study.add({"parameters": {"kind": "=1+1"}, "state": "completed", "metrics": {"loss": 0.5, "size": 3.0}})

    main(["export", "csv", "exported"], transport=door.transport, patience_s=0)
    head, row = capsys.readouterr().out.splitlines()
    assert head.startswith("number,id,state")
    assert head.endswith("parameters.kind,metrics.loss,other_parameters,other_metrics,labels")
    assert row.endswith("""'=1+1,0.5,,"{""size"": 3.0}",""")  # a quote before what a spreadsheet would compute

    file = tmp_path / "trials.jsonl"
    main(["export", "jsonl", "exported", str(file)], transport=door.transport, patience_s=0)
    assert json.loads(file.read_text())["metrics"] == {"loss": 0.5, "size": 3.0}
    assert main(["export", "jsonl", "exported", str(file)], transport=door.transport, patience_s=0) == 2
