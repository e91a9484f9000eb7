"""scikit-optimize behind one careful adapter: Gaussian process, random forest and extra trees.

The only file that knows `skopt`. What it keeps away from 0.10.2, each seen to crash or to mangle: choices other than
plain text (a codec of our own, `c0` … `cN`), numpy scalars in answers, targets that are NaN, infinite or near 1e300,
dimensions of one value, points outside the space, repeated points, and incremental `tell` (it draws other random
numbers than one bulk `tell`: here every suggestion is one bulk tell of the whole history with a derived seed).
Pending points are in that same tell with a lie (Ginsbourger et al. 2010, "constant liar" with the worst value).
"""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeAlias

import numpy as np
from skopt import Optimizer
from skopt.acquisition import gaussian_lcb
from skopt.learning import GaussianProcessRegressor
from skopt.space import Categorical, Dimension, Integer, Real

from app.search.axes import Axis, Cells, Floats
from app.search.encoding import Encoding, encoding_of
from app.search.engine import History, Suggestion
from app.search.evidence import Evidence, chebyshev, evidence_of, standardized
from app.search.options import SkoptOptions
from app.search.start import initial, is_starting, start_trials, untried
from studyhall.space import Space

MOST_FOR_GP: Final = 150
WIDEST_FOR_GP: Final = 50
"""With more results or parameters one fit costs several seconds; extra trees take over."""
MOST_FITS: Final = 4
"""A batch may have a hundred points; each fit costs from a tenth of a second to several."""
WIDEST_INTEGER: Final = 1000
log = logging.getLogger("studyhall.search")
Point: TypeAlias = list[float | int | str]


def suggest(
    space: Space, history: History, count: int, *, options: SkoptOptions, seed: int, number: int
) -> list[Suggestion]:
    """Sobol points first, then scikit-optimize; untried random points when a fit fails."""
    evidence = evidence_of(encoding_of(space), history)
    start = start_trials(evidence, options.start)
    if is_starting(evidence, len(history.observations), start):
        # For those who compare with earlier work: an even start, as it was there.
        return initial(evidence, count, seed=seed, number=number, name="skopt", middle=False)
    return modelled(evidence, count, options=options, seed=seed, number=number)


def modelled(evidence: Evidence, count: int, *, options: SkoptOptions, seed: int, number: int) -> list[Suggestion]:
    """The model's proposals, `count` of them unless the space is exhausted; at least three results are needed."""
    encoding, used = evidence.encoding, set(evidence.used)
    random = np.random.default_rng([seed, number])
    if encoding.dimension == 0:
        return []
    surrogate = _surrogate(options, evidence)
    why = f"skopt: {surrogate.upper()}, {options.acquisition}, {len(evidence.told)} results"
    found: list[Suggestion] = []
    try:
        rows = _proposals(evidence, count, used, surrogate, options, random)
    except Exception as error:  # noqa: BLE001 - whatever a third party's fit raises must not end the search
        log.warning("skopt could not fit a model, suggesting at random: %r", error)
        rows, why = [], f"skopt: random, the model could not be fitted ({type(error).__name__})"
    found = [Suggestion(encoding.parameters(row), "model", why) for row in rows]
    used |= set(encoding.keys(_stacked(rows, encoding)))
    rest = untried(encoding, used, count - len(found), random)
    return found + [Suggestion(encoding.parameters(row), "model", why) for row in rest]


def _proposals(
    evidence: Evidence,
    count: int,
    used: set[bytes],
    surrogate: str,
    options: SkoptOptions,
    random: np.random.Generator,
) -> list[Floats]:
    """Rows: a few fits, each told the lies for the points before it, then the best of many by the last fit.

    The kernel of a Gaussian process is learnt once for all.
    """
    codec = _Codec(evidence.encoding)
    y = _targets(evidence, random)
    worst = float(y.max())
    U = np.vstack([evidence.U, evidence.failed, evidence.pending])
    y = np.concatenate([y, np.full(len(evidence.failed) + len(evidence.pending), worst)])
    found: list[Floats] = []
    learner: object = surrogate.upper()
    with _quiet():
        for _ in range(min(count, MOST_FITS)):
            optimizer = Optimizer(
                codec.dimensions,
                base_estimator=learner,
                n_initial_points=1,
                acq_func=_acquisition(options.acquisition, surrogate),
                acq_optimizer_kwargs={"n_points": 2000},
                random_state=int(random.integers(2**31)),
            )
            optimizer.tell(codec.points(U), y.tolist())
            row = _asked(evidence.encoding, codec, optimizer, used)
            if row is None:
                break
            found.append(row)
            used.add(evidence.encoding.keys(row[None, :])[0])
            U, y = np.vstack([U, row]), np.append(y, worst)
            learner = _as_fitted(optimizer.models[-1], learner)
        rest = untried(evidence.encoding, used, 0 if len(found) == count else max(500, 4 * count), random)
        if len(rest):
            scores = gaussian_lcb(optimizer.space.transform(codec.points(rest)), optimizer.models[-1])
            found.extend(rest[np.argsort(scores, kind="stable")[: count - len(found)]])
    return found


def _asked(encoding: Encoding, codec: "_Codec", optimizer: Optimizer, used: set[bytes]) -> Floats | None:
    """What the optimizer asks for; None where that is taken or breaks a constraint."""
    asked = encoding.canonical(codec.row(optimizer.ask())[None, :])
    if encoding.is_feasible(asked)[0] and encoding.keys(asked)[0] not in used:
        return np.asarray(asked[0])
    return None


def _targets(evidence: Evidence, random: np.random.Generator) -> Floats:
    """One standardised loss a result; what breaks an outcome constraint counts as the worst."""
    columns = np.column_stack([standardized(column) for column in evidence.final_losses.T])
    if columns.shape[1] > 1:
        y = standardized(chebyshev(columns, random.dirichlet(np.ones(columns.shape[1]))))
    else:
        y = columns[:, 0]
    return np.where(evidence.is_allowed, y, y.max())


def _surrogate(options: SkoptOptions, evidence: Evidence) -> str:
    too_large = len(evidence.told) > MOST_FOR_GP or evidence.encoding.dimension > WIDEST_FOR_GP
    return "et" if options.surrogate == "gp" and too_large else options.surrogate


def _acquisition(wanted: str, surrogate: str) -> str:
    return "EI" if wanted == "gp_hedge" and surrogate != "gp" else wanted


def _as_fitted(model: object, learner: object) -> object:
    """A Gaussian process that keeps the kernel it has learnt; another model is fitted anew, cheaply."""
    if not isinstance(model, GaussianProcessRegressor) or not hasattr(model, "noise_"):
        return learner
    noise = (model.noise_ or 0.0) + 1e-8  # scikit-optimize leaves None where the fit finds no noise
    return GaussianProcessRegressor(kernel=model.kernel_, alpha=noise, optimizer=None, normalize_y=True)


class _Codec:
    """Rows of the unit cube as points of scikit-optimize, and back; no value of a user ever gets there."""

    def __init__(self, encoding: Encoding) -> None:
        self._axes = encoding.axes
        self.dimensions: list[Dimension] = [_dimension(axis) for axis in encoding.axes]

    def points(self, U: Floats) -> list[Point]:
        columns = [_column(axis, U[:, j]) for j, axis in enumerate(self._axes)]
        return [list(point) for point in zip(*columns, strict=True)]

    def row(self, point: Sequence[object]) -> Floats:
        return np.array([_place(axis, value) for axis, value in zip(self._axes, point, strict=True)])


def _dimension(axis: Axis) -> Dimension:
    if not axis.is_ordered:
        return Categorical([f"c{index}" for index in range(axis.cells or 0)])
    return Integer(0, (axis.cells or 0) - 1) if _is_counted(axis) else Real(0.0, 1.0)


def _is_counted(axis: Axis) -> bool:
    return isinstance(axis, Cells) and axis.cells is not None and axis.cells <= WIDEST_INTEGER


def _column(axis: Axis, u: Floats) -> Sequence[float | int | str]:
    if not axis.is_ordered:
        return [f"c{index}" for index in axis.index(u)]
    if _is_counted(axis):
        return [int(index) for index in axis.index(u)]
    return [float(place) for place in u]


def _place(axis: Axis, value: object) -> float:
    if not axis.is_ordered:
        return float(axis.at_index(np.array([int(str(value)[1:])]))[0])
    if _is_counted(axis):
        return float(axis.at_index(np.array([int(str(value))]))[0])
    return float(str(value))


def _stacked(rows: Sequence[Floats], encoding: Encoding) -> Floats:
    return np.array(rows, dtype=np.float64).reshape(len(rows), encoding.dimension)


@contextmanager
def _quiet() -> Iterator[None]:
    # Repeated points and kernels at their bounds are normal here; the engine process has one thread.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
