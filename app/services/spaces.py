"""A search space, tried out."""

from collections.abc import Sequence

from app.search.random import draw, feasible_share
from studyhall.architecture.definition import Architecture
from studyhall.architecture.drawing import drawing
from studyhall.errors import SpaceInfeasible
from studyhall.wire.studies import CheckedArchitecture, CheckedSpace, CheckSpace, SampledNetwork
from studyhall.words import Parameters

_SEED = 0


def check_space(request: CheckSpace) -> CheckedSpace:
    """Size, share of feasible assignments, and samples; draws some thousand points, so keep it off the event loop.

    Raises:
        SpaceInfeasible: no assignment was found that satisfies the constraints.
    """
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


def _check_architecture(architecture: Architecture, samples: Sequence[Parameters]) -> CheckedArchitecture:
    networks = [architecture.graph(sample) for sample in samples]
    return CheckedArchitecture(
        parameters=architecture.parameters,
        networks=tuple(SampledNetwork(hash=n.hash, counts=n.counts, drawing=drawing(n)) for n in networks),
    )
