"""What a trial will take, where that differs widely and time is what the study has least of.

Then suggestions weigh what is expected of a point against the time it takes: improvement / seconds ** w, where w is the
share of the time that is left. So cheap regions are learnt first, and in the end only the result counts. Why not by the
second throughout: the best point is often an expensive one, and would never be worth its time.

Source: Lee et al. 2020, "Cost-aware Bayesian optimization", section 3 (cost cooling).
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import numpy as np

from app.search.axes import Floats
from app.search.bayes.fitting import fit
from app.search.bayes.gp import Posterior
from app.search.bayes.kernel import Kernel, Prior
from app.search.evidence import Evidence
from app.search.likeness import feature_columns, features
from studyhall.trial import TrialState

LEAST: Final = 8
"""So many trials must have run to their end."""
WIDELY: Final = 3.0
"""Times are worth a model where the ninth decile is so many times the first."""
MOST: Final = 200
"""The latest so many times are learnt from."""
WITHOUT_A_LIMIT: Final = 0.5
"""The exponent where time is to be weighed although the study may take as long as it likes."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What is believed of the logarithm of seconds."""

    posterior: Posterior
    spread: float
    weight: float

    def log_weight(self, X: Floats) -> Floats:
        """What counts against points at features, beside what is expected of them, up to a constant; shape `(m,)`."""
        return np.asarray(self.weight * self.spread * self.posterior.mean(X))


def costs_of(evidence: Evidence, weighing: Literal["auto", "always", "never"]) -> Costs | None:
    """What a history says of times; None where they shall not, or cannot, count."""
    weight = _weight(evidence, weighing)
    if weight <= 0:
        return None
    rows = [i for i, o in enumerate(evidence.told) if o.state is TrialState.COMPLETED and (o.seconds or 0.0) > 0][
        -MOST:
    ]
    if len(rows) < LEAST:
        return None
    y = np.log([max(evidence.told[i].seconds or 0.0, 1e-3) for i in rows])
    low, high = np.percentile(y, [10, 90])
    if high - low < math.log(WIDELY):
        return None
    X, spread = features(evidence.encoding, evidence.U[rows]), float(y.std())
    z = (y - y.mean()) / spread
    columns = feature_columns(evidence.encoding)
    settled = len(z) - len(z) % 5  # kernels are learnt from a prefix: most suggestions need no fit
    edges = tuple((column.start, column.stop) for column in columns)
    kernel = _kernel(X[:settled].tobytes(), z[:settled].tobytes(), settled, edges)
    return Costs(Posterior(kernel, X, z), spread, weight)


def _weight(evidence: Evidence, weighing: str) -> float:
    limit = evidence.history.max_device_seconds
    if weighing == "never" or (weighing == "auto" and limit is None):
        return 0.0
    if limit is None:
        return WITHOUT_A_LIMIT
    spent = math.fsum(o.seconds or 0.0 for o in evidence.history.observations)
    return max(0.0, 1.0 - spent / limit)


@lru_cache(maxsize=16)
def _kernel(X: bytes, z: bytes, n: int, columns: tuple[tuple[int, int], ...]) -> Kernel:
    prior = Prior.of(len(columns), lengthscale=0.5, noise=0.05)
    slices = tuple(slice(start, stop) for start, stop in columns)
    return fit(np.frombuffer(X).reshape(n, -1), np.frombuffer(z), slices, prior)
