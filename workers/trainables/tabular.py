"""Learns from a table with a multilayer perceptron: classes or values, whatever the target column holds.

By hand: python -m workers.trainables.tabular settings.dataset=wine lr=0.01 depth=1
"""

import sys
from typing import Annotated

from pydantic import Field

from studyhall.trial_context import TrialContext
from workers.trainables.datasets import load_dataset
from workers.trainables.network_trial import NetworkSettings, train_network
from workers.trainables.networks import MLP, Activation
from workers.trainables.trainable import Trainable, run_by_hand
from workers.trainables.training import TrainingParameters


class Parameters(TrainingParameters):
    """What may be searched."""

    depth: Annotated[int, Field(ge=0, le=16)] = 2
    """Hidden layers; 0 is a linear model."""
    width: Annotated[int, Field(ge=1, le=4096)] = 64
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    activation: Activation = "relu"
    batch_norm: bool = False


class Settings(NetworkSettings):
    """What stays the same in a study."""

    dataset: str = "breast_cancer"
    """breast_cancer, wine, iris (classes), diabetes (values), or csv, parquet, npz."""


def train(chosen: Parameters, settings: Settings, trial: TrialContext) -> dict[str, float]:
    """Trains one network, keeps its best epoch, and runs the pipeline if there is one."""
    data = load_dataset(settings).as_rows_of(1)
    network = MLP(
        inputs=data.x.shape[1],
        outputs=max(1, len(data.classes)),
        depth=chosen.depth,
        width=chosen.width,
        dropout=chosen.dropout,
        activation=chosen.activation,
        batch_norm=chosen.batch_norm,
    )
    return train_network(network, data, chosen, settings, trial, trainable=TRAINABLE.name)


TRAINABLE = Trainable(
    name="tabular",
    summary="Learns classes or values from a table with an MLP.",
    parameters=Parameters,
    settings=Settings,
    metrics=(
        "val_accuracy",
        "val_accuracy_low",
        "val_accuracy_high",
        "val_mse",
        "val_r2",
        "val_r2_low",
        "val_r2_high",
        "val_loss",
        "train_loss",
        "grad_norm",
        "best_epoch",
        "params",
        "inherited",
    ),
    train=train,
)

if __name__ == "__main__":
    run_by_hand(TRAINABLE, sys.argv[1:])
