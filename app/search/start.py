"""How a model-based search starts, and where it goes when its model has nothing new to say: untried points.

A start is one point where one would begin by hand, and a few Sobol points: enough to fit a first model, and no more.
Five were enough for the best early curves that we measured; peers spend ten and more.
"""

from typing import Final

import numpy as np

from app.search import sobol
from app.search.axes import Floats
from app.search.encoding import Encoding
from app.search.engine import Suggestion
from app.search.evidence import Evidence
from app.search.lessons import tried_first
from app.search.prior import center_of, has_prior, pulled
from studyhall.parameters import ConstantParameter, Parameter, default_of
from studyhall.words import Parameters, ParameterValue

LARGEST_LIST: Final = 2**15
"""Finite spaces up to this size are listed to find what is left of them."""


def start_trials(evidence: Evidence, wanted: int | None, *, each: int = 1) -> int:
    """How many points to try before the first model: 5 to 10 by the dimension, at most a third of a small budget.

    Args:
        wanted: by the user, who is right.
        each: how many parameters call for one more point. A Gaussian process says where it knows nothing, so it
            needs a start for every third only.
    """
    if wanted is not None:
        return wanted
    start, budget = max(5, min(evidence.encoding.dimension // each + 1, 10)), evidence.history.max_trials
    return start if budget is None else max(3, min(start, budget // 3))


def is_starting(evidence: Evidence, started: int, start: int) -> bool:
    """Whether a search still needs starting points: too few trials were started, or too few have results."""
    return started < start or len(evidence.told) < 3


def initial(
    evidence: Evidence, count: int, *, seed: int, number: int, name: str, middle: bool = True, lessons: bool = True
) -> list[Suggestion]:
    """Starting points that were not tried: where one would begin by hand first, then Sobol points.

    Args:
        middle: whether the middle of the ranges is such a place where nobody says more.
        lessons: whether the best of each earlier study is. Not where a model learns from them: it goes there by itself
            once they have ranked a few results right, and loses no trial to one that misleads.
    """
    encoding = evidence.encoding
    taken = set(evidence.used)
    found: list[Suggestion] = []
    for parameters, why in _before_all(evidence, middle=middle, lessons=lessons):
        key = encoding.keys(encoding.row(parameters)[None, :])[0]
        if len(found) < count and key not in taken:
            taken.add(key)
            found.append(Suggestion(parameters, "initial", f"{name}: {why}"))
    # Sobol repeats itself in small discrete spaces: look a little further along the sequence, then by chance.
    rows = sobol.points(encoding, seed, number, 2 * count)
    if has_prior(encoding):
        rows[::2] = encoding.canonical(pulled(encoding, rows[::2]))
        rows = rows[encoding.is_feasible(rows)]
    for row, key in zip(rows, encoding.keys(rows), strict=True):
        if key not in taken and len(found) < count:
            taken.add(key)
            found.append(Suggestion(encoding.parameters(row), "initial", f"{name}: an even start (Sobol)"))
    rest = untried(encoding, taken, count - len(found), np.random.default_rng([seed, number]))
    found += [Suggestion(encoding.parameters(row), "initial", f"{name}: an even start (random)") for row in rest]
    return found


def untried(encoding: Encoding, used: set[bytes] | frozenset[bytes], count: int, random: np.random.Generator) -> Floats:
    """Random feasible rows that nobody has tried, `(m, d)`; fewer than `count` only when no more can be found."""
    left = remaining(encoding, used)
    if left is not None:
        return left[random.permutation(len(left))[:count]]
    found: dict[bytes, Floats] = {}
    for _ in range(20):
        if len(found) >= count:
            break
        rows = encoding.canonical(encoding.sample(random, max(4 * count, 64)))
        found |= {key: row for key, row in zip(encoding.keys(rows), rows, strict=True) if key not in used}
    return np.array(list(found.values())[:count]).reshape(-1, encoding.dimension)


def remaining(encoding: Encoding, used: set[bytes] | frozenset[bytes]) -> Floats | None:
    """What is left of a small finite space, `(m, d)`; None for a space that is too large to list."""
    every = encoding.every_row(LARGEST_LIST)
    if every is None:
        return None
    return every[[key not in used for key in encoding.keys(every)]]


def _before_all(evidence: Evidence, *, middle: bool, lessons: bool) -> list[tuple[Parameters, str]]:
    """Where one would begin by hand: what the user believes best, the defaults, what was best before, else the middle.

    Why the middle: ranges are made around what is usual. Of the random points of 34 problems a quarter were better.
    """
    encoding = evidence.encoding
    space = encoding.space
    center = space.resolve({p.name: _center(p) for p in space.scalars})
    found = []
    if has_prior(encoding):
        found.append((center, "what the user believes best first"))
    elif space.defaults() is not None:
        found.append((center, "the defaults first"))
    if lessons:
        found += [(encoding.parameters(row), f"the best of '{study}' first") for row, study in tried_first(evidence)]
    if middle and not found and space.architecture is None and any(axis.is_ordered for axis in encoding.axes):
        found.append((center, "the middle first"))  # of choices alone there is none
    return [(parameters, why) for parameters, why in found if space.satisfies(parameters)]


def _center(parameter: Parameter) -> ParameterValue:
    if not isinstance(parameter, ConstantParameter) and parameter.prior is not None:
        return center_of(parameter.prior)
    return default_of(parameter)
