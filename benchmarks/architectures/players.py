"""Who plays: our engines, and Optuna's TPE. Both are asked for batches, and told what they asked for."""

import time
import warnings

from app.search import registry
from app.search.engine import History, Observation
from benchmarks.architectures.tables import Table
from studyhall.study import Algorithm, Objective
from studyhall.trial import TrialState

OPTUNA = "optuna-tpe"
OBJECTIVE = (Objective(metric="accuracy", goal="maximize"),)


def play(table: Table, player: str, seed: int, queries: int, batch: int) -> tuple[list[float], float]:
    """The accuracies in the order of the search, and the CPU seconds that asking and telling took."""
    began = time.process_time()
    found = (_play_optuna if player == OPTUNA else _play_ours)(table, player, seed, queries, batch)
    return found, time.process_time() - began


def _play_ours(table: Table, player: str, seed: int, queries: int, batch: int) -> list[float]:
    engine = registry.engine(Algorithm(name=player, seed=seed))
    seen: list[Observation] = []
    while len(seen) < queries:
        history = History(OBJECTIVE, tuple(seen), max_trials=queries)
        count = min(batch, queries - len(seen))
        for suggestion in engine(table.space, history, count, seed=seed, number=len(seen)):
            value = table.look_up(suggestion.parameters)
            seen.append(Observation(len(seen), TrialState.COMPLETED, suggestion.parameters, (value,)))
    return [o.values[0] for o in seen if o.values]


def _play_optuna(table: Table, _player: str, seed: int, queries: int, batch: int) -> list[float]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    # With a batch, its own remedy against asking for one point many times.
    sampler = optuna.samplers.TPESampler(multivariate=True, constant_liar=batch > 1, seed=seed)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    choices = {p.name: p.choices for p in table.space.scalars}  # type: ignore[union-attr] # all are categorical
    space = {name: optuna.distributions.CategoricalDistribution(each) for name, each in choices.items()}
    values: list[float] = []
    while len(values) < queries:
        asked = [study.ask(space) for _ in range(min(batch, queries - len(values)))]
        for trial in asked:
            values.append(table.look_up(trial.params))
            study.tell(trial, values[-1])
    return values
