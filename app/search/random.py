"""Random search: trial n depends on (seed, n) and on nothing else. Standard library only.

Light enough (well under a millisecond) to run inside the API process; it is also what a claim gets when an engine is
late, and what every model-based engine falls back to. It may repeat a point: avoiding that would make trial n depend
on other trials.
"""

import random
from typing import Final

from app.search.engine import History, Suggestion
from app.search.options import RandomOptions
from studyhall.errors import FieldError, SpaceInfeasible
from studyhall.space import Space
from studyhall.words import Parameters

MOST_TRIES: Final = 20_000
"""At the smallest share of feasible points that is accepted, all of these miss once in 10^8 draws."""
LEAST_SHARE: Final = 0.001


def suggest(
    space: Space,
    history: History,  # noqa: ARG001 - the protocol: random search looks at nothing
    count: int,
    *,
    options: RandomOptions,  # noqa: ARG001 - the protocol: it has none
    seed: int,
    number: int,
) -> list[Suggestion]:
    """Independent draws, uniform on each parameter's scale."""
    return [
        Suggestion(draw(space, seed, n), source="model", why=f"random: draw {n} of seed {seed}")
        for n in range(number, number + count)
    ]


def draw(space: Space, seed: int, number: int) -> Parameters:
    """The assignment of trial `number`: uniform on each parameter's scale among those that satisfy the constraints.

    Raises:
        SpaceInfeasible: none of many draws satisfies the constraints.
    """
    source = generator(seed, number)
    for _ in range(MOST_TRIES):
        parameters = _any(space, source)
        if space.satisfies(parameters):
            return parameters
    raise SpaceInfeasible(
        f"none of {MOST_TRIES} random assignments satisfies the constraints; loosen them or narrow the bounds"
    )


def generator(seed: int, number: int) -> random.Random:
    """A generator of its own for each (seed, number)."""
    # Seeding with text goes through SHA-512: neighbouring numbers give unrelated streams, in every Python version.
    return random.Random(f"studyhall/{seed}/{number}")


def feasible_share(space: Space, seed: int, *, enough: int = 50, draws: int = 4000) -> float:
    """Estimates which share of random assignments satisfies the constraints; 0 when none of the draws did.

    Args:
        enough: stop after so many feasible draws.
        draws: the most draws; a space of ten parameters takes about 20 microseconds a draw.
    """
    if not space.rules:
        return 1.0
    source, found = generator(seed, -1), 0
    for tried in range(1, draws + 1):
        found += space.satisfies(_any(space, source))
        if found == enough:
            return found / tried
    return found / draws


def check_feasible(space: Space, seed: int) -> None:
    """Refuses a space of which hardly any assignment satisfies the constraints.

    Raises:
        SpaceInfeasible: with the estimated share.
    """
    share = feasible_share(space, seed)
    if share < LEAST_SHARE:
        fault = FieldError(
            "/space/constraints", f"about {share:.2%} of random assignments satisfy them; {LEAST_SHARE:.1%} are needed"
        )
        raise SpaceInfeasible(errors=[fault])


def _any(space: Space, source: random.Random) -> Parameters:
    return space.from_units([source.random() for _ in range(space.width)])
