"""The functional ANOVA of regression trees, exactly: a tree is a sum of boxes, and boxes integrate by hand.

low, high   the box of each leaf within the unit cube   (leaves, d)
value       what each leaf predicts                     (leaves,)
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Any, Final

import numpy as np

from app.analysis.question import Floats

MOST_PAIRED: Final = 4
"""Interactions are computed between this many parameters, the most important ones."""


def decompose(trees: list[Any], dimension: int) -> tuple[Floats, dict[tuple[int, int], float]]:
    """Each parameter's share of a forest's variance, alone and in pairs.

    Returns: shares by tree, shape `(d, trees)`, and the mean share of each pair beyond what its members do alone.

    Source: Hutter et al. 2014, algorithm 2; the variance is that over the unit cube, not over the trials.
    """
    boxes = [_boxes(tree.tree_, dimension) for tree in trees]
    alone = np.array([_alone(*box) for box in boxes]).T  # (d, trees)
    leading = sorted(np.argsort(-alone.mean(axis=1), kind="stable")[:MOST_PAIRED].tolist())
    pairs = {}
    for j, k in combinations(leading, 2):
        both = [_pair(*box, j, k) - alone[j, t] - alone[k, t] for t, box in enumerate(boxes)]
        pairs[(j, k)] = max(0.0, float(np.mean(both)))
    return alone, pairs


def by_cell(trees: list[Any], cells: Sequence[int]) -> list[Floats]:
    """What each value of each parameter adds to that parameter's share, shape `(cells, trees)` each.

    Args:
        cells: how many values each parameter has; 0: it has too many, and is given no terms.
    """
    found = [np.zeros((count, len(trees))) for count in cells]
    for t, tree in enumerate(trees):
        low, high, value = _boxes(tree.tree_, len(cells))
        volume = (high - low).prod(axis=1)
        mean = (volume * value).sum()
        variance = (volume * value**2).sum() - mean**2
        if variance <= 1e-300:
            continue
        for j, count in enumerate(cells):
            if count and not (low[:, j].max() == 0 and high[:, j].min() == 1):  # the tree has split along it
                edges, marginal = _marginal(low, high, value * volume, j, np.linspace(0, 1, count + 1))
                terms = np.diff(edges) * (marginal - mean) ** 2 / variance
                at = np.minimum(((edges[:-1] + edges[1:]) / 2 * count).astype(np.intp), count - 1)
                found[j][:, t] = np.bincount(at, terms, minlength=count)
    return found


def _marginal(low: Floats, high: Floats, weight: Floats, j: int, more: Floats) -> tuple[Floats, Floats]:
    """Where the mean over all other axes steps, edges `more` included, and its height between the edges."""
    edges = np.unique(np.concatenate([low[:, j], high[:, j], more]))
    share = weight / (high[:, j] - low[:, j])
    steps = np.zeros(len(edges))
    np.add.at(steps, np.searchsorted(edges, low[:, j]), share)
    np.subtract.at(steps, np.searchsorted(edges, high[:, j]), share)
    return edges, np.cumsum(steps)[:-1]


def _boxes(tree: Any, dimension: int) -> tuple[Floats, Floats, Floats]:
    lows, highs, values = [], [], []
    stack = [(0, np.zeros(dimension), np.ones(dimension))]
    while stack:
        node, low, high = stack.pop()
        feature = tree.feature[node]
        if feature < 0:
            lows.append(low)
            highs.append(high)
            values.append(float(tree.value[node].ravel()[0]))
            continue
        at = tree.threshold[node]
        if at > low[feature]:  # something of the cube lies left of it; inactive places lie outside of the cube
            left = high.copy()
            left[feature] = min(high[feature], at)
            stack.append((int(tree.children_left[node]), low, left))
        if at < high[feature]:
            right = low.copy()
            right[feature] = max(low[feature], at)
            stack.append((int(tree.children_right[node]), right, high))
    return np.array(lows), np.array(highs), np.array(values)


def _alone(low: Floats, high: Floats, value: Floats) -> Floats:
    volume = (high - low).prod(axis=1)
    mean = (volume * value).sum()
    variance = (volume * value**2).sum() - mean**2
    shares = np.zeros(low.shape[1])
    if variance <= 1e-300:
        return shares
    for j in range(low.shape[1]):
        edges, marginal = _marginal(low, high, volume * value, j, low[:0, j])
        shares[j] = (np.diff(edges) * (marginal - mean) ** 2).sum() / variance
    return shares


def _pair(low: Floats, high: Floats, value: Floats, j: int, k: int) -> float:
    """The share of two parameters together, their own included."""
    volume = (high - low).prod(axis=1)
    mean = (volume * value).sum()
    variance = (volume * value**2).sum() - mean**2
    if variance <= 1e-300:
        return 0.0
    edges = [np.unique(np.concatenate([low[:, i], high[:, i]])) for i in (j, k)]
    weight = value * volume / ((high[:, j] - low[:, j]) * (high[:, k] - low[:, k]))
    steps = np.zeros((len(edges[0]), len(edges[1])))
    first = [np.searchsorted(edges[0], side[:, j]) for side in (low, high)]
    second = [np.searchsorted(edges[1], side[:, k]) for side in (low, high)]
    for a, rows in enumerate(first):
        for b, columns in enumerate(second):
            np.add.at(steps, (rows, columns), weight if a == b else -weight)
    marginal = steps.cumsum(axis=0).cumsum(axis=1)[:-1, :-1]
    area = np.outer(np.diff(edges[0]), np.diff(edges[1]))
    return float((area * (marginal - mean) ** 2).sum() / variance)
