"""The `local_search` engine: walks downhill from the best start by exact steps, and starts anew where it sticks.

Steps widen after success and shrink without it (the one-fifth rule: Rechenberg 1973, as in Kern et al. 2004, section
3); where they have become tiny, the next descent starts at an untried point. All of that is read off the history in
the order of its numbers: there is no state.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from app.search.axes import Floats
from app.search.encoding import encoding_of
from app.search.engine import History, Suggestion
from app.search.evidence import Evidence, evidence_of
from app.search.moves import neighbours
from app.search.options import LocalSearchOptions
from app.search.pareto import order_of_merit
from app.search.start import initial, start_trials, untried
from app.search.turns import Proposal, take_turns
from studyhall.space import Space

WIDEST: Final = 0.3
WIDER: Final = 1.5
NARROWER: Final = WIDER ** (-1 / 4)
ATTEMPTS: Final = 16


def suggest(
    space: Space, history: History, count: int, *, options: LocalSearchOptions, seed: int, number: int
) -> list[Suggestion]:
    """An even start, then steps from where the descent stands."""
    evidence = evidence_of(encoding_of(space), history)
    start = start_trials(evidence, options.start)
    if evidence.started < start or len(evidence.told) < 2:
        return initial(evidence, count, seed=seed, number=number, name="local_search")
    walker = Walker(evidence, descent(evidence, start, options.narrowest))
    return take_turns(evidence, lambda _: walker, count, seed=seed, number=number)


@dataclass(frozen=True, slots=True)
class Descent:
    """Where a descent stands: at a result, with a step size; at None when a new one is to begin."""

    at: int | None
    step: float


def descent(evidence: Evidence, start: int, narrowest: float) -> Descent:
    """Walks through the results in the order of their numbers."""
    place = np.empty(len(evidence.told), dtype=np.int64)
    place[order_of_merit(evidence)] = np.arange(len(evidence.told))
    first = int(np.argmin(place[:start]))
    here = Descent(first, WIDEST / 2)
    for i in range(start, len(place)):
        at = here.at
        if at is None:
            here = Descent(i, WIDEST / 2)
        elif place[i] < place[at]:
            here = Descent(i, min(here.step * WIDER, WIDEST))
        else:
            # What is as good is gone to: on a plateau who stays sees no edge but those within one step.
            here = Descent(i if _are_equal(evidence, i, at) else at, here.step * NARROWER)
        if here.step < narrowest:
            here = Descent(None, WIDEST / 2)
    return here


def _are_equal(evidence: Evidence, i: int, j: int) -> bool:
    """Whether neither of two results is the better one."""
    losses, is_allowed = evidence.final_losses, evidence.is_allowed
    return bool(is_allowed[i] and is_allowed[j] and np.array_equal(losses[i], losses[j]))


class Walker:
    """Proposes the next step of a descent."""

    def __init__(self, evidence: Evidence, descent: Descent) -> None:
        self._encoding = evidence.encoding
        self._step = descent.step
        self._at = None if descent.at is None else evidence.U[descent.at]
        self._number = None if descent.at is None else evidence.told[descent.at].number

    def propose(self, pending: Floats, used: set[bytes], random: np.random.Generator) -> Proposal | None:
        """A step from where the descent stands, or the first point of the next one."""
        if self._at is None:
            rows = untried(self._encoding, used, 1, random)
            return Proposal(rows[0], "local_search: stuck, a new descent begins") if len(rows) else None
        base = np.repeat(self._at[None, :], ATTEMPTS, axis=0)
        rows = neighbours(self._encoding, base, np.full((ATTEMPTS, 1), self._step), random)
        rows = self._encoding.canonical(rows)
        for row, key, fits in zip(rows, self._encoding.keys(rows), self._encoding.is_feasible(rows), strict=True):
            if fits and key not in used:
                return Proposal(row, f"local_search: a step of {self._step:.2g} from trial {self._number}")
        return None
