"""Series for charts: the course of a search, thinned out to what a screen can show.

Columns and not rows: a chart reads columns, and 100,000 rows of JSON objects are four times their size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

MOST_POINTS = 5000
MOST_CURVES = 120


@dataclass(frozen=True, slots=True)
class Course:
    """A search trial by trial, as columns of equal length, by number."""

    number: list[int]
    state: list[str]
    value: list[float | None]
    best: list[float | None]
    """The best value so far."""
    finished_at: list[float | None]
    total: int
    """How many trials there are, shown or not."""


def course(
    rows: Sequence[tuple[int, str, float | None, float | None]], goal: Literal["minimize", "maximize"], max_points: int
) -> Course:
    """The course of a search with one objective.

    Every trial that improved on the best is kept; of the others as many as fit, evenly spread.

    Args:
        rows: (number, state, value, finished_at) of every trial that has ended, by number.
        max_points: at least as many as there are improvements are given all the same.
    """
    bests = _best_so_far([row[2] for row in rows], goal)
    improved = {i for i, best in enumerate(bests) if best is not None and (i == 0 or best != bests[i - 1])}
    kept = sorted(improved | set(_spread(len(rows), max_points)))
    return Course(
        number=[rows[i][0] for i in kept],
        state=[rows[i][1] for i in kept],
        value=[rows[i][2] for i in kept],
        best=[bests[i] for i in kept],
        finished_at=[rows[i][3] for i in kept],
        total=len(rows),
    )


def curves_wanted(
    rows: Sequence[tuple[int, str, float | None, float | None]],
    running: Sequence[int],
    goal: str,
    front: Sequence[int] = (),
) -> list[int]:
    """The numbers of the trials whose curves are worth showing: those that run, the best, and some of the others.

    Args:
        rows: as in `course`.
        front: the best of several objectives.
    """
    told = sorted(
        (value if goal == "minimize" else -value, number) for number, _, value, _ in rows if value is not None
    )
    best = [number for _, number in told[: MOST_CURVES // 3]] or front[: MOST_CURVES // 3]
    ended = [number for number, state, _, _ in rows if state in ("completed", "pruned", "failed")]
    some = [ended[i] for i in _spread(len(ended), MOST_CURVES // 3)]
    return sorted({*running[-MOST_CURVES // 3 :], *best, *some})


def _best_so_far(values: Sequence[float | None], goal: Literal["minimize", "maximize"]) -> list[float | None]:
    better = min if goal == "minimize" else max
    best: float | None = None
    found = []
    for value in values:
        if value is not None:
            best = value if best is None else better(best, value)
        found.append(best)
    return found


def _spread(count: int, wanted: int) -> range:
    return range(0, count, max(1, -(-count // max(1, wanted))))
