"""What distance-based models see of rows, and how alike they take two of them to be."""

import math
from typing import Final

import numpy as np

from app.search.axes import Floats
from app.search.encoding import Encoding

SQRT5: Final = math.sqrt(5.0)


def features(encoding: Encoding, U: Floats) -> Floats:
    """The features of canonical rows, shape `(m, w)`."""
    return encoding.features(U, encoding.active(U))[0]


def feature_columns(encoding: Encoding) -> tuple[slice, ...]:
    """Which feature columns belong to each parameter."""
    return encoding.features(np.zeros((0, encoding.dimension)), np.zeros((0, encoding.dimension), dtype=bool))[1]


def matern52(r2: Floats) -> Floats:
    """The Matern-5/2 correlation at squared scaled distances."""
    r = np.sqrt(r2)
    r *= SQRT5
    # In place: for a thousand results the memory traffic of temporaries costs more than exp.
    found = r2 * (5.0 / 3.0)
    found += r
    found += 1.0
    np.negative(r, out=r)
    np.exp(r, out=r)
    found *= r
    return np.asarray(found)
