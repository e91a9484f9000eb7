"""Small changes of inputs that are made to fool a model, and equally small ones that are not: the control.

`eps` is a share of the inputs' range: of each column of a table, of all values of images and series together. Inputs
never leave the range. They are brought back after the step and not inside of the loss, where a clamp would have no
gradient at the range's ends, where most pixels are.

Sources: FGSM, Goodfellow et al. 2015; PGD, Madry et al. 2018, with its random start and step 2.5 eps / steps.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

Loss = Callable[[Tensor, Tensor], Tensor]
"""Of outputs and labels or values, as a scalar."""


@dataclass(frozen=True, eq=False)
class Range:
    """The smallest and the largest inputs, of a shape that broadcasts with a row."""

    low: Tensor
    high: Tensor

    @classmethod
    def of(cls, x: Tensor) -> Self:
        """The range of these inputs `(n, ...)`."""
        if x.ndim == 2:
            return cls(x.amin(0), x.amax(0))
        return cls(x.amin(), x.amax())

    def within(self, changed: Tensor, x: Tensor, reach: Tensor) -> Tensor:
        """The nearest to `changed` that is in the range and no further than `reach` from x."""
        near = torch.minimum(torch.maximum(changed, x - reach), x + reach)
        return torch.minimum(torch.maximum(near, self.low), self.high)

    def reach(self, eps: float) -> Tensor:
        """`eps` in the inputs' own units."""
        return eps * (self.high - self.low)


def noise(x: Tensor, eps: float, allowed: Range, *, seed: int) -> Tensor:
    """Every input moved by its whole reach, up or down by chance: as far as FGSM goes, but blindly."""
    generator = torch.Generator().manual_seed(seed)
    signs = torch.randint(0, 2, x.shape, generator=generator).to(x) * 2 - 1
    reach = allowed.reach(eps)
    return allowed.within(x + reach * signs, x, reach)


def fgsm(model: nn.Module, x: Tensor, y: Tensor, eps: float, allowed: Range, *, loss: Loss) -> Tensor:
    """Inputs moved once, each by its whole reach, to where the loss grows."""
    reach = allowed.reach(eps)
    return allowed.within(x + reach * _uphill(model, x, y, loss), x, reach)


def pgd(
    model: nn.Module, x: Tensor, y: Tensor, eps: float, allowed: Range, *, loss: Loss, steps: int = 10, seed: int = 0
) -> Tensor:
    """Inputs moved by many small steps from a random start; at least as strong as FGSM, of which it keeps the better.

    Row by row it keeps whatever raised the loss most, the first FGSM step included.
    """
    reach = allowed.reach(eps)
    generator = torch.Generator().manual_seed(seed)
    best = fgsm(model, x, y, eps, allowed, loss=loss)
    worst = _row_losses(model, best, y, loss)
    current = allowed.within(x + reach * (torch.rand(x.shape, generator=generator).to(x) * 2 - 1), x, reach)
    for _ in range(steps):
        step = 2.5 / steps * reach
        current = allowed.within(current + step * _uphill(model, current, y, loss), x, reach)
        losses = _row_losses(model, current, y, loss)
        better = losses > worst
        best = torch.where(better.reshape(-1, *[1] * (x.ndim - 1)), current, best)
        worst = torch.where(better, losses, worst)
    return best


def _uphill(model: nn.Module, x: Tensor, y: Tensor, loss: Loss) -> Tensor:
    moved = x.detach().clone().requires_grad_()
    (slope,) = torch.autograd.grad(loss(model(moved), y), moved)
    return slope.sign()


@torch.no_grad()
def _row_losses(model: nn.Module, x: Tensor, y: Tensor, loss: Loss) -> Tensor:
    found = model(x)
    return torch.stack([loss(found[row : row + 1], y[row : row + 1]) for row in range(len(y))])
