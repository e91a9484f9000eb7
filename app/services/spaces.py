"""A search space, tried out."""

from app.search.random import draw, feasible_share
from studyhall.errors import SpaceInfeasible
from studyhall.wire import CheckedSpace, CheckSpace

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
    return CheckedSpace(size=request.space.size, feasible_share=share, samples=samples)
