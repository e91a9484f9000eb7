"""Which engines there are: name, summary, options and where the code is.

Lazy on purpose: importing this file imports no engine, no numpy and no scipy, because the API process reads it to
validate a study's algorithm. Only `engine()` imports, and only the one that is asked for.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, cast

from pydantic import ValidationError

from app.search.engine import Engine, Suggestion
from app.search.options import (
    AutoOptions,
    BayesOptions,
    CmaEsOptions,
    EvolutionOptions,
    GridOptions,
    LocalSearchOptions,
    NeuralOptions,
    Options,
    RandomOptions,
    ReinforceOptions,
    SkoptOptions,
    SobolOptions,
    TpeOptions,
)
from studyhall.errors import FieldError, InvalidInput, field_errors
from studyhall.study import Algorithm
from studyhall.wire.studies import AlgorithmInfo


@dataclass(frozen=True, slots=True)
class Entry:
    """One engine on offer."""

    name: str
    summary: str
    options: type[Options]
    module: str
    """The module whose `suggest(space, history, count, *, options, seed, number)` is the engine."""
    instant: bool = False
    """Pure Python and under a millisecond: runs inside the API process, needs no engine process."""
    predicts: bool = False
    """Its suggestions say what is expected of them."""


ENTRIES: Final[dict[str, Entry]] = {
    entry.name: entry
    for entry in (
        Entry(
            "auto",
            "Chooses and blends engines by space, results and budget; the default.",
            AutoOptions,
            "app.search.auto",
            predicts=True,
        ),
        Entry(
            "bayes",
            "Bayesian optimisation: a Gaussian process that knows conditions, categories and failures.",
            BayesOptions,
            "app.search.bayes.engine",
            predicts=True,
        ),
        Entry(
            "random",
            "Uniform draws; trial n depends on the seed and n alone.",
            RandomOptions,
            "app.search.random",
            instant=True,
        ),
        Entry(
            "sobol",
            "A scrambled Sobol sequence: even coverage; trial n depends on the seed and n alone.",
            SobolOptions,
            "app.search.sobol",
        ),
        Entry("grid", "Every combination once, then the study is exhausted.", GridOptions, "app.search.grid"),
        Entry(
            "tpe",
            "A tree-structured Parzen estimator over whole assignments: cheap, robust to noise and failures.",
            TpeOptions,
            "app.search.tpe",
        ),
        Entry(
            "evolution",
            "Regularized evolution; NSGA-II with several objectives: large budgets and large spaces.",
            EvolutionOptions,
            "app.search.evolution",
        ),
        Entry(
            "local_search",
            "Walks downhill by exact steps and starts anew where it sticks.",
            LocalSearchOptions,
            "app.search.local_search",
        ),
        Entry(
            "cma_es",
            "Covariance matrix adaptation (cmaes), categories and integers included.",
            CmaEsOptions,
            "app.search.cma_es",
        ),
        Entry(
            "neural",
            "A deep ensemble predicts scores and searches by mutation: architectures, batches, large discrete spaces.",
            NeuralOptions,
            "app.search.neural",
        ),
        Entry(
            "reinforce",
            "A recurrent controller writes assignments and learns by policy gradient; slower to learn than the others.",
            ReinforceOptions,
            "app.search.reinforce",
        ),
        Entry(
            "skopt",
            "scikit-optimize: Gaussian process, random forest or extra trees.",
            SkoptOptions,
            "app.search.skopt_gp",
        ),
    )
}


def entry(name: str) -> Entry:
    """The engine of a name.

    Raises:
        InvalidInput: there is none; the message lists those there are.
    """
    if name not in ENTRIES:
        raise InvalidInput(
            errors=[FieldError("/algorithm/name", f"unknown algorithm '{name}'; known: {', '.join(sorted(ENTRIES))}")]
        )
    return ENTRIES[name]


def check(algorithm: Algorithm) -> Options:
    """The validated options of a study's algorithm.

    Raises:
        InvalidInput: unknown name, or options that do not fit, each with its JSON pointer.
    """
    options = entry(algorithm.name).options
    try:
        # By JSON: options are JSON, and strict models read a JSON array as a tuple, but not a Python list.
        return options.model_validate_json(_as_json(algorithm))
    except ValidationError as error:
        raise InvalidInput(errors=field_errors(error, options, prefix=("algorithm", "options"))) from error


def engine(algorithm: Algorithm) -> Engine:
    """The engine of a study, with its options bound; imports the engine's module.

    Raises:
        InvalidInput: as `check`.
    """
    options = check(algorithm)
    module = importlib.import_module(entry(algorithm.name).module)
    suggest = cast("Callable[..., list[Suggestion]]", module.suggest)  # a module's attributes have no types
    return partial(suggest, options=options)


def algorithms() -> tuple[AlgorithmInfo, ...]:
    """What `GET /v1/algorithms` tells: each engine and the JSON schema of its options."""
    return tuple(
        AlgorithmInfo(name=e.name, summary=e.summary, options=e.options.model_json_schema(), predicts=e.predicts)
        for e in ENTRIES.values()
    )


def _as_json(algorithm: Algorithm) -> str:
    from pydantic_core import to_json

    return to_json(algorithm.options).decode()
