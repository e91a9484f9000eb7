"""Ends of trials that were stopped early, foretold: how a model learns from many short trainings and a few long ones.

Each stopped trial is looked at where it stopped, beside all that came as far; those that ran to their end tell where
that leads (`worth.Line`). So one model, of ends, learns from every fidelity. Why no step as one more dimension of the
model: a Gaussian process of whole curves costs n times as many rows, and its kernel over steps must be guessed.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import numpy as np

from app.search.axes import Floats
from app.search.engine import Observation
from app.search.worth import Line
from studyhall.trial import TrialState

LEAST: Final = 2
"""So few trials that ran to their end foretell something."""
MOST: Final = 200
"""The latest so many of them do."""


def foretold_ends(told: Sequence[Observation], losses: Floats, *, sign: float) -> Floats:
    """The end expected of each trial that was stopped early, `(n,)`; NaN of others, and where nothing is known.

    None is expected to be better than the best that ran to its end: a model shall not chase what nobody has seen.

    Args:
        told: trials with one value, by number.
        losses: their last losses, `(n,)`.
        sign: what turns a reported value into a loss.
    """
    found = np.full(len(told), np.nan)
    whole = [i for i, o in enumerate(told) if o.state is TrialState.COMPLETED and o.curve]
    if len(whole) < LEAST:
        return found
    best = min(losses[i] for i in whole)
    for step, stopped in _by_step(told).items():
        pairs = [(sign * value, float(losses[i])) for i in whole[-MOST:] if (value := _at(told[i], step)) is not None]
        if len(pairs) < LEAST:
            continue
        line = Line(pairs, [*(before for before, _ in pairs), *(float(losses[i]) for i in stopped)])
        for i in stopped:
            found[i] = max(line.end(float(losses[i])), best)
    return found


def _by_step(told: Sequence[Observation]) -> dict[int, list[int]]:
    """Trials that were stopped early, by the step they had come to."""
    found: dict[int, list[int]] = defaultdict(list)
    for i, observation in enumerate(told):
        if observation.state is TrialState.PRUNED and observation.curve:
            found[observation.curve[-1][0]].append(i)
    return found


def _at(observation: Observation, step: int) -> float | None:
    """The last value of a curve up to a step; None before its first."""
    at = bisect_right(observation.curve, step, key=lambda point: point[0])
    return observation.curve[at - 1][1] if at else None
