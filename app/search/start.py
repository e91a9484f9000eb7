"""How a model-based search starts, and where it goes when its model has nothing new to say: untried points.

A start is a few Sobol points: enough to fit a first model, and no more. Five were enough for the best early curves
that we measured; peers spend ten and more.
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
from studyhall.words import ParameterValue

LARGEST_LIST: Final = 2**15
"""Finite spaces up to this size are listed to find what is left of them."""


def start_trials(evidence: Evidence, wanted: int | None) -> int:
    """How many points to try before the first model: 5 to 10 by the dimension, at most a third of a small budget."""
    if wanted is not None:
        return wanted
    start, budget = max(5, min(evidence.encoding.dimension + 1, 10)), evidence.history.max_trials
    return start if budget is None else max(3, min(start, budget // 3))


def is_starting(evidence: Evidence, started: int, start: int) -> bool:
    """Whether a search still needs starting points: too few trials were started, or too few have results."""
    return started < start or len(evidence.told) < 3


def initial(evidence: Evidence, count: int, *, seed: int, number: int, name: str) -> list[Suggestion]:
    """Starting points that were not tried: what the user believes best first, then Sobol points."""
    encoding = evidence.encoding
    taken = set(evidence.used)
    found = _favourite(evidence, taken, name) if count else []
    for row, study in tried_first(evidence):
        if len(found) < count and (key := encoding.keys(row[None, :])[0]) not in taken:
            taken.add(key)
            found.append(Suggestion(encoding.parameters(row), "initial", f"{name}: the best of '{study}' first"))
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


def _favourite(evidence: Evidence, taken: set[bytes], name: str) -> list[Suggestion]:
    """The defaults, when all parameters have one, or the centre of what the user believes, when that was not tried."""
    encoding = evidence.encoding
    favourite, why = encoding.space.defaults(), "the defaults first"
    if has_prior(encoding):
        values = {p.name: _center(p) for p in encoding.space.scalars}
        favourite, why = encoding.space.resolve(values), "what the user believes best first"
    if favourite is None or not encoding.space.satisfies(favourite):
        return []
    key = encoding.keys(encoding.row(favourite)[None, :])[0]
    if key in taken:
        return []
    taken.add(key)
    return [Suggestion(favourite, "initial", f"{name}: {why}")]


def _center(parameter: Parameter) -> ParameterValue:
    if not isinstance(parameter, ConstantParameter) and parameter.prior is not None:
        return center_of(parameter.prior)
    return default_of(parameter)
