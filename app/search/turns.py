"""A batch is one proposal after the other: each knows those before it, none repeats what was tried.

What all model-based engines share: the proposer may differ from one number to the next (that is how `auto` blends),
and where it has nothing new to say, an untried point takes its place.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from app.search.axes import Floats
from app.search.engine import Suggestion
from app.search.evidence import Evidence
from app.search.start import untried
from studyhall.trial import Prediction


@dataclass(frozen=True, slots=True)
class Proposal:
    """A canonical row, and why."""

    row: Floats
    why: str
    predicted: Prediction | None = None
    parent: int | None = None
    """The trial whose weights the new one is to start from."""


class Weight(Protocol):
    """What counts against points beside what is expected of them, as the time that they take."""

    def log_weight(self, X: Floats) -> Floats:
        """At features `(m, w)`, up to a constant, shape `(m,)`."""
        ...


class Proposer(Protocol):
    """Proposes the next point of a search, given all that is known."""

    def propose(self, pending: Floats, used: set[bytes], random: np.random.Generator) -> Proposal | None:
        """The next point, or None when the proposer knows no new one.

        Args:
            pending: rows whose results are still to come, earlier ones of the same batch among them, `(p, d)`.
            used: keys of all rows that were tried or are pending.
        """
        ...


def take_turns(
    evidence: Evidence, proposer: Callable[[int], Proposer], count: int, *, seed: int, number: int
) -> list[Suggestion]:
    """`count` suggestions, trial n by `proposer(n)`; fewer when the space is exhausted."""
    encoding = evidence.encoding
    used, pending = set(evidence.used), evidence.pending
    found: list[Suggestion] = []
    if encoding.dimension == 0:  # its only point was tried by the start
        return found
    for n in range(number, number + count):
        random = np.random.default_rng([seed, n])
        proposal = proposer(n).propose(pending, used, random) or _untried(evidence, used, random)
        if proposal is None:
            break
        used.add(encoding.keys(proposal.row[None, :])[0])
        pending = np.vstack([pending, proposal.row])
        parameters = encoding.parameters(proposal.row)
        found.append(Suggestion(parameters, "model", proposal.why, proposal.predicted, proposal.parent))
    return found


def _untried(evidence: Evidence, used: set[bytes], random: np.random.Generator) -> Proposal | None:
    rows = untried(evidence.encoding, used, 1, random)
    return Proposal(rows[0], "random: the model had nothing new to propose") if len(rows) else None
