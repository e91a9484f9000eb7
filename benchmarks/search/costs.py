"""What weighing time is worth: regret at equal time, where trials differ widely in how long they take.

    python -m benchmarks.search.costs --player auto --seeds 10 --trials 20

Each problem is a bowl or a rugged bowl in four mixed parameters, its best point drawn by the seed. A trial takes up to
55 times as long as another, by its size or its kind; a search has the time of so many random trials, and what would end
later does not count. Printed is the log10 of regret without and with weighing, and the paired difference (negative:
weighing is better) with its interval of 95 %, at the end and when half of the time had gone.
"""

import argparse
import math
from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np

from app.search.axes import Floats
from app.search.engine import History, Observation
from app.search.random import draw
from app.search.registry import engine
from studyhall.space import Space
from studyhall.study import Algorithm, Objective
from studyhall.trial import TrialState
from studyhall.words import Parameters

SPACE: Final = Space.model_validate_json("""{"parameters": [
    {"name": "rate", "type": "float", "low": 0.0001, "high": 1, "scale": "log"},
    {"name": "size", "type": "int", "low": 8, "high": 1024, "scale": "log"},
    {"name": "keep", "type": "float", "low": 0, "high": 1},
    {"name": "kind", "type": "categorical", "choices": ["x", "y", "z"]}]}""")
OBJECTIVES: Final = (Objective(metric="loss"),)
Measure: TypeAlias = Callable[[Parameters], float]


def by_size(p: Parameters) -> float:
    return math.exp(4.0 * _units(p)[1])


def by_kind(p: Parameters) -> float:
    return math.exp(2.0 * "xyz".index(str(p["kind"])))


CASES: Final[dict[str, tuple[Measure, tuple[float, float], str]]] = {
    "large takes long, the best is small": (by_size, (0.05, 0.35), "xyz"),
    "large takes long, the best is anywhere": (by_size, (0.05, 0.95), "xyz"),
    "large takes long, the best is large": (by_size, (0.65, 0.95), "xyz"),
    "kinds differ, the best is any": (by_kind, (0.05, 0.95), "xyz"),
    "kinds differ, the best takes longest": (by_kind, (0.05, 0.95), "z"),
}
"""What a trial takes; between which sizes, and of which kinds, the best lies."""


def main() -> None:
    """Runs all cases and prints a line for each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search.costs")
    parser.add_argument("--player", default="auto")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--trials", type=int, default=20)
    arguments = parser.parse_args()
    print("| | trials without | with | regret without | with | difference | at half of the time |")
    print("|---|---|---|---|---|---|---|")
    for case in CASES:
        found = np.array([_pair(arguments.player, case, s, arguments.trials) for s in range(arguments.seeds)])
        counts, ends, halves = found.mean(axis=0)[:, 0], found[:, :, 1], found[:, :, 2]
        print(
            f"| {case} | {counts[0]:.0f} | {counts[1]:.0f} | {ends[:, 0].mean():.2f} | {ends[:, 1].mean():.2f} | "
            f"{_difference(ends)} | {_difference(halves)} |",
            flush=True,
        )


def _difference(pairs: Floats) -> str:
    off = pairs[:, 1] - pairs[:, 0]
    return f"{off.mean():+.2f} ± {1.96 * off.std(ddof=1) / math.sqrt(len(off)):.2f}"


def _pair(player: str, case: str, seed: int, trials: int) -> list[tuple[float, float, float]]:
    """Without and with weighing: how many trials there was time for, log10 of regret at the end and at half time."""
    seconds, sizes, kinds = CASES[case]
    random = np.random.default_rng(seed)
    best = np.array([random.uniform(0.15, 0.85), random.uniform(*sizes), random.uniform(0.15, 0.85)])
    loss = _bowl(best, str(random.choice(list(kinds))), rugged=bool(seed % 2))
    limit = trials * float(np.mean([seconds(draw(SPACE, 1, n)) for n in range(500)]))
    return [_search(player, weighing, loss, seconds, limit, seed) for weighing in ("never", "auto")]


def _bowl(best: Floats, kind: str, *, rugged: bool) -> Measure:
    def loss(p: Parameters) -> float:
        off = _units(p) - best
        waves = 0.05 * float((1.0 - np.cos(12.0 * off)).sum()) if rugged else 0.0
        return float((off**2 * np.array([3.0, 1.0, 2.0])).sum()) + waves + 0.2 * (p["kind"] != kind)

    return loss


def _units(p: Parameters) -> Floats:
    return np.concatenate([q.to_units(p[q.name]) for q in SPACE.scalars[:3]])


def _search(
    player: str, weighing: str, loss: Measure, seconds: Measure, limit: float, seed: int
) -> tuple[float, float, float]:
    suggest = engine(Algorithm(name=player, options={"costs": weighing}))
    done, spent, curve = list[Observation](), 0.0, list[tuple[float, float]]()
    while True:
        history = History(OBJECTIVES, tuple(done), max_device_seconds=limit)
        (found,) = suggest(SPACE, history, 1, seed=seed, number=len(done))
        took, value = seconds(found.parameters), loss(found.parameters)
        spent += took
        if spent > limit:
            return len(done), _log_regret(curve, limit), _log_regret(curve, limit / 2)
        done.append(Observation(len(done), TrialState.COMPLETED, found.parameters, (value,), seconds=took))
        curve.append((spent, value))


def _log_regret(curve: list[tuple[float, float]], until: float) -> float:
    return math.log10(min(value for at, value in curve if at <= until) + 1e-4)


if __name__ == "__main__":
    main()
