"""Grid search: every combination once. It continues where the history ends and stops when all were tried.

A small grid is listed. In a large one a combination is a number in mixed radix; those that differ only in inactive
parameters count once, and the grid is never held as a whole, so its size does not matter.
"""

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import numpy as np

from app.search.axes import Floats, Indices
from app.search.blocks import Block, Places, Shares, Single, combinations
from app.search.encoding import Encoding, encoding_of
from app.search.engine import History, Suggestion
from app.search.options import GridOptions
from app.search.random import generator
from app.search.start import LARGEST_LIST
from studyhall.space import Space

BLOCK: Final = 4096
SMALL_BLOCK: Final = 128
"""Numbers beyond 64 bits are walked in Python."""
_GOLDEN: Final = (math.sqrt(5) - 1) / 2


def suggest(
    space: Space,
    history: History,
    count: int,
    *,
    options: GridOptions,
    seed: int,
    number: int,  # noqa: ARG001 - the protocol: what is left of the grid follows from the history
) -> list[Suggestion]:
    """The next combinations that no trial has had, whatever became of those trials; fewer at the grid's end."""
    encoding = encoding_of(space)
    used = set(encoding.keys(encoding.rows(o.parameters for o in history.observations)))
    found: list[Suggestion] = []
    for row, key, total in _walk(encoding, options, seed):
        if len(found) == count:
            break
        if key not in used:
            used.add(key)
            found.append(Suggestion(encoding.parameters(row), source="model", why=f"grid: one of {total} combinations"))
    return found


def _walk(encoding: Encoding, options: GridOptions, seed: int) -> Iterator[tuple[Floats, bytes, int]]:
    """Each feasible combination once, with its key and the size of the grid, in the order of the options."""
    listed = _listed(encoding.space, options.resolution)
    if listed is not None:
        for numbers in _order(len(listed), seed, shuffle=options.shuffle):
            rows = listed[numbers]
            yield from ((row, key, len(listed)) for row, key in zip(rows, encoding.keys(rows), strict=True))
        return
    places = [_places(block, options.resolution) for block in encoding.blocks]
    total = math.prod(count for count, _ in places)
    for block in _order(total, seed, shuffle=options.shuffle):
        U = combinations(places, block)
        # Among combinations that differ in inactive parameters only, the one with their first values stands for all.
        first = combinations(places, np.zeros(1, dtype=np.int64))[0]
        kept = np.all(encoding.active(U) | (first == U), axis=1) & encoding.is_feasible(U)
        rows = encoding.canonical(U[kept])
        yield from ((row, key, total) for row, key in zip(rows, encoding.keys(rows), strict=True))


@lru_cache(maxsize=4)
def _listed(space: Space, resolution: int) -> Floats | None:
    """The whole grid, unless it is large."""
    encoding = encoding_of(space)
    return encoding.listed([_places(block, resolution) for block in encoding.blocks], LARGEST_LIST)


def _places(block: Block, resolution: int) -> Places:
    """How many places of a parameter are in the grid, and which these are by number."""
    if isinstance(block, Shares):
        return block.lattice(resolution)
    if not isinstance(block, Single):
        return block.cells or 0, block.at_index
    axis = block.axis
    if not axis.is_ordered or (axis.cells is not None and axis.cells <= resolution) or not axis.is_numeric:
        return axis.cells or 0, block.at_index
    places = np.unique(axis.snap(np.linspace(0.0, 1.0, resolution)))
    return len(places), lambda index: places[index.astype(np.int64)][:, None]


def _order(total: int, seed: int, *, shuffle: bool) -> Iterator[Indices]:
    """The numbers 0 … total - 1 in blocks; shuffled, they spread over the whole grid from the start."""
    stride, offset = (_stride(total), generator(seed, 0).randrange(total or 1)) if shuffle else (1, 0)
    if total < 2**31:  # stride * number fits into 64 bits
        for start in range(0, total, BLOCK):
            yield (np.arange(start, min(start + BLOCK, total)) * stride + offset) % total
        return
    for start in range(0, total, SMALL_BLOCK):
        numbers = range(start, min(start + SMALL_BLOCK, total))
        yield np.array([(number * stride + offset) % total for number in numbers], dtype=object)


def _stride(total: int) -> int:
    """A step near the golden section of `total` and without a common divisor: it visits every number once, evenly."""
    stride = max(1, round(total * _GOLDEN))
    while math.gcd(stride, total) != 1:
        stride += 1
    return stride
