"""Where the user believes the best lies: it pulls the start, tilts the acquisition, and fades as results come in.

U    canonical rows    (m, d)
"""

import math
from typing import Final

import numpy as np
from scipy.special import ndtr, ndtri

from app.search.axes import Axis, Floats
from app.search.blocks import Block
from app.search.encoding import Encoding
from studyhall.parameters import ConstantParameter, Parameter, Prior
from studyhall.words import ParameterValue

WIDTHS: Final = {"low": 0.4, "medium": 0.2, "high": 0.1}
"""The deviation of an ordered parameter around the centre, on its unit interval."""
ODDS: Final = {"low": 2.0, "medium": 5.0, "high": 15.0}
"""How much likelier than each other choice the centre of a categorical is."""
FADING: Final = 10.0
"""After so many results the user's belief counts as much as one factor of the acquisition, after twice as many half."""


def has_prior(encoding: Encoding) -> bool:
    """Whether the user believes anything."""
    return any(_prior(parameter) for parameter in encoding.free)


def log_prior(encoding: Encoding, U: Floats) -> Floats:
    """Log density of rows under the user's belief, up to a constant, shape `(m,)`; inactive parameters say nothing."""
    found, active = np.zeros(len(U)), encoding.active(U)
    for block, columns in zip(encoding.blocks, encoding.columns, strict=True):
        prior = _prior(block.parameter)
        if prior is None:
            continue
        for j, axis, center in zip(range(columns.start, columns.stop), block.axes, _center(block), strict=True):
            # The items of a list share what a single value weighs.
            found += active[:, j] * _log_density(axis, prior, center, U[:, j]) / math.sqrt(len(block.axes))
    return found


def fading(results: int) -> float:
    """The power of the user's belief after so many results. Source: Hvarfner et al. 2022 (piBO), eq. 6."""
    return FADING / max(results, 1)


def pulled(encoding: Encoding, U: Floats) -> Floats:
    """Rows that were spread evenly over the cube, spread by the user's belief instead; snapped."""
    moved = U.copy()
    for block, columns in zip(encoding.blocks, encoding.columns, strict=True):
        prior = _prior(block.parameter)
        if prior is None:
            continue
        for j, axis, center in zip(range(columns.start, columns.stop), block.axes, _center(block), strict=True):
            moved[:, j] = _quantile(axis, prior, center, U[:, j])
    return encoding.snap(moved)


def center_of(prior: Prior) -> ParameterValue:
    """Where the user believes the best lies, as a value of an assignment."""
    return list(prior.center) if isinstance(prior.center, tuple) else prior.center


def _center(block: Block) -> tuple[float, ...]:
    prior = _prior(block.parameter)
    return () if prior is None else block.parameter.to_units(center_of(prior))


def _prior(parameter: Parameter) -> Prior | None:
    return None if isinstance(parameter, ConstantParameter) else parameter.prior


def _log_density(axis: Axis, prior: Prior, center: float, u: Floats) -> Floats:
    if axis.is_ordered:
        return np.asarray(-0.5 * ((u - center) / WIDTHS[prior.confidence]) ** 2)
    return np.where(axis.index(u) == axis.index(np.array([center])), math.log(ODDS[prior.confidence]), 0.0)


def _quantile(axis: Axis, prior: Prior, center: float, u: Floats) -> Floats:
    if axis.is_ordered:
        width = WIDTHS[prior.confidence]
        low, high = ndtr(-center / width), ndtr((1.0 - center) / width)
        return np.asarray(np.clip(center + width * ndtri(low + (high - low) * np.clip(u, 1e-12, 1 - 1e-12)), 0.0, 1.0))
    # The rest falls evenly on all choices, the centre among them.
    share = (ODDS[prior.confidence] - 1.0) / (ODDS[prior.confidence] + (axis.cells or 1) - 1.0)
    return np.where(u < share, center, np.clip((u - share) / (1.0 - share), 0.0, 1.0))
