"""A search space, tried out."""

from collections.abc import Sequence

from app.search.random import draw, feasible_share
from studyhall.architecture.definition import Architecture
from studyhall.architecture.drawing import drawing
from studyhall.errors import FieldError, InvalidInput, SpaceInfeasible
from studyhall.expression_tree import Scalar
from studyhall.parameters import FloatParameter, IntParameter, Parameter
from studyhall.space import Space
from studyhall.wire.studies import CheckedArchitecture, CheckedSpace, CheckSpace, SampledNetwork
from studyhall.words import Parameters

_SEED = 0


def check_space(request: CheckSpace) -> CheckedSpace:
    """Size, share of feasible assignments, and samples; draws some thousand points, so keep it off the event loop.

    Raises:
        InvalidInput: as `check_conditions`.
        SpaceInfeasible: no assignment was found that satisfies the constraints.
    """
    check_conditions(request.space)
    share = feasible_share(request.space, _SEED)
    if share == 0.0:
        raise SpaceInfeasible
    samples = tuple(draw(request.space, _SEED, number) for number in range(request.samples))
    architecture = request.space.architecture
    return CheckedSpace(
        size=request.space.size,
        feasible_share=share,
        samples=samples,
        architecture=None if architecture is None else _check_architecture(architecture, samples),
    )


def check_conditions(space: Space) -> None:
    """Refuses a `when` that compares a number with what it never is.

    `Space` does so for choices; of numbers it must read what has been stored unchecked.

    Raises:
        InvalidInput: naming each.
    """
    faults = [
        FieldError(f"/space/parameters/{index}/when", f"{value!r} is not a value of parameter '{name}'")
        for index, parameter in enumerate(space.parameters)
        if parameter.when is not None
        for name, value in space.conditions[parameter.name].literals_compared()
        if _never_is(value, space.by_name[name])
    ]
    if faults:
        raise InvalidInput(errors=faults)


def _never_is(value: Scalar, parameter: Parameter) -> bool:
    whole = int(value) if isinstance(value, float) and value.is_integer() else value  # an int is compared with 3.0, too
    return isinstance(parameter, (FloatParameter, IntParameter)) and not parameter.contains(whole)


def _check_architecture(architecture: Architecture, samples: Sequence[Parameters]) -> CheckedArchitecture:
    networks = [architecture.graph(sample) for sample in samples]
    return CheckedArchitecture(
        parameters=architecture.parameters,
        networks=tuple(SampledNetwork(hash=n.hash, counts=n.counts, drawing=drawing(n)) for n in networks),
    )
