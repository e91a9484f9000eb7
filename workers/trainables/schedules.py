"""Learning-rate schedules: pure functions from the progress of a training to a factor on the learning rate."""

import math
from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field

from workers.trainables.trainable import Declared

Factor = Callable[[int], float]


class ScheduleParameters(Declared):
    """How the learning rate moves during a training."""

    schedule: Literal["none", "cosine", "onecycle", "linear", "step"] = "cosine"
    """none: constant; cosine, linear: down to zero; onecycle: up for 30 %, then down; step: divided by 10 twice."""
    warmup: Annotated[float, Field(ge=0, le=0.9)] = 0.0
    """The share of the training over which the rate first rises from zero; not used by onecycle, which has its own."""


def schedule_factor(chosen: ScheduleParameters, steps: int) -> Factor:
    """The factor on the learning rate at each optimizer step, from 0 to `steps` - 1.

    Source of onecycle: Smith and Topin 2018, with cosine arms from 1/25 to 1 to 1/250,000 as in torch's OneCycleLR.
    """
    if chosen.schedule == "onecycle":
        return lambda step: _one_cycle(step, steps)
    shape = _SHAPES[chosen.schedule]
    rising = round(chosen.warmup * steps)

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / rising
        return shape((step - rising) / max(1, steps - rising))

    return factor


def _cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2


def _one_cycle(step: int, steps: int) -> float:
    top, end = max(0.0, 0.3 * steps - 1), steps - 1
    if step < top:
        return _cosine(1 / 25, 1.0, step / top)
    return _cosine(1.0, 1 / 250_000, (step - top) / max(1.0, end - top))


_SHAPES: dict[str, Callable[[float], float]] = {
    "none": lambda _: 1.0,
    "cosine": lambda progress: _cosine(1.0, 0.0, progress),
    "linear": lambda progress: 1.0 - progress,
    "step": lambda progress: 0.1 ** math.floor(progress * 3),
}
