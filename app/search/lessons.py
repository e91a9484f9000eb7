"""What earlier studies say about a space: rows and losses of their own, and which points to try first.

An assignment of an earlier study has a place here where its values lie within the present space; parameters that it
did not have take their defaults, else the middle.
"""

from collections.abc import Iterator
from itertools import zip_longest
from typing import Final

from app.search.axes import Floats
from app.search.encoding import Encoding
from app.search.engine import History
from app.search.evidence import Evidence, evidence_of
from app.search.pareto import order_of_merit

MOST_FIRST: Final = 2
"""Points of earlier studies that are tried first: misleading ones must not cost more than that."""


def lessons_of(evidence: Evidence) -> list[tuple[str, Evidence]]:
    """Each earlier study's name and results, as far as they have a place in this space."""
    objectives = evidence.history.objectives
    found = [
        (lesson.study, evidence_of(evidence.encoding, History(objectives, lesson.observations)))
        for lesson in evidence.history.lessons
    ]
    return [(name, earlier) for name, earlier in found if earlier.told]


def tried_first(evidence: Evidence) -> list[tuple[Floats, str]]:
    """The best rows of earlier studies and whose they are: first the best of each, then the second best."""
    ranked = [_best(name, earlier) for name, earlier in lessons_of(evidence)]
    found: dict[bytes, tuple[Floats, str]] = {}
    for turn in zip_longest(*ranked):
        for row, name in filter(None, turn):
            found.setdefault(_key(evidence.encoding, row), (row, name))
    return list(found.values())[: max(MOST_FIRST, len(ranked))]


def _best(name: str, earlier: Evidence) -> Iterator[tuple[Floats, str]]:
    feasible = earlier.encoding.is_feasible(earlier.U)
    for i in order_of_merit(earlier)[: 4 * MOST_FIRST]:
        if feasible[i]:
            yield earlier.U[i], name


def _key(encoding: Encoding, row: Floats) -> bytes:
    return encoding.keys(row[None, :])[0]
