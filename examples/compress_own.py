"""Your own `nn.Module`, trained by your own loop, then distilled, pruned, quantized and exported by Studyhall.

Start a server with `studyhall up` and run: python examples/compress_own.py
In the fleet: studyhall worker --path examples --allow compress_own:train, and the study's task
{"entry_point": "compress_own:train"}.
"""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

from studyhall.client import Client
from workers.compression.examples import Examples, Rows
from workers.compression.pipeline import compress

EPOCHS = 5
PIPELINE = [
    {"stage": "prune", "steps": 3, "finetune_epochs": 1, "last_epochs": 2},
    {"stage": "distill", "epochs": 3},  # after prune: the unpruned network teaches what is left of it
    {"stage": "quantize", "mode": "int8_static"},
    "export",
]


class Reader(nn.Module):
    """Two convolutions and a layer that says which digit it is."""

    def __init__(self, channels):
        super().__init__()
        self.look = nn.Conv2d(1, channels, 3, padding=1)
        self.think = nn.Conv2d(channels, 2 * channels, 3, padding=1)
        self.say = nn.Linear(2 * channels * 4, 10)

    def forward(self, x):
        x = functional.max_pool2d(torch.relu(self.look(x)), 2)
        x = functional.max_pool2d(torch.relu(self.think(x)), 2)
        return self.say(x.flatten(1))


def train(parameters, trial):
    torch.manual_seed(trial.seed)
    digits = load_digits()
    x, y = torch.tensor(digits.images[:, None] / 16, dtype=torch.float32), torch.tensor(digits.target)
    examples = Examples(Rows(x[:1200], y[:1200]), Rows(x[1200:], y[1200:]), data="digits")
    model = Reader(parameters["channels"])
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(EPOCHS):
        for rows in torch.randperm(1200).split(64):
            optimizer.zero_grad()
            functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
    return compress(model, examples, parameters, trial, pipeline=PIPELINE, epochs=EPOCHS)


if __name__ == "__main__":
    study = Client().create_study(
        "own-module",
        space=[
            {"name": "channels", "type": "int", "low": 8, "high": 16},
            {"name": "prune.target", "type": "float", "low": 0.1, "high": 0.5, "scale": "log"},
        ],
        objectives=[
            {"metric": "quantize.accuracy", "goal": "maximize"},
            {"metric": "quantize.file_bytes", "goal": "minimize"},
        ],
        budget={"max_trials": 2},
        if_exists="get",
    )
    study.optimize(train)
    for trial in study.pareto():
        print(f"{trial.metrics['quantize.accuracy']:.3f} in {trial.metrics['quantize.file_bytes']:.0f} bytes")
