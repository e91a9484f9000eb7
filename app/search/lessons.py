"""What earlier studies say about a space: rows and losses of their own, and which points to try first.

An assignment of an earlier study has a place here where its values lie within the present space; parameters that it
did not have take their defaults, else the middle.
"""

from typing import Final

from app.search.axes import Floats
from app.search.engine import History
from app.search.evidence import Evidence, evidence_of
from app.search.pareto import order_of_merit

LOOKED_AT: Final = 10
"""Of an earlier study's best points, so many may be infeasible here before none is tried."""


def lessons_of(evidence: Evidence) -> list[tuple[str, Evidence]]:
    """Each earlier study's name and results, as far as they have a place in this space."""
    objectives = evidence.history.objectives
    found = [
        (lesson.study, evidence_of(evidence.encoding, History(objectives, lesson.observations)))
        for lesson in evidence.history.lessons
    ]
    return [(name, earlier) for name, earlier in found if earlier.told]


def tried_first(evidence: Evidence) -> list[tuple[Floats, str]]:
    """The best row of each earlier study, and whose it is; no more of them, for they may mislead."""
    found = []
    for name, earlier in lessons_of(evidence):
        best = order_of_merit(earlier)[:LOOKED_AT]
        best = best[earlier.encoding.is_feasible(earlier.U[best])]
        found += [(earlier.U[i], name) for i in best[:1]]
    return found
