"""`python -m benchmarks.search.early`: what a search finds with and without early stopping, at equal epochs.

Every game has the epochs of so many full trainings, and one worker. With a rule, weak trials end early and the epochs
they leave are spent on others. Judged is the trial that stands best among those that came furthest, by what its full
training gives.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy, or CPU times mean nothing

import argparse
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from app.search.engine import History, Observation
from app.search.registry import engine
from app.search.stopping import Course, Point, rule
from benchmarks.search import curve_problems
from benchmarks.search.problem import Problem, Values
from studyhall.study import Algorithm, Objective, Stopping
from studyhall.trial import TrialState
from studyhall.words import Parameters

LOSS = (Objective(metric="loss"),)


@dataclass
class Search:
    """A search of one problem under one rule; epochs are its money."""

    problem: Problem
    stopping: Stopping
    epochs: int
    trials: list[Observation] = field(default_factory=list)
    truths: list[float] = field(default_factory=list)
    levels: dict[int, list[Point]] = field(default_factory=dict)

    def run(self, name: str, seed: int, full_trainings: int) -> float:
        """Spends the epochs; the final loss of the trial that stands best in the end."""
        suggest = engine(Algorithm(name=name))
        # Without a rule it is known how many trials there will be: engines shorten their start by that.
        most = full_trainings if self.stopping.rule == "none" else None
        while self.epochs > 0:
            history = History(LOSS, tuple(self.trials), max_trials=most)
            found = suggest(self.problem.space, history, 1, seed=seed, number=len(self.trials))
            if not found:
                break
            self._train(found[0].parameters)
        furthest = max(len(trial.curve) for trial in self.trials)
        standing = [(t.curve[-1][1], i) for i, t in enumerate(self.trials) if t.curve and len(t.curve) == furthest]
        return self.truths[min(standing)[1]] if standing else float("inf")

    def _train(self, parameters: Parameters) -> None:
        number, curve = len(self.trials), self.problem.truth(parameters)
        if curve is None:
            self.epochs -= 1
            self.trials.append(Observation(number, TrialState.INFEASIBLE, parameters))
            self.truths.append(float("inf"))
            return
        reached = self._steps(number, curve)
        self.epochs -= reached
        state = TrialState.COMPLETED if reached == len(curve) else TrialState.PRUNED
        steps = tuple((step, curve[step - 1]) for step in range(1, reached + 1))
        last = curve[reached - 1]
        self.trials.append(Observation(number, state, parameters, (last,), {"loss": last}, steps))
        self.truths.append(curve[-1])

    def _steps(self, number: int, curve: Values) -> int:
        stopping, before = rule(self.stopping), -1
        for step in range(1, min(len(curve), self.epochs) + 1):
            level = None if stopping is None else stopping.level(step, number)
            if stopping is None or level is None or level <= before:
                continue
            before, own = level, (curve[step - 1],)
            others = self.levels.setdefault(level, [])
            verdict = stopping.verdict(own, others, self._courses(level) if stopping.foretells else ())
            others.append(own)
            if verdict is not None and step < len(curve):
                return step
        return min(len(curve), self.epochs)

    def _courses(self, level: int) -> list[Course]:
        whole = [trial.curve for trial in self.trials if trial.state is TrialState.COMPLETED]
        return [((curve[level - 1][1],), (curve[-1][1],)) for curve in whole]


def main() -> None:
    """Plays what is missing and prints what there is."""
    options = _options()
    problems = [*curve_problems.PROBLEMS, *(curve_problems.of_table(Path(path)) for path in options.table)]
    out = Path(options.out)
    done = {tuple(line[:4]): line[4] for line in map(json.loads, out.read_text().splitlines())} if out.exists() else {}
    players, rules = options.players.split(","), options.rules.split(",")
    for problem in problems:
        if options.problems not in ("all", problem.name):
            continue
        steps = len(next(values for values in problem.pool() if values))
        for seed in range(options.seeds):
            for key in [(problem.name, player, name, seed) for player in players for name in rules]:
                if key not in done:
                    search = Search(problem, _stopping(key[2]), options.trainings * steps)
                    done[key] = search.run(key[1], seed, options.trainings)
                    with out.open("a") as file:
                        file.write(json.dumps([*key, done[key]]) + "\n")
        _print(problem, players, rules, options.seeds, done)


def _print(
    problem: Problem, players: list[str], rules: list[str], seeds: int, done: dict[tuple[object, ...], float]
) -> None:
    finals = [values[-1] if values else np.inf for values in problem.pool()]
    best = min(*finals, *(value for key, value in done.items() if key[0] == problem.name))
    median = float(np.median(finals))
    for player in players:
        for name in rules:
            values = np.array([done[problem.name, player, name, seed] for seed in range(seeds)])
            regrets = np.minimum((values - best) / (median - best), 2.0)
            spread = regrets.std(ddof=1) / np.sqrt(seeds) if seeds > 1 else 0.0
            print(f"{problem.name:16} {player:8} {name:12} regret {100 * regrets.mean():6.2f} ± {100 * spread:.2f} %")


def _stopping(name: str) -> Stopping:
    return Stopping(rule=name)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search.early", description=__doc__)
    parser.add_argument("--players", default="auto,bayes,tpe,random")
    parser.add_argument("--rules", default="none,asha,median")
    parser.add_argument("--problems", default="all")
    parser.add_argument(
        "--table", action="append", default=[], help="a CSV file of trained networks, as another problem"
    )
    parser.add_argument("--trainings", type=int, default=10, help="how many full trainings a game may cost")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", default="early-games.jsonl", help="where games are kept; a rerun resumes")
    return parser.parse_args()


if __name__ == "__main__":
    main()
