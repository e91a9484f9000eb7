"""Built-in trainables train the network that a study's architecture describes."""

import random
from typing import Any

import pytest

from studyhall.errors import InvalidInput
from studyhall.trial_context import LocalTrial
from tests.architecture.spaces import IMAGES, architecture, assignment
from workers.trainables.registry import TRAINABLES
from workers.trainables.saved_model import load_model

SIGNALS: dict[str, Any] = {
    "input": [1, 40],
    "output": 10,
    "body": [
        {"op": "conv", "out": {"choice": [8, 16]}, "kernel": 5, "stride": 2},
        {"op": "gru", "out": {"int": [4, 8]}},
        {"op": "gap"},
    ],
}
TABLE: dict[str, Any] = {
    "input": [13],
    "output": 3,
    "body": [{"residual": True, "body": [{"op": "linear", "repeat": {"int": [1, 2]}, "out": {"int": [4, 16]}}]}],
}


@pytest.mark.parametrize(
    ("trainable", "spec", "settings"),
    [
        ("image_classifier", IMAGES | {"input": [1, 8, 8]}, {}),
        ("sequence_classifier", SIGNALS, {}),
        ("tabular", TABLE, {"dataset": "wine"}),
    ],
)
def test_a_trainable_builds_and_keeps_the_network_of_the_parameters(trainable, spec, settings):
    found = architecture(spec)
    values = assignment(found, random.Random(2)) | {"arch.stage.n": 1}
    trial = LocalTrial(seed=1, settings=settings, network=found.graph(values), tell=lambda *_: True)

    metrics = TRAINABLES[trainable]({"lr": 0.01, "epochs": 1, **values}, trial)

    counts = found.counts(values)
    assert metrics["params"] == counts.params
    assert (metrics["flops"], metrics["depth"]) == (counts.flops, counts.depth)
    kept = load_model(trial.artifacts["model"])
    assert kept.description.network.kind == "searched"
    assert sum(weight.numel() for weight in kept.network.parameters()) == counts.params


def test_an_architecture_for_other_data_is_refused_with_its_place():
    found = architecture(TABLE)
    trial = LocalTrial(settings={"dataset": "iris"}, network=found.graph(assignment(found, random.Random(1))))

    with pytest.raises(InvalidInput) as refusal:
        TRAINABLES["tabular"]({"epochs": 1}, trial)

    assert refusal.value.errors[0].pointer == "/space/architecture/input"
