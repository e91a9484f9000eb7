"""`python -m benchmarks.search.early`: what a search finds with and without early stopping, at equal epochs.

Every game has the epochs of so many full trainings, and one worker. With a rule, weak trials end early and the epochs
they leave are spent on others; with `+resume` the best of those that were stopped goes on where it was when its rule
would not stop it any more, as a worker with checkpoints lets it. Judged is the trial that stands best among those that
came furthest, by what its full training gives.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy, or CPU times mean nothing

import argparse
import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from app.search.engine import History, Observation
from app.search.registry import engine
from app.search.stopping import Course, Effort, Point, Rule, dominates, rule
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
    resume: bool = False
    spent: int = 0
    trials: list[Observation] = field(default_factory=list)
    truths: list[Values] = field(default_factory=list)
    """The whole course of each."""
    levels: dict[int, dict[int, Point]] = field(default_factory=dict)
    """Who stood where."""
    stopped_at: dict[int, int] = field(default_factory=dict)
    """The level at which each of those was stopped that could go on."""

    def run(self, name: str, seed: int, full_trainings: int) -> float:
        """Spends the epochs; the final loss of the trial that stands best in the end."""
        suggest = engine(Algorithm(name=name))
        # Without a rule it is known how many trials there will be: engines shorten their start by that.
        most = full_trainings if self.stopping.rule == "none" else None
        while self.spent < self.epochs:
            history = History(LOSS, tuple(self.trials), max_trials=most)
            found = suggest(self.problem.space, history, 1, seed=seed, number=len(self.trials))
            if not found:
                break
            self._begin(found[0].parameters)
        furthest = max(len(trial.curve) for trial in self.trials)
        standing = [(t.curve[-1][1], i) for i, t in enumerate(self.trials) if t.curve and len(t.curve) == furthest]
        return self.truths[min(standing)[1]][-1] if standing else float("inf")

    def _begin(self, parameters: Parameters) -> None:
        number, curve = len(self.trials), self.problem.truth(parameters)
        if curve is None:
            self.spent += 1
            self.trials.append(Observation(number, TrialState.INFEASIBLE, parameters))
            self.truths.append(())
            return
        self.trials.append(Observation(number, TrialState.RUNNING, parameters))
        self.truths.append(curve)
        self._train(number)

    def _train(self, number: int) -> None:
        """Trains until the end, until its rule stops it, or until all is spent; and whoever goes on because of it."""
        stopping, goes_on = rule(self.stopping), []
        while self.trials[number].state is TrialState.RUNNING:
            step = len(self.trials[number].curve) + 1
            self.spent += 1
            level = None if stopping is None else stopping.level(step, number)
            is_new = stopping is not None and level is not None and number not in self.levels.setdefault(level, {})
            self._step(number, step)
            if is_new and stopping is not None and level is not None:
                is_stopped = self._is_stopped(stopping, number, level)
                if self.resume:
                    goes_on += self._revived(stopping, level)
                if is_stopped and self.trials[number].state is TrialState.RUNNING:
                    self.trials[number] = replace(self.trials[number], state=TrialState.PRUNED)
                    self.stopped_at[number] = level
            if self.spent >= self.epochs and self.trials[number].state is TrialState.RUNNING:
                self.trials[number] = replace(self.trials[number], state=TrialState.PRUNED)
        for other in goes_on:
            if self.spent < self.epochs:
                self.trials[other] = replace(self.trials[other], state=TrialState.RUNNING)
                self._train(other)

    def _step(self, number: int, step: int) -> None:
        curve, value = self.truths[number], self.truths[number][step - 1]
        state = TrialState.COMPLETED if step == len(curve) else TrialState.RUNNING
        steps = (*self.trials[number].curve, (step, value))
        self.trials[number] = replace(
            self.trials[number], state=state, values=(value,), metrics={"loss": value}, curve=steps
        )

    def _is_stopped(self, stopping: Rule, number: int, level: int) -> bool:
        standing = self.levels[level]
        standing.setdefault(number, (self.truths[number][len(self.trials[number].curve) - 1],))
        others = [point for other, point in standing.items() if other != number]
        courses = self._courses(level) if stopping.foretells else []
        effort = Effort(level, len(self.truths[number]), self.spent) if courses else None
        return stopping.verdict(standing[number], others, courses, effort) is not None

    def _revived(self, stopping: Rule, level: int) -> list[int]:
        standing = self.levels[level]
        able = [number for number, at in self.stopped_at.items() if at == level]
        if not able:
            return []
        best = min(able, key=lambda n: sum(dominates(point, standing[n]) for point in standing.values()))
        if self._is_stopped(stopping, best, level):
            return []
        del self.stopped_at[best]
        return [best]

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
        if options.problems != "all" and problem.name not in options.problems.split(","):
            continue
        steps = len(next(values for values in problem.pool() if values))
        for seed in range(options.seeds):
            for key in [(problem.name, player, name, seed) for player in players for name in rules]:
                if key not in done:
                    search = Search(problem, Stopping(rule=name_of(key[2])), options.trainings * steps, "+" in key[2])
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
            print(
                f"{problem.name:16} {player:8} {name:12} regret {100 * regrets.mean():6.2f} ± {100 * spread:.2f} %, "
                f"median {100 * np.median(regrets):.2f} %",
                flush=True,
            )


def name_of(rule: str) -> str:
    """The rule in `asha+resume`."""
    return rule.partition("+")[0]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search.early", description=__doc__)
    parser.add_argument("--players", default="auto,bayes,tpe,random")
    parser.add_argument("--rules", default="none,auto,asha,median", help="`asha+resume`: stopped trials may go on")
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
