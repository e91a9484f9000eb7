"""The smallest real training: 10 inputs, 20 hidden units, relu, 1 output, mean squared error, Adam.

It shows what a trainable is; nothing is shared with the others. The data is scikit-learn's diabetes study, the target
in units of its standard deviation. A hundred steps take 0.03 s.

By hand: python -m workers.trainables.hello lr=0.001 steps=100
"""

import sys
from typing import Annotated

import torch
from pydantic import Field
from sklearn.datasets import load_diabetes
from torch import nn

from studyhall.trial_context import TrialContext
from workers.trainables.trainable import Declared, Trainable, run_by_hand


class Parameters(Declared):
    """What may be searched."""

    lr: Annotated[float, Field(gt=0, le=10)] = 0.001
    hidden: Annotated[int, Field(ge=1, le=10_000)] = 20
    steps: Annotated[int, Field(ge=1, le=1_000_000)] = 100


class Settings(Declared):
    """There are none."""


def train(chosen: Parameters, _settings: Settings, trial: TrialContext) -> dict[str, float]:
    """Fits the net to three quarters of the patients and measures it on the rest."""
    torch.manual_seed(trial.seed)
    features, progression = load_diabetes(return_X_y=True)
    x = torch.tensor(features, dtype=torch.float32)
    x = (x - x.mean(0)) / x.std(0)
    y = torch.tensor(progression, dtype=torch.float32)[:, None]
    y = (y - y.mean()) / y.std()
    rows = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))  # the same rows in every trial
    seen, unseen = rows[: len(rows) * 3 // 4], rows[len(rows) * 3 // 4 :]

    net = nn.Sequential(nn.Linear(10, chosen.hidden), nn.ReLU(), nn.Linear(chosen.hidden, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=chosen.lr)
    loss_of = nn.MSELoss()
    metrics: dict[str, float] = {}
    for step in range(1, chosen.steps + 1):
        loss = loss_of(net(x[seen]), y[seen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 10 == 0 or step == chosen.steps:
            with torch.no_grad():
                metrics = {"val_mse": float(loss_of(net(x[unseen]), y[unseen])), "train_mse": float(loss)}
            if not trial.report(step, **metrics):
                break
    return metrics


TRAINABLE = Trainable(
    name="hello",
    summary="The smallest real training: ten numbers in, one number out.",
    parameters=Parameters,
    settings=Settings,
    metrics=("val_mse", "train_mse"),
    train=train,
)

if __name__ == "__main__":
    run_by_hand(TRAINABLE, sys.argv[1:])
