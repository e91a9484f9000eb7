"""Parameters changed a little: how a population explores from where its best are. Standard library only.

Source: Jaderberg et al. 2017 (population based training), section 3: each parameter is drawn anew now and then, and
otherwise multiplied by a little less or a little more than 1.
"""

import random
from collections.abc import Collection
from typing import Final

from app.search.random import draw
from studyhall.parameters import FloatParameter, IntParameter, OrdinalParameter, Parameter
from studyhall.space import Space
from studyhall.words import Parameters, ParameterValue

ANEW: Final = 0.25
"""How often a parameter is drawn anew."""
TRIES: Final = 50


def perturbable(space: Space, names: Collection[str] | None) -> tuple[str, ...]:
    """Which parameters a population changes: those that are named, else all floats.

    Floats only, because what is not one (layers, widths, kinds) tends to decide what a checkpoint fits.
    """
    if names is not None:
        return tuple(parameter.name for parameter in space.scalars if parameter.name in names)
    return tuple(parameter.name for parameter in space.scalars if isinstance(parameter, FloatParameter))


def perturbed(
    space: Space, parameters: Parameters, names: Collection[str], *, factor: float, source: random.Random
) -> Parameters:
    """An assignment near another one; that one itself where nothing else satisfies the space's constraints."""
    for _ in range(TRIES):
        anew = draw(space, source.getrandbits(32), 0)
        changed = dict(parameters)
        for parameter in space.scalars:
            if parameter.name in names and parameter.name in parameters:
                changed[parameter.name] = _near(parameter, parameters[parameter.name], anew, factor, source)
        # A condition may have come true, or untrue: what is active now and was not is taken from the draw.
        found = space.resolve({**_known(space), **anew, **changed})
        if found != parameters and space.contains(found):
            return found
    return dict(parameters)


def _near(
    parameter: Parameter, value: ParameterValue, anew: Parameters, factor: float, source: random.Random
) -> ParameterValue:
    is_new, goes_up = source.random() < ANEW, source.random() < 0.5
    if is_new and parameter.name in anew:
        return anew[parameter.name]
    match parameter:
        case FloatParameter() | IntParameter() if isinstance(value, int | float):
            moved = value * (1.0 + factor) if goes_up else value / (1.0 + factor)
            if isinstance(parameter, IntParameter) and round(moved) == value:
                moved = value + 1 if goes_up else value - 1
            kept = min(max(moved, float(parameter.low)), float(parameter.high))
            return parameter.from_unit(parameter.to_unit(round(kept) if isinstance(parameter, IntParameter) else kept))
        case OrdinalParameter() if not isinstance(value, list):
            at = parameter.choice_index(value) + (1 if goes_up else -1)
            return parameter.choices[min(max(at, 0), len(parameter.choices) - 1)]
    return value


def _known(space: Space) -> Parameters:
    return {parameter.name: parameter.middle() for parameter in space.scalars}
