"""What the search believes: predictions at points that somebody asks about, and why a trial was suggested."""

from typing import Annotated

from pydantic import Field

from studyhall.trial import Prediction, Source
from studyhall.words import ParameterName, ParameterValue, Word

MOST_POINTS = 1000


class PredictPoints(Word):
    """Points of a study's space, each complete."""

    points: Annotated[tuple[dict[ParameterName, ParameterValue], ...], Field(min_length=1, max_length=MOST_POINTS)]


class Predictions(Word):
    """What the model expects at points, in their order: mean and deviation of each objective, in its own units."""

    predictions: tuple[Prediction, ...]
    results: int
    """How many results the model has learnt from."""
    sequence: int
    """The study's sequence number that it holds for."""


class Odds(Word):
    """What a suggestion promised for one objective, and what came of it."""

    metric: str
    mean: float
    """Predicted."""
    deviation: float
    best: float | None = None
    """The best value known when it was suggested; None when there was none."""
    chance: float | None = None
    """Of being better than the best."""
    improvement: float | None = None
    """Expected, in the units of the objective: the sum of the next two."""
    by_mean: float | None = None
    """The part that comes from the predicted mean: what was known to be good is used."""
    by_doubt: float | None = None
    """The part that comes from the deviation: what is not known is explored."""
    outcome: float | None = None
    surprise: float | None = None
    """How many deviations the outcome lies above (positive) or below the prediction."""


class Difference(Word):
    """What one parameter of a trial changes: expected with its value, less expected with the best trial's value."""

    parameter: str
    value: ParameterValue
    value_of_best: ParameterValue
    mean: dict[str, float]


class Explanation(Word):
    """Why a trial was suggested."""

    trial: str
    number: int
    algorithm: str
    source: Source
    why: str | None = None
    """The engine's own words."""
    results: int
    """How many results there were when it was suggested."""
    odds: tuple[Odds, ...] = ()
    """By the prediction made then; none where the engine predicts nothing."""
    now: Prediction | None = None
    """What the model expects today of these parameters, without having seen this trial; None with too few results."""
    compared_with: int | None = None
    """The number of the best other trial, which `differences` compare this one with."""
    differences: tuple[Difference, ...] = ()
    """The parameters in which they differ, those that matter most first."""
