"""Every engine on architectures: conditional scalars in, networks within the constraints out, none of them twice."""

import pytest

from app.search.engine import History, Observation
from app.search.registry import ENTRIES, engine
from studyhall.study import Algorithm, Objective
from studyhall.trial import TrialState
from tests.architecture.spaces import CELL, IMAGES, space

CONSTRAINED = space(IMAGES, "params <= 50000", "flops <= 2e6", "depth >= 2")
# Not `auto`: it is `neural` here, as a test of its own says; and not `skopt`, whose adapter checks every answer.
LOOKING_AT_NOTHING = ("random", "sobol", "grid")


def searched(found, algorithm: str, trials: int) -> list[Observation]:
    """A short search for a network of about 20,000 parameters."""
    suggest = engine(Algorithm(name=algorithm, seed=3))
    seen: list[Observation] = []
    while len(seen) < trials:
        history = History((Objective(metric="score", goal="maximize"),), tuple(seen), max_trials=trials)
        for suggestion in suggest(found, history, 3, seed=3, number=len(seen)):
            score = -abs(found.architecture.counts(suggestion.parameters).params - 20000) / 1000
            number = len(seen)
            seen.append(Observation(number, TrialState.COMPLETED, suggestion.parameters, (score,)))
    return seen


@pytest.mark.parametrize("algorithm", [name for name in ENTRIES if name not in ("grid", "skopt", "auto")])
def test_an_engine_suggests_networks_within_the_constraints_only(algorithm):
    for observation in searched(CONSTRAINED, algorithm, 18):
        assert CONSTRAINED.faults(observation.parameters) == []


@pytest.mark.parametrize("algorithm", [name for name in ENTRIES if name not in (*LOOKING_AT_NOTHING, "skopt", "auto")])
def test_an_engine_that_looks_at_results_suggests_no_network_twice(algorithm):
    found = space(CELL)

    seen = searched(found, algorithm, 30)

    assert len({found.identity(observation.parameters) for observation in seen}) == len(seen)


def test_a_small_space_is_exhausted_when_every_network_is_known():
    two = space(CELL | {"body": [{"op": "relu", "optional": True}, {"op": "dropout", "rate": {"choice": [0.0]}}]})
    suggest = engine(Algorithm(name="evolution", seed=1))
    seen: list[Observation] = []
    for _ in range(3):
        history = History((Objective(metric="score"),), tuple(seen))
        for suggestion in suggest(two, history, 1, seed=1, number=len(seen)):
            seen.append(Observation(len(seen), TrialState.COMPLETED, suggestion.parameters, (float(len(seen)),)))

    assert len(seen) == 2


def test_neural_comes_closer_to_the_best_networks_than_chance():
    def late(algorithm):
        return sum(o.values[0] for o in searched(CONSTRAINED, algorithm, 45)[30:] if o.values)

    assert late("neural") > 0.6 * late("random")


def test_auto_searches_networks_by_neural():
    whys = {s.why.split(":")[0] for s in _suggestions("auto")}

    assert whys == {"neural"}


def _suggestions(algorithm):
    seen = searched(CONSTRAINED, "random", 12)
    history = History((Objective(metric="score", goal="maximize"),), tuple(seen))
    return engine(Algorithm(name=algorithm, seed=1))(CONSTRAINED, history, 2, seed=1, number=12)
