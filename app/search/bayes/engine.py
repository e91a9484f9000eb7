"""The `bayes` engine: an even start, then the point of highest expected improvement under what is believed."""

import numpy as np

from app.search.axes import Floats
from app.search.bayes.acquisition import worth
from app.search.bayes.beliefs import Beliefs, beliefs_of
from app.search.bayes.climb import highest
from app.search.encoding import encoding_of
from app.search.engine import History, Suggestion
from app.search.evidence import Evidence, evidence_of
from app.search.options import BayesOptions
from app.search.start import initial, is_starting, start_trials, untried
from studyhall.space import Space

INCUMBENTS = 5


def suggest(
    space: Space, history: History, count: int, *, options: BayesOptions, seed: int, number: int
) -> list[Suggestion]:
    """Sobol points first, then one maximiser of the acquisition after the other, each believed before the next."""
    evidence = evidence_of(encoding_of(space), history)
    if is_starting(evidence, len(history.observations), start_trials(evidence.encoding, options.start)):
        return initial(evidence, count, seed=seed, number=number, name="bayes")
    return modelled(evidence, count, seed=seed, number=number)


def modelled(evidence: Evidence, count: int, *, seed: int, number: int) -> list[Suggestion]:
    """The model's proposals, `count` of them unless the space is exhausted; at least one result is needed."""
    encoding = evidence.encoding
    if encoding.dimension == 0:
        return []
    used = set(evidence.used)
    beliefs = beliefs_of(evidence).believing(evidence.pending)
    why = f"bayes: expected improvement, {len(evidence.told)} results, {len(evidence.pending)} pending"
    found: list[Suggestion] = []
    for n in range(number, number + count):
        random = np.random.default_rng([seed, n])
        row = highest(encoding, worth(beliefs, random), incumbents(beliefs), used, random)
        if row is None:
            rest = untried(encoding, used, 1, random)
            if len(rest) == 0:
                break
            row = rest[0]
        used.add(encoding.keys(row[None, :])[0])
        found.append(Suggestion(encoding.parameters(row), "model", why, beliefs.prediction(evidence, row)))
        if n + 1 < number + count:
            beliefs = beliefs.believing(row[None, :])
    return found


def incumbents(beliefs: Beliefs) -> Floats:
    """Rows of the results believed best, best first; of several objectives, the best of each and of their sum."""
    believed = np.column_stack([belief.posterior.mean(beliefs.X) for belief in beliefs.objectives])
    believed = believed + 1e3 * (1.0 - beliefs.is_allowed)[:, None]
    orders = [np.argsort(loss, kind="stable")[:INCUMBENTS] for loss in (believed.sum(axis=1), *believed.T)]
    chosen = np.concatenate(orders if believed.shape[1] > 1 else orders[:1])
    return np.asarray(beliefs.U[chosen])
