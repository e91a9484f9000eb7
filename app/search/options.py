"""The options of every engine, as models: validated at the door, shown as JSON schemas by `GET /v1/algorithms`.

Here and not in the engines' modules, because the API process reads the options but must never import an engine.
"""

from typing import Annotated, Literal

from pydantic import Field

from studyhall.words import Word

Costs = Literal["auto", "always", "never"]
StartTrials = Annotated[int, Field(ge=1, le=10_000)]


class Options(Word):
    """What a user may set about an engine; the defaults are meant to be good."""


class RandomOptions(Options):
    """Random search has no options."""


class SobolOptions(Options):
    """A scrambled Sobol sequence has no options."""


class GridOptions(Options):
    """How a continuum becomes a grid."""

    resolution: Annotated[int, Field(ge=2, le=1000)] = 10
    """Values per float parameter, and at most per int parameter; categorical and ordinal ones are walked in full."""
    shuffle: bool = True
    """Visit the grid in a random order, so that a study stopped early has seen all of it coarsely."""


class SkoptOptions(Options):
    """scikit-optimize: which surrogate, and how it starts."""

    surrogate: Literal["gp", "rf", "et"] = "gp"
    """Gaussian process (until 150 results, extra trees from there on), random forest, or extra trees."""
    acquisition: Literal["gp_hedge", "EI", "LCB", "PI"] = "gp_hedge"
    """Forests know EI, LCB and PI; for them `gp_hedge` means EI."""
    start: StartTrials | None = None
    """Sobol points before the first model; absent: one more than there are parameters, from 5 to 10."""


class BayesOptions(Options):
    """Bayesian optimisation with our own Gaussian process."""

    start: StartTrials | None = None
    """Sobol points before the first model; absent: one more than a third of the parameters, from 5 to 10."""
    costs: Costs = "auto"
    """Whether what is expected of a point is weighed against its time; auto: where the budget limits time and the times
    of trials differ widely."""


class TpeOptions(Options):
    """A tree-structured Parzen estimator."""

    start: StartTrials | None = None
    """Sobol points before the first model; absent: one more than there are parameters, from 5 to 10."""
    good_share: Annotated[float, Field(gt=0, le=0.5)] = 0.1
    """The share of results that count as good, at most 25 of them."""
    candidates: Annotated[int, Field(ge=1, le=10_000)] = 24
    """Points drawn for each suggestion; more of them search closer to the best."""


class EvolutionOptions(Options):
    """Regularized evolution; NSGA-II with several objectives."""

    start: StartTrials = 10
    """Sobol points before the first child."""
    population: Annotated[int, Field(ge=2, le=1000)] = 30
    """Parents: the latest results, or with several objectives the best fronts."""
    tournament: Annotated[int, Field(ge=1, le=100)] = 5
    """How many compete to be a parent; more press harder towards the best."""
    crossover: Annotated[float, Field(ge=0, le=1)] = 0.3
    """How often a child has two parents."""
    inherit: bool = False
    """A child starts from the weights of its first parent, as far as their shapes agree, instead of fresh ones."""


class LocalSearchOptions(Options):
    """Downhill by exact steps."""

    start: StartTrials | None = None
    """Sobol points before the first descent; absent: one more than there are parameters, from 5 to 10."""
    narrowest: Annotated[float, Field(gt=0, lt=0.3)] = 0.005
    """The step, on the unit interval, below which a descent is over and the next one begins."""


class CmaEsOptions(Options):
    """Covariance matrix adaptation."""

    start: StartTrials | None = None
    """Sobol points before the first generation; absent: one more than there are parameters, from 5 to 10."""
    sigma: Annotated[float, Field(gt=0, le=1)] = 0.25
    """The first deviation of ordered parameters, on the unit interval."""
    population: Annotated[int, Field(ge=4, le=1000)] | None = None
    """Trials in a generation; absent: 4 + 3 log(parameters)."""


class NeuralOptions(Options):
    """An ensemble of networks that predicts scores."""

    start: StartTrials = 10
    """Sobol points before the first fit."""
    pool: Annotated[int, Field(ge=10, le=2000)] = 100
    """Random candidates beside the mutants of the best."""
    random_share: Annotated[float, Field(ge=0, le=1)] = 0.1
    """How often a random point is proposed instead of the model's."""


class ReinforceOptions(Options):
    """A recurrent controller trained by policy gradient."""

    start: StartTrials = 10
    """Sobol points before the controller writes its first assignment."""


class AutoOptions(Options):
    """`auto` chooses by itself."""

    start: StartTrials | None = None
    """Sobol points before the first model; absent: one more than a third of the parameters, from 5 to 10."""
    costs: Costs = "auto"
    """Whether what is expected of a point is weighed against its time; auto: where the budget limits time and the times
    of trials differ widely. Not for networks."""
