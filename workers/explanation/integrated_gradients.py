"""Integrated gradients: how much each input adds to an output, summed along the way from a baseline to the input.

Source: Sundararajan et al. 2017, eq. 1 and 3. The sum of all contributions equals the change of the output; how far it
misses that is the completeness error, which tells whether the steps were enough.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class Attributions:
    """Contributions of the inputs, shape of the inputs, and the mean relative error of their sums."""

    values: Tensor
    completeness_error: float


def integrated_gradients(model: nn.Module, x: Tensor, baseline: Tensor, *, steps: int = 64) -> Attributions:
    """Explains the score of the class that the model chooses for each row, or its value where it has one output."""
    model.eval()
    chosen = _chosen_class(model, x)
    total = torch.zeros_like(x)
    for step in range(steps):
        # Midpoints: the error falls with the square of the number of steps.
        point = (baseline + (x - baseline) * (step + 0.5) / steps).detach().requires_grad_()
        (slope,) = torch.autograd.grad(_score(model, point, chosen).sum(), point)
        total += slope / steps
    values = (x - baseline) * total
    with torch.no_grad():
        change = _score(model, x, chosen) - _score(model, baseline.expand_as(x), chosen)
    missed = (values.flatten(1).sum(1) - change).abs() / change.abs().clamp_min(change.abs().mean().clamp_min(1e-9))
    return Attributions(values, float(missed.mean()))


@torch.no_grad()
def _chosen_class(model: nn.Module, x: Tensor) -> Tensor | None:
    found = model(x)
    return found.argmax(1) if found.ndim == 2 else None


def _score(model: nn.Module, x: Tensor, chosen: Tensor | None) -> Tensor:
    found: Tensor = model(x)
    return found if chosen is None else found.gather(1, chosen[:, None])[:, 0]
