"""A trained network of a user's own, with what makes pruning hard, and the rows it was trained on."""

from functools import lru_cache

import torch
from sklearn.datasets import load_digits
from torch import nn

from studyhall.trial_context import LocalTrial
from workers.compression.examples import Examples, Rows
from workers.compression.learning import Course, learn


class Residual(nn.Module):
    """A skip, and convolutions of both sorts."""

    def __init__(self, channels):
        super().__init__()
        self.mix = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels)
        self.each = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)

    def forward(self, x):
        return x + torch.relu(self.each(self.norm(self.mix(x))))


class Own(nn.Module):
    """Knows nothing of Studyhall."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), Residual(12), nn.MaxPool2d(2), nn.Conv2d(12, 24, 3, padding=1)
        )
        self.head = nn.Linear(24 * 16, 10)

    def forward(self, x):
        return self.head(torch.relu(self.body(x)).flatten(1))


@lru_cache
def digits():
    data = load_digits()
    x, y = torch.tensor(data.images[:, None] / 16, dtype=torch.float32), torch.tensor(data.target)
    return Examples(Rows(x[:1200], y[:1200]), Rows(x[1200:], y[1200:]), content="c0ffee", data="digits")


@lru_cache
def trained():
    """Do not change it: it is everybody's."""
    torch.manual_seed(0)
    model = Own()
    learn(model, digits(), Course(4, 0.01, 64, 0), trial=LocalTrial())
    return model
