"""Permutation importance: how much worse a model gets when one column of a table is shuffled.

Source: Breiman 2001, in the model-agnostic form of Fisher et al. 2019.
"""

from collections.abc import Callable

import torch
from torch import Tensor


def permutation_importance(
    score: Callable[[Tensor], float], x: Tensor, *, repeats: int = 5, seed: int = 0
) -> list[float]:
    """The mean loss of score, for each column of x `(n, columns)`, over some shuffles; near 0: not looked at.

    Args:
        score: of the model, for these inputs in the rows' own order; more is better.
    """
    generator = torch.Generator().manual_seed(seed)
    whole, found = score(x), []
    for column in range(x.shape[1]):
        lost = 0.0
        for _ in range(repeats):
            shuffled = x.clone()
            shuffled[:, column] = x[torch.randperm(len(x), generator=generator), column]
            lost += whole - score(shuffled)
        found.append(lost / repeats)
    return found
