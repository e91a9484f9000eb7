"""What an analysis asks of a model of the study: the engine's own one, or a forest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from studyhall.words import Parameters


@dataclass(frozen=True, slots=True)
class Expected:
    """What is expected somewhere, in the objective's own units: `low` to `high` holds it nine times in ten."""

    mean: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]


class Model(Protocol):
    """A fitted model of one objective.

    Args of its methods:
        background: assignments of trials.
        places: of some parameters' axes, as many for each as the grid has; all other values are the background's.
    """

    method: str
    explained: float
    """The share of variance that it tells of trials which it has not seen; below zero: none."""
    noise: float | None
    """The deviation of results around what it explains, in the objective's units; None where it does not say."""

    def averages(self, background: Sequence[Parameters], places: Mapping[str, npt.NDArray[np.float64]]) -> Expected:
        """The average over the background at each place, shape `(grid,)`."""
        ...

    def courses(self, background: Sequence[Parameters], places: Mapping[str, npt.NDArray[np.float64]]) -> Expected:
        """The same for each assignment of the background alone, shape `(b, grid)`."""
        ...

    def points(self, assignments: Sequence[Parameters]) -> Expected:
        """What is expected of complete assignments, shape `(n,)`."""
        ...
