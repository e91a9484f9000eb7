"""The `bayes` engine: an even start, then the point of highest expected improvement under what is believed."""

from typing import Final

import numpy as np

from app.search.axes import Floats
from app.search.bayes.acquisition import Acquisition, worth
from app.search.bayes.beliefs import MOST_RESULTS, VIEWS, Beliefs, View, beliefs_of
from app.search.bayes.climb import highest
from app.search.bayes.costs import Costs, costs_of
from app.search.encoding import encoding_of
from app.search.engine import History, Suggestion
from app.search.evidence import Evidence, evidence_of
from app.search.likeness import features
from app.search.options import BayesOptions, TpeOptions
from app.search.pareto import non_dominated
from app.search.start import initial, is_starting, start_trials
from app.search.tpe import Tpe
from app.search.turns import Proposal, take_turns
from studyhall.space import Space

INCUMBENTS: Final = 5


def suggest(
    space: Space, history: History, count: int, *, options: BayesOptions, seed: int, number: int
) -> list[Suggestion]:
    """Sobol points first, then one maximiser of the acquisition after the other, each believed before the next."""
    evidence = evidence_of(encoding_of(space), history)
    if is_starting(evidence, len(history.observations), start_trials(evidence, options.start, each=3)):
        return initial(evidence, count, seed=seed, number=number, name="bayes", lessons=False)
    costs = costs_of(evidence, options.costs)
    bayes, tpe = Bayes(evidence, costs), Tpe(evidence, TpeOptions(), costs)
    limit = number + affordable(evidence)
    return take_turns(evidence, lambda n: bayes.view(n) if n < limit else tpe, count, seed=seed, number=number)


def affordable(evidence: Evidence) -> int:
    """How many points of a batch the model can propose within about a second; `tpe` proposes the others."""
    n = min(len(evidence.told), MOST_RESULTS)
    return int(1.0 / ((0.02 + 1e-7 * n * n) * len(evidence.history.objectives)))


class Bayes:
    """What is believed of one history, in each of the views; suggestions take turns with them."""

    def __init__(self, evidence: Evidence, costs: Costs | None = None) -> None:
        self._evidence, self._costs = evidence, costs
        self._beliefs: dict[View, Beliefs] = {}

    def view(self, turn: int) -> "BayesView":
        """The proposer whose turn it is."""
        view = VIEWS[turn % len(VIEWS)]
        if view not in self._beliefs:
            self._beliefs[view] = beliefs_of(self._evidence, view)
        return BayesView(self._evidence, self._beliefs[view], self._costs)


class BayesView:
    """Proposes by one view's beliefs."""

    def __init__(self, evidence: Evidence, beliefs: Beliefs, costs: Costs | None = None) -> None:
        self._evidence = evidence
        self._beliefs = beliefs
        self._costs = costs

    def propose(self, pending: Floats, used: set[bytes], random: np.random.Generator) -> Proposal | None:
        """The untried point of highest acquisition, pending points being believed."""
        encoding = self._evidence.encoding
        beliefs = self._beliefs.believing(pending)
        row = highest(encoding, self._acquisition(beliefs, random), incumbents(beliefs), used, random)
        if row is None:
            return None
        several = len(self._evidence.history.objectives) > 1
        gain = "expected gain in hypervolume" if several else "expected improvement"
        for_its_time = "" if self._costs is None else " for its time"
        why = f"bayes: {gain}{for_its_time}, {len(self._evidence.told)} results, {len(pending)} pending"
        return Proposal(row, why, beliefs.prediction(self._evidence, row))

    def _acquisition(self, beliefs: Beliefs, random: np.random.Generator) -> Acquisition:
        value, costs, encoding = worth(beliefs, random), self._costs, self._evidence.encoding
        return value if costs is None else lambda U: value(U) - costs.log_weight(features(encoding, U))


def incumbents(beliefs: Beliefs) -> Floats:
    """Rows of the results believed best, best first; of several objectives, of the believed front."""
    believed = np.column_stack([belief.posterior.mean(beliefs.X) for belief in beliefs.objectives])
    believed = believed + 1e3 * (1.0 - beliefs.is_allowed)[:, None]
    if believed.shape[1] > 1:
        return np.asarray(beliefs.U[non_dominated(believed)])
    return np.asarray(beliefs.U[np.argsort(believed[:, 0], kind="stable")[:INCUMBENTS]])
