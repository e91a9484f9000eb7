"""How often trials crash, and what is found, where half of a space crashes and nobody says which half.

    python -m benchmarks.search.crashes --player auto --seeds 8

Nine spaces whose failures can be foretold, made to look like what people have; batches of five. Printed is the share of
the space that crashes, the share of the later half of the trials that did, and the regret at the end in percent of the
median's.
"""

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from app.search.random import draw
from benchmarks.search.game import play
from benchmarks.search.problem import Problem, choice, real, space, whole
from studyhall.space import Space

BATCH: Final = 5
POOL: Final = 4000


@dataclass(frozen=True, slots=True)
class Case:
    """A space, its loss (None: crashes), and the least of it."""

    what: str
    space: Space
    loss: Callable[[dict[str, Any]], float | None]
    best: float = 0.0


def _bowl(p: dict[str, Any], **center: float) -> float:
    return float(sum((p[name] - at) ** 2 for name, at in center.items()))


def _diverges(p: dict[str, Any]) -> float | None:
    rate = math.log10(p["rate"])
    if rate > (-1.5 if p["optimizer"] == "sgd" else -2.2) - 0.8 * p["momentum"]:
        return None
    return 0.2 * (rate + 2.6) ** 2 + _bowl(p, momentum=0.6) + (0.1 if p["optimizer"] == "sgd" else 0.0)


def _memory(p: dict[str, Any]) -> float | None:
    if p["width"] * p["layers"] > 1500:
        return None
    return 0.2 * (math.log10(p["rate"]) + 2) ** 2 - 0.3 * math.log(p["width"]) - 0.4 * math.log(p["layers"])


def _branches(p: dict[str, Any]) -> float | None:
    if p["kind"] == "u":
        return None if p["a"] > 0.5 else 0.05 + _bowl(p, a=0.2, b=0.6)
    return None if p["c"] + p["d"] > 1.1 else _bowl(p, c=0.6, d=0.3)


_CUBE: Final = space(real("a", 0, 1), real("b", 0, 1), real("c", 0, 1))
_RATE: Final = real("rate", 1e-5, 1, scale="log")
CASES: Final = (
    Case(
        "large `a` crashes, the best is far", _CUBE, lambda p: None if p["a"] > 0.6 else _bowl(p, a=0.3, b=0.6, c=0.4)
    ),
    Case(
        "large `a` crashes, the best is near", _CUBE, lambda p: None if p["a"] > 0.6 else _bowl(p, a=0.57, b=0.6, c=0.4)
    ),
    Case(
        "two opposite quarters crash",
        _CUBE,
        lambda p: None if (p["a"] - 0.5) * (p["b"] - 0.5) > 0 else _bowl(p, a=0.2, b=0.75, c=0.5),
    ),
    Case(
        "two edges crash, the best lies in their corner",
        _CUBE,
        lambda p: None if p["a"] > 0.7 or p["b"] > 0.65 else _bowl(p, c=0.4) - p["a"] - p["b"],
        best=-1.35,
    ),
    Case(
        "only a ring works",
        space(real("a", 0, 1), real("b", 0, 1)),
        lambda p: _bowl(p, a=0.8, b=0.35) if 0.25 < math.hypot(p["a"] - 0.5, p["b"] - 0.5) < 0.45 else None,
    ),
    Case(
        "a corner and a category crash",
        space(real("a", 0, 1), real("b", 0, 1), choice("kind", *"pqrs")),
        lambda p: (
            None
            if p["kind"] == "r" or (p["a"] > 0.5 and p["b"] > 0.4)
            else _bowl(p, a=0.7, b=0.2) + 0.1 * "spqr".index(p["kind"])
        ),
    ),
    Case(
        "conditional: parts of two branches crash",
        space(
            choice("kind", "u", "v"),
            real("a", 0, 1, when="kind == 'u'"),
            real("b", 0, 1, when="kind == 'u'"),
            real("c", 0, 1, when="kind == 'v'"),
            real("d", 0, 1, when="kind == 'v'"),
        ),
        _branches,
    ),
    Case(
        "large rates diverge, the best is near",
        space(_RATE, real("momentum", 0, 0.99), choice("optimizer", "sgd", "adam")),
        _diverges,
        best=0.00113,
    ),
    Case(
        "what does not fit into memory crashes, larger is better",
        space(whole("width", 16, 1024, scale="log"), whole("layers", 1, 12), _RATE),
        _memory,
        best=-2.4425,
    ),
)


def main() -> None:
    """Plays all cases and prints a line for each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search.crashes")
    parser.add_argument("--player", default="auto")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--trials", type=int, default=50)
    arguments = parser.parse_args()
    print("| space | crashes at random | later trials that crash | regret, % |\n|---|---|---|---|")
    means = []
    for case in CASES:
        losses = [case.loss(dict(draw(case.space, 0, n))) for n in range(POOL)]
        median = float(np.median([loss for loss in losses if loss is not None]))
        at_random = losses.count(None) / POOL
        games = [_game(arguments.player, case, seed, arguments.trials) for seed in range(arguments.seeds)]
        crashed = float(np.mean([share for share, _ in games]))
        regret = float(np.mean([(found - case.best) / (median - case.best) for _, found in games]))
        means.append((at_random, crashed, regret))
        print(_line(case.what, *means[-1]), flush=True)
    print(_line("mean", *np.mean(means, axis=0)))


def _line(what: str, at_random: float, crashed: float, regret: float) -> str:
    return f"| {what} | {100 * at_random:.0f} % | {100 * crashed:.1f} % | {100 * regret:.1f} |"


def _game(player: str, case: Case, seed: int, trials: int) -> tuple[float, float]:
    """The share of the later half that crashed, and the least loss."""
    problem = Problem(case.what, "crashes", case.space, lambda **p: case.loss(p))
    game = play(player, problem, f"batch{trials // BATCH}x{BATCH}", seed)
    ends = [None if values is None else values[0] for values in game.truth]
    later = ends[trials // 2 :]
    return later.count(None) / len(later), min(end for end in ends if end is not None)


if __name__ == "__main__":
    main()
