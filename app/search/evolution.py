"""The `evolution` engine: regularized evolution for one objective, NSGA-II for several.

No model, so nothing to fit and nothing to misjudge: for large budgets, many parameters and architecture spaces. With
one objective the population is the latest results and parents win a tournament; ageing keeps one lucky result from
ruling for ever (Real et al. 2019, algorithm 1). With several, the population is the best fronts and crowds give way
(Deb et al. 2002, NSGA-II, section III). Both read the population off the history: there is no generation to lose.
With the option `inherit` a child is told its parent's number: workers start it from the parent's weights.
"""

from typing import Final

import numpy as np

from app.search.axes import Floats, Indices
from app.search.encoding import encoding_of
from app.search.engine import History, Suggestion
from app.search.evidence import Evidence, evidence_of
from app.search.moves import crossed, neighbours
from app.search.options import EvolutionOptions
from app.search.pareto import order_of_merit
from app.search.start import initial
from app.search.turns import Proposal, take_turns
from studyhall.space import Space

STEPS: Final = (0.05, 0.15, 0.3)
ATTEMPTS: Final = 16


def suggest(
    space: Space, history: History, count: int, *, options: EvolutionOptions, seed: int, number: int
) -> list[Suggestion]:
    """An even first population, then children of good parents."""
    evidence = evidence_of(encoding_of(space), history)
    if evidence.started < options.start or len(evidence.told) < 2:
        return initial(evidence, count, seed=seed, number=number, name="evolution")
    evolution = Evolution(evidence, options)
    return take_turns(evidence, lambda _: evolution, count, seed=seed, number=number)


class Evolution:
    """Proposes children of the population that the history ends with."""

    def __init__(self, evidence: Evidence, options: EvolutionOptions) -> None:
        self._encoding = evidence.encoding
        merit = order_of_merit(evidence)
        if len(evidence.history.objectives) == 1:
            latest = len(merit) - options.population
            chosen = merit[merit >= latest]  # best first
        else:
            chosen = merit[: options.population]
        self._population = evidence.U[chosen]
        self._numbers = [evidence.told[i].number for i in chosen] if options.inherit else None
        self._tournament = min(options.tournament, len(self._population))
        self._crossover = options.crossover
        self._why = f"evolution: a child of the best of {self._tournament} among {len(self._population)}"

    def propose(self, pending: Floats, used: set[bytes], random: np.random.Generator) -> Proposal | None:
        """A new child: a mutated winner of a tournament, sometimes crossed with another one first."""
        winners = self._winners(random)
        parents = self._population[winners]
        others = self._population[self._winners(random)]
        crosses = random.random((ATTEMPTS, 1)) < self._crossover
        base = self._encoding.canonical(np.where(crosses, crossed(parents, others, random), parents))
        children = self._encoding.canonical(
            neighbours(self._encoding, base, random.choice(np.array(STEPS), size=(ATTEMPTS, 1)), random)
        )
        feasible = self._encoding.is_feasible(children)
        keys = self._encoding.keys(children)
        for child, key, fits, winner in zip(children, keys, feasible, winners, strict=True):
            if fits and key not in used:
                parent = None if self._numbers is None else self._numbers[winner]
                return Proposal(child, self._why, parent=parent)
        return None

    def _winners(self, random: np.random.Generator) -> Indices:
        """The best of a random handful each time, nobody in it twice, shape `(ATTEMPTS,)`."""
        handfuls = random.random((ATTEMPTS, len(self._population))).argsort(axis=1)[:, : self._tournament]
        return np.asarray(handfuls.min(axis=1))  # the population is sorted: the lowest place is the best
