"""Changing training rows a little each time they are seen: noise, shifts and mixtures of two rows."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from workers.trainables.trainable import Declared

Targets = list[tuple[float, Tensor]]
"""What a batch is to teach, `(n,)` each, with its share of the loss."""


class AugmentationParameters(Declared):
    """How training rows are changed; all zero: they are not."""

    noise: Annotated[float, Field(ge=0, le=10)] = 0.0
    """White noise on the inputs, in their standard deviations."""
    shift: Annotated[int, Field(ge=0, le=1024)] = 0
    """For images and sequences: moved by up to so many places in each direction; the edge is repeated."""
    mixup: Annotated[float, Field(ge=0, le=10)] = 0.0
    """Rows are mixed in pairs, with shares from Beta(mixup, mixup) (Zhang et al. 2018)."""


def augment(x: Tensor, y: Tensor, scale: Tensor, chosen: AugmentationParameters) -> tuple[Tensor, Targets]:
    """A changed batch; what is random in it comes from torch's generator.

    Args:
        x: inputs, `(n, ...)`; y: targets, `(n,)`; scale: the inputs' standard deviations, as broad as a row of `x`.
    """
    if chosen.shift:
        x = _shifted(x, chosen.shift)
    if chosen.noise:
        x = x + chosen.noise * scale * torch.randn_like(x)
    if not chosen.mixup:
        return x, [(1.0, y)]
    share = float(torch.distributions.Beta(chosen.mixup, chosen.mixup).sample())
    partner = torch.randperm(len(x), device=x.device)
    return share * x + (1 - share) * x[partner], [(share, y), (1 - share, y[partner])]


def _shifted(x: Tensor, most: int) -> Tensor:
    for dimension in range(2, x.ndim):
        length = x.shape[dimension]
        by = torch.randint(-most, most + 1, (len(x), 1), device=x.device)
        places = (torch.arange(length, device=x.device) + by).clamp(0, length - 1)  # (n, length)
        broad = [len(x)] + [1] * (x.ndim - 1)
        broad[dimension] = length
        x = x.gather(dimension, places.view(broad).expand_as(x))
    return x
