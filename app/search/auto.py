"""The default: chooses and blends engines so that nobody has to know them, and says what it chose.

An even start, then scikit-optimize's Gaussian process while it is affordable, extra trees from there on.
"""

from app.search.encoding import encoding_of
from app.search.engine import History, Suggestion
from app.search.evidence import evidence_of
from app.search.options import AutoOptions, SkoptOptions
from app.search.skopt_gp import modelled
from app.search.start import initial, is_starting, start_trials
from studyhall.space import Space


def suggest(
    space: Space, history: History, count: int, *, options: AutoOptions, seed: int, number: int
) -> list[Suggestion]:
    """Sobol points first, then the model that fits the number of results."""
    evidence = evidence_of(encoding_of(space), history)
    if is_starting(evidence, len(history.observations), start_trials(evidence.encoding, options.start)):
        return initial(evidence, count, seed=seed, number=number, name="auto")
    return modelled(evidence, count, options=SkoptOptions(), seed=seed, number=number)
