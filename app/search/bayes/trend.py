"""What earlier studies lead us to expect, believed as far as they have ranked this study's own results.

Each earlier study has a process of its own, fitted to its results alone. How far one is believed is told by the rank
correlation of what it expected with what came, less what chance would give; so a misleading study is given up as soon
as this one has results of its own, and a study on another scale still teaches where the best lies. The process of
this study then learns what the earlier ones did not foresee.

    m    what an earlier study expects at rows    (n,)
    z    this study's standardised losses         (n,)

Source: in the spirit of Golovin et al. 2017 (Vizier, section 3.3: residuals of stacked processes) and Feurer et al.
2018 (arXiv 1802.02219, RGPE: weights by ranks).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from scipy.stats import rankdata

from app.search.axes import Floats
from app.search.bayes.gp import Posterior

FEWEST: Final = 4
"""Results of this study before an earlier one is believed at all."""
FLATTEST: Final = 0.3
"""Expectations that differ by less than this are not stretched further to fit the results."""
STEEPEST: Final = 2.0
DOUBT: Final = 1.5
"""Deviations of the correlation of unrelated things that are taken for chance."""
Expectation: TypeAlias = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Trend:
    """A mean that is not 0: earlier studies' expectations, each times how far it is believed."""

    parts: tuple[tuple[float, float, Expectation], ...]
    """(slope, middle, expectation)"""

    def __call__(self, X: Floats) -> Floats:
        """The expected standardised losses at features, shape `(m,)`."""
        found = np.zeros(len(X))
        for slope, middle, expectation in self.parts:
            found += slope * (expectation(X) - middle)
        return found


def trend_of(earlier: list[Posterior], X: Floats, z: Floats) -> Trend | None:
    """How far to believe earlier studies, given this one's results; None: not at all."""
    if len(z) < FEWEST:
        return None
    told = [posterior.mean(X) for posterior in earlier]
    trusts = [_trust(m, z) for m in told]
    total = sum(trusts)
    if total <= 0:
        return None
    parts = []
    for posterior, m, trust in zip(earlier, told, trusts, strict=True):
        if trust > 0:
            slope = min(trust * float(z.std()) / max(float(m.std()), FLATTEST), STEEPEST) * trust / total
            parts.append((slope, float(m.mean()), posterior.mean))
    return Trend(tuple(parts))


def _trust(m: Floats, z: Floats) -> float:
    """From 0 to 1: Spearman's rank correlation, less what chance may give where nothing is related."""
    a, b = rankdata(m), rankdata(z)
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return max(0.0, float(np.corrcoef(a, b)[0, 1]) - DOUBT / math.sqrt(len(z) - 1))
