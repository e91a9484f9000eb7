"""What earlier studies are worth: regret with and without them, where they are alike and where they mislead.

    python -m benchmarks.search.transfer --player auto --seeds 20 --trials 20

Each problem is a bowl or a rugged bowl in four mixed parameters, its best point drawn by the seed. The earlier study
(40 trials of the same player) searched one whose best lies close by (`alike`), one turned upside down around the same
point (`misleading`), or one whose best lies anywhere (`unrelated`). Printed is the log10 of regret, and the paired
difference to searching without (negative: better), with its interval of 95 %.
"""

import argparse
import math
from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np

from app.search.axes import Floats
from app.search.engine import History, Lesson, Observation
from app.search.registry import engine
from studyhall.space import Space
from studyhall.study import Algorithm, Objective
from studyhall.trial import TrialState
from studyhall.words import Parameters

SPACE: Final = Space.model_validate_json("""{"parameters": [
    {"name": "a", "type": "float", "low": 0, "high": 1},
    {"name": "b", "type": "float", "low": 0.001, "high": 1, "scale": "log"},
    {"name": "c", "type": "int", "low": 0, "high": 50},
    {"name": "d", "type": "categorical", "choices": ["x", "y", "z"]}]}""")
OBJECTIVES: Final = (Objective(metric="loss"),)
CASES: Final = ("alike", "misleading", "unrelated")
EARLIER_TRIALS: Final = 40
Loss: TypeAlias = Callable[[Parameters], float]


def main() -> None:
    """Runs all cases and prints a line for each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search.transfer")
    parser.add_argument("--player", default="auto")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trials", type=int, default=20)
    arguments = parser.parse_args()
    regrets = {case: [_regrets(arguments.player, case, s, arguments.trials) for s in range(arguments.seeds)]
               for case in CASES}  # fmt: skip
    print("| earlier study | without | with | difference |\n|---|---|---|---|")
    for case, pairs in regrets.items():
        cold, warm = np.log10(np.array(pairs) + 1e-4).T
        off = warm - cold
        half = 1.96 * off.std(ddof=1) / math.sqrt(len(off))
        print(f"| {case} | {cold.mean():.2f} | {warm.mean():.2f} | {off.mean():+.2f} ± {half:.2f} |")


def _regrets(player: str, case: str, seed: int, trials: int) -> tuple[float, float]:
    random = np.random.default_rng(seed)
    best, rugged = random.uniform(0.15, 0.85, 3), bool(seed % 2)
    choice = int(random.integers(3))
    aim = _bowl(best, choice, rugged)
    near = np.clip(best + random.normal(size=3) * 0.05, 0, 1)
    earlier = {
        "alike": lambda p: 7.0 + 3.0 * _bowl(near, choice, rugged)(p),
        "misleading": lambda p: -aim(p),
        "unrelated": _bowl(random.uniform(0, 1, 3), int(random.integers(3)), rugged),
    }[case]
    lesson = Lesson("earlier", tuple(_search(player, earlier, 1000 + seed, EARLIER_TRIALS, ())))
    without, taught = (
        min(o.values[0] for o in _search(player, aim, seed, trials, lessons) if o.values) for lessons in ((), (lesson,))
    )
    return without, taught


def _bowl(best: Floats, choice: int, rugged: bool) -> Loss:
    def loss(p: Parameters) -> float:
        units = np.concatenate([q.to_units(p[q.name]) for q in SPACE.scalars[:3]])
        away = float(((units - best) ** 2 * np.array([3.0, 1.0, 2.0])).sum())
        waves = 0.05 * float((1.0 - np.cos(12.0 * (units - best))).sum()) if rugged else 0.0
        return away + waves + 0.2 * ("xyz".index(str(p["d"])) != choice)

    return loss


def _search(player: str, loss: Loss, seed: int, trials: int, lessons: tuple[Lesson, ...]) -> list[Observation]:
    suggest, done = engine(Algorithm(name=player)), list[Observation]()
    while len(done) < trials:
        history = History(OBJECTIVES, tuple(done), max_trials=trials, lessons=lessons)
        for found in suggest(SPACE, history, 1, seed=seed, number=len(done)):
            value = (loss(found.parameters),)
            done.append(Observation(len(done), TrialState.COMPLETED, found.parameters, value))
    return done


if __name__ == "__main__":
    main()
