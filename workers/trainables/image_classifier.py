"""Classifies images with a multilayer perceptron or a small convolutional network.

By hand: python -m workers.trainables.image_classifier lr=0.01 optimizer=sgd epochs=10
"""

import sys
from typing import Annotated, Literal

from pydantic import Field

from studyhall.trial_context import TrialContext
from workers.trainables.data_set import unusable
from workers.trainables.datasets import DataSet, load_dataset
from workers.trainables.network_trial import CLASSIFIER_METRICS, NetworkSettings, train_network
from workers.trainables.networks import CNN, MLP, Activation
from workers.trainables.trainable import Trainable, run_by_hand
from workers.trainables.training import TrainingParameters


class Parameters(TrainingParameters):
    """What may be searched."""

    network: Literal["cnn", "mlp"] = "cnn"
    depth: Annotated[int, Field(ge=1, le=16)] = 2
    """Hidden layers of an mlp; blocks of a cnn."""
    width: Annotated[int, Field(ge=1, le=4096)] = 16
    """Units of each hidden layer of an mlp; channels of the first block of a cnn."""
    kernel: Literal[1, 3, 5, 7] = 3
    """For cnn: the side of the convolutions."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    activation: Activation = "relu"


class Settings(NetworkSettings):
    """What stays the same in a study."""

    dataset: str = "digits"
    """digits, mnist (5,000 rows; an extra), or npz: `x` of shape (rows, channels, side, side), and classes `y`."""


def train(chosen: Parameters, settings: Settings, trial: TrialContext) -> dict[str, float]:
    """Trains one network, keeps its best epoch, and runs the pipeline if there is one."""
    data = load_dataset(settings).as_rows_of(3, "classification")
    return train_network(
        network_for(chosen, data),
        data,
        chosen,
        settings,
        trial,
        trainable=TRAINABLE.name,
    )


def network_for(chosen: Parameters, data: DataSet) -> MLP | CNN:
    """The network that the parameters describe, for images of this size."""
    channels, side, other = data.x.shape[1:]
    if side != other:
        raise unusable("dataset", f"the images of '{data.name}' are {side} by {other}; make them square")
    if chosen.network == "mlp":
        return MLP(
            inputs=data.x[0].size,
            outputs=len(data.classes),
            depth=chosen.depth,
            width=chosen.width,
            dropout=chosen.dropout,
            activation=chosen.activation,
        )
    return CNN(
        channels=channels,
        side=side,
        outputs=len(data.classes),
        depth=chosen.depth,
        width=chosen.width,
        kernel=chosen.kernel,
        dropout=chosen.dropout,
        activation=chosen.activation,
    )


TRAINABLE = Trainable(
    name="image_classifier",
    summary="Classifies images with an MLP or a small CNN.",
    parameters=Parameters,
    settings=Settings,
    metrics=CLASSIFIER_METRICS,
    train=train,
)

if __name__ == "__main__":
    run_by_hand(TRAINABLE, sys.argv[1:])
