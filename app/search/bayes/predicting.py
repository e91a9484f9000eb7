"""What the model expects at given points: the posterior of the `bayes` engine, over all its views."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from app.search.bayes.beliefs import VIEWS, beliefs_of
from app.search.encoding import encoding_of
from app.search.engine import History
from app.search.evidence import evidence_of
from studyhall.space import Space
from studyhall.trial import Prediction
from studyhall.words import Parameters

FEWEST_RESULTS: Final = 3


class TooFewResults(ValueError):
    """The history has less to learn from than `FEWEST_RESULTS`."""


def predict(space: Space, history: History, points: Sequence[Parameters]) -> list[Prediction]:
    """Mean and deviation of each objective at points of the space, pending trials not counted.

    The views differ in what they take the results for; their mixture is what is believed, so its deviation is wide
    where they disagree.

    Raises:
        TooFewResults: to learn from.
    """
    encoding = encoding_of(space)
    evidence = evidence_of(encoding, history)
    if len(evidence.told) < FEWEST_RESULTS or encoding.dimension == 0:
        raise TooFewResults(f"{len(evidence.told)} results at more than one point; {FEWEST_RESULTS} are needed")
    rows = encoding.rows(points)
    views = [beliefs_of(evidence, view).predictions(evidence, rows) for view in VIEWS]
    return [_mixed(found) for found in zip(*views, strict=True)]


def _mixed(views: Sequence[Prediction]) -> Prediction:
    means, deviations = {}, {}
    for metric in views[0].mean:
        mean = np.array([view.mean[metric] for view in views])
        deviation = np.array([view.deviation[metric] for view in views])
        size = max(1.0, float(np.abs(mean).max()), float(deviation.max()))  # squares of 1e308 overflow
        means[metric] = float((mean / size).mean() * size)
        spread = float(np.sqrt(((deviation / size) ** 2).mean() + (mean / size).var()))
        deviations[metric] = min(spread, 1e308 / size) * size
    return Prediction(mean=means, deviation=deviations)
