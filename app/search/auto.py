"""The default: blends engines on one history so that nobody has to know them, and says which one spoke.

Networks are searched by `neural`: decisions without an order, and many that wake others, are what its ensemble is good
at, and it was ahead on every table of networks. Everywhere else a blend: a Gaussian process is precise where the
objective is smooth, a Parzen estimator is robust where it is noisy, rugged or fails. On one shared
history the blend of both was ahead of either alone, and of picking one by the space.
"""

from typing import Final

from app.search import neural
from app.search.bayes.costs import costs_of
from app.search.bayes.engine import Bayes, affordable
from app.search.encoding import encoding_of
from app.search.engine import History, Suggestion
from app.search.evidence import evidence_of
from app.search.options import AutoOptions, NeuralOptions, TpeOptions
from app.search.start import initial, is_starting, start_trials
from app.search.tpe import Tpe
from app.search.turns import Proposer, take_turns
from studyhall.space import Space

TPE_SHARE: Final = 0.1
"""The estimator's turns are for what the process takes no interest in, as another branch or another valley. A fifth
cost more than it found once the process knew sums; none at all found no more."""
MANY: Final = 500
TPE_SHARE_OF_MANY: Final = 0.7
"""With many results densities are well known, and each turn of the process costs more and more."""


def suggest(
    space: Space, history: History, count: int, *, options: AutoOptions, seed: int, number: int
) -> list[Suggestion]:
    """Sobol points first, then the engines take turns."""
    if space.architecture is not None:
        start = {} if options.start is None else {"start": options.start}
        return neural.suggest(space, history, count, options=NeuralOptions(**start), seed=seed, number=number)
    evidence = evidence_of(encoding_of(space), history)
    if is_starting(evidence, len(history.observations), start_trials(evidence, options.start, each=3)):
        return initial(evidence, count, seed=seed, number=number, name="auto", lessons=False)
    costs = costs_of(evidence, options.costs)
    bayes, tpe = Bayes(evidence, costs), Tpe(evidence, TpeOptions(), costs)
    limit = number + affordable(evidence)
    share = TPE_SHARE if len(evidence.told) <= MANY else TPE_SHARE_OF_MANY

    def proposer(n: int) -> Proposer:
        # floor(n * share) steps up on the estimator's turns: they are spread evenly, whatever n a batch begins with.
        turns = int((n + 1) * share)
        return tpe if turns > int(n * share) or n >= limit else bayes.view(n - turns)

    return take_turns(evidence, proposer, count, seed=seed, number=number)
