"""Small torch networks: what is left of the loss after a few epochs on rows held out."""

import math
from functools import lru_cache
from typing import Any

import torch
from sklearn import datasets
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from benchmarks.search.problem import Problem, choice, real, space, whole

EPOCHS = 8
ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU}


@lru_cache
def _rows(name: str, most: int) -> tuple[Tensor, Tensor]:
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))[:most]
    return torch.tensor(StandardScaler().fit_transform(X), dtype=torch.float32)[order], torch.tensor(y)[order]


def _optimizer(model: nn.Module, p: dict[str, Any]) -> torch.optim.Optimizer:
    if p["optimizer"] == "sgd":
        return torch.optim.SGD(model.parameters(), p["lr"], momentum=p["momentum"], weight_decay=p["decay"])
    return torch.optim.AdamW(model.parameters(), p["lr"], weight_decay=p["decay"])


def _trained(model: nn.Module, name: str, most: int, p: dict[str, Any]) -> float | None:
    """The held-out cross entropy; None for a training that ran away."""
    X, y = _rows(name, most)
    split, batch = 2 * len(y) // 3, p["batch"]
    optimizer, loss = _optimizer(model, p), nn.CrossEntropyLoss(label_smoothing=p.get("smoothing", 0.0))
    shuffles = torch.Generator().manual_seed(1)
    for _ in range(EPOCHS):
        for rows in torch.randperm(split, generator=shuffles).split(batch):
            optimizer.zero_grad()
            loss(model(X[rows]), y[rows]).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        found = float(nn.functional.cross_entropy(model(X[split:]), y[split:]))
    return found if math.isfinite(found) and found < 1e6 else None


def dense_digits(**p: Any) -> float | None:
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    width = 64
    for _ in range(p["depth"]):
        layers += [nn.Linear(width, p["width"]), ACTIVATIONS[p["activation"]](), nn.Dropout(p["dropout"])]
        width = p["width"]
    return _trained(nn.Sequential(*layers, nn.Linear(width, 10)), "digits", 600, p)


def convolutions_digits(**p: Any) -> float | None:
    torch.manual_seed(0)
    channels, kernel = p["channels"], p["kernel"]
    layers: list[nn.Module] = [nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, channels, kernel, padding=kernel // 2)]
    layers += [nn.BatchNorm2d(channels)] if p["norm"] else []
    layers += [ACTIVATIONS[p["activation"]](), nn.MaxPool2d(2) if p["pool"] == "max" else nn.AvgPool2d(2)]
    model = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(p["dropout"]), nn.Linear(channels * 16, 10))
    return _trained(model, "digits", 450, p)


TRAINING = (
    choice("optimizer", "sgd", "adamw"),
    real("momentum", 0.0, 0.99, when="optimizer == 'sgd'"),
    real("lr", 1e-5, 1.0, scale="log"),
    real("decay", 1e-6, 1.0, scale="log"),
    whole("batch", 8, 128, scale="log"),
    choice("activation", *ACTIVATIONS),
    real("dropout", 0.0, 0.8),
)

PROBLEMS = (
    Problem(
        "dense_digits",
        "networks",
        space(*TRAINING, whole("width", 8, 128, scale="log"), whole("depth", 1, 4), real("smoothing", 0.0, 0.5)),
        dense_digits,
        is_costly=True,
    ),
    Problem(
        "convolutions_digits",
        "networks",
        space(
            *TRAINING,
            whole("channels", 2, 24, scale="log"),
            {"name": "kernel", "type": "ordinal", "choices": [1, 3, 5]},
            {"name": "norm", "type": "bool"},
            choice("pool", "max", "mean"),
        ),
        convolutions_digits,
        is_costly=True,
    ),
)
