"""Classifies sequences with one-dimensional convolutions, a recurrent network or a multilayer perceptron.

By hand: python -m workers.trainables.sequence_classifier lr=0.01 network=gru width=32 epochs=10
"""

import sys
from typing import Annotated, Literal

from pydantic import Field

from studyhall.trial_context import TrialContext
from workers.trainables.datasets import DataSet, load_dataset
from workers.trainables.network_trial import CLASSIFIER_METRICS, NetworkSettings, train_network
from workers.trainables.networks import CNN1D, MLP, Activation, Recurrent
from workers.trainables.trainable import Trainable, run_by_hand
from workers.trainables.training import TrainingParameters


class Parameters(TrainingParameters):
    """What may be searched."""

    network: Literal["conv", "gru", "lstm", "mlp"] = "conv"
    depth: Annotated[int, Field(ge=1, le=16)] = 3
    """Hidden layers of an mlp, blocks of a conv, layers of a gru or lstm."""
    width: Annotated[int, Field(ge=1, le=4096)] = 16
    """Units of each hidden layer; channels of a conv's first block."""
    kernel: Literal[1, 3, 5, 7, 9] = 5
    """For conv: the length of the convolutions."""
    bidirectional: bool = True
    """For gru and lstm: reads the sequence from both ends."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    activation: Activation = "relu"
    """For conv and mlp."""


class Settings(NetworkSettings):
    """What stays the same in a study."""

    dataset: str = "signals"
    """signals, or npz: `x` of shape (rows, channels, length) or (rows, length), and classes `y`."""


def train(chosen: Parameters, settings: Settings, trial: TrialContext) -> dict[str, float]:
    """Trains one network, keeps its best epoch, and runs the pipeline if there is one."""
    data = load_dataset(settings).as_rows_of(2, "classification")
    return train_network(
        network_for(chosen, data),
        data,
        chosen,
        settings,
        trial,
        trainable=TRAINABLE.name,
    )


def network_for(chosen: Parameters, data: DataSet) -> MLP | CNN1D | Recurrent:
    """The network that the parameters describe, for sequences of this size."""
    channels, length = data.x.shape[1:]
    outputs, depth, width, dropout = len(data.classes), chosen.depth, chosen.width, chosen.dropout
    if chosen.network == "mlp":
        return MLP(
            inputs=channels * length,
            outputs=outputs,
            depth=depth,
            width=width,
            dropout=dropout,
            activation=chosen.activation,
        )
    if chosen.network == "conv":
        return CNN1D(
            channels=channels,
            length=length,
            outputs=outputs,
            depth=depth,
            width=width,
            kernel=chosen.kernel,
            dropout=dropout,
            activation=chosen.activation,
        )
    return Recurrent(
        cell=chosen.network,
        channels=channels,
        outputs=outputs,
        depth=depth,
        width=width,
        bidirectional=chosen.bidirectional,
        dropout=dropout,
    )


TRAINABLE = Trainable(
    name="sequence_classifier",
    summary="Classifies sequences with 1-D convolutions, a GRU, an LSTM or an MLP.",
    parameters=Parameters,
    settings=Settings,
    metrics=CLASSIFIER_METRICS,
    train=train,
)

if __name__ == "__main__":
    run_by_hand(TRAINABLE, sys.argv[1:])
