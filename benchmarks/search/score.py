"""From games to a table: normalised regret, intervals, paired differences.

Regret is 0 at the best known value and 1 at the median of single random points; the incumbent is the best *reported*
trial, judged by its true value. With several objectives it is the missing share of the best known hypervolume, against
that of one random point. The score of a player is 100 (1 - mean regret).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from app.search.pareto import dominated_area
from benchmarks.search.game import Game
from benchmarks.search.problem import Problem, Values

DRAWS = 2000


@dataclass(frozen=True)
class Scale:
    """What 0 and 1 mean for a problem."""

    best: float
    median: float

    def regret(self, value: float) -> float:
        return float(np.clip((value - self.best) / (self.median - self.best), 0.0, 1.0))


def curves(games: Iterable[Game], problems: dict[str, Problem]) -> dict[tuple[str, str, int], list[float]]:
    """The regret after each trial, by (player, problem, seed)."""
    by_problem = defaultdict(list)
    for game in games:
        by_problem[game.problem].append(game)
    found = {}
    for name, played in by_problem.items():
        problem = problems[name]
        quality = {id(game): _quality(game, problem) for game in played}
        scale = _scale(problem, [values for game in played for values in game.truth])
        for game in played:
            found[game.player, name, game.seed] = [scale.regret(value) for value in quality[id(game)]]
    return found


def table(regrets: dict[tuple[str, str, int], list[float]], *, against: str) -> str:
    """One line a player: score with its interval over seeds, area under the curve, paired difference to one player.

    The interval of the difference resamples problems and seeds: it says whether the order would hold on other problems.
    """
    players = sorted({player for player, _, _ in regrets})
    ranks = _ranks(regrets)
    lines = [
        "| player | games | score (95 % of seeds) | area | rank | against " + against + " (95 %) |",
        "|---|---|---|---|---|---|",
    ]
    ranked = sorted(players, key=lambda player: -_score(regrets, player))
    for player in ranked:
        low, high = _seed_interval(regrets, player)
        games = sum(p == player for p, _, _ in regrets)
        lines.append(
            f"| {player} | {games} | {_score(regrets, player):.1f} ({low:.1f}..{high:.1f}) | "
            f"{_area(regrets, player):.1f} | {ranks[player]:.2f} | "
            + ("- |" if player == against else _difference(regrets, player, against) + " |")
        )
    return "\n".join(lines)


def by_group(regrets: dict[tuple[str, str, int], list[float]], group: dict[str, str]) -> str:
    """Mean regret in percent of each player in each group of problems, `group` being what each problem belongs to."""
    players = sorted({player for player, _, _ in regrets})
    found = defaultdict(list)
    for (player, problem, _), curve in regrets.items():
        found[group[problem], player].append(100 * curve[-1])
    lines = ["| | " + " | ".join(players) + " |", "|---|" + "---|" * len(players)]
    for name in sorted({name for name, _ in found}):
        cells = [f"{_mean(found[name, player]):.1f}" if found[name, player] else "-" for player in players]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def shares(games: Iterable[Game], problems: dict[str, Problem]) -> dict[str, dict[str, float]]:
    """The mean share of the best known hypervolume that players reached, by problem and player."""
    by_problem, found = defaultdict(list), defaultdict(dict)
    for game in games:
        if problems[game.problem].objectives > 1:
            by_problem[game.problem].append(game)
    for name, played in by_problem.items():
        best = _scale(problems[name], [values for game in played for values in game.truth]).best
        reached = defaultdict(list)
        for game in played:
            reached[game.player].append(_quality(game, problems[name])[-1] / best)
        found[name] = {player: _mean(values) for player, values in reached.items()}
    return dict(found)


def _ranks(regrets: dict[tuple[str, str, int], list[float]]) -> dict[str, float]:
    """The mean rank of each player in the games that all of them played; of equals the middle."""
    players = sorted({player for player, _, _ in regrets})
    games = sorted({(problem, seed) for _, problem, seed in regrets})
    common = [game for game in games if all((player, *game) in regrets for player in players)]
    if not common:
        return dict.fromkeys(players, float("nan"))
    ends = np.array([[regrets[player, *game][-1] for player in players] for game in common])
    return dict(zip(players, rankdata(ends, axis=1).mean(axis=0), strict=True))


def _quality(game: Game, problem: Problem) -> list[float]:
    """The incumbent's true value after each trial; of several objectives, minus the hypervolume."""
    found, best, value = [], np.inf, np.inf
    seen: list[Values] = []
    for reported, truth in zip(game.reported, game.truth, strict=True):
        if truth is not None and reported is not None:
            if problem.objectives > 1:
                seen.append(truth)
                value = -_area_of(seen, problem)
            elif reported[0] < best:
                best, value = reported[0], truth[0]
        found.append(value)
    return found


def _scale(problem: Problem, seen: Sequence[Values | None]) -> Scale:
    pool = problem.pool()
    if problem.objectives > 1:
        single = [-_area_of([values], problem) if values else 0.0 for values in pool]
        everything = [values for values in [*pool, *seen, *problem.front] if values]
        return Scale(-_area_of(everything, problem), float(np.median(single)))
    values = [values[0] if values else np.inf for values in pool]
    best = problem.best
    if best is None:
        best = min(values[0] for values in [*pool, *seen] if values)
    return Scale(best, float(np.median(values)))


def _area_of(points: Sequence[Values], problem: Problem) -> float:
    return dominated_area(np.array(points), np.array(problem.reference))


def _score(regrets: dict[tuple[str, str, int], list[float]], player: str) -> float:
    return 100 * (1 - _mean(_problem_means(regrets, player).values()))


def _area(regrets: dict[tuple[str, str, int], list[float]], player: str) -> float:
    return 100 * (1 - _mean([_mean(curve) for (p, _, _), curve in regrets.items() if p == player]))


def _problem_means(regrets: dict[tuple[str, str, int], list[float]], player: str) -> dict[str, float]:
    grouped = defaultdict(list)
    for (p, problem, _), curve in regrets.items():
        if p == player:
            grouped[problem].append(curve[-1])
    return {problem: _mean(values) for problem, values in grouped.items()}


def _seed_interval(regrets: dict[tuple[str, str, int], list[float]], player: str) -> tuple[float, float]:
    random, grouped = np.random.default_rng(0), defaultdict(list)
    for (p, problem, _), curve in regrets.items():
        if p == player:
            grouped[problem].append(curve[-1])
    draws = [np.mean(random.choice(values, (DRAWS, len(values))), axis=1) for values in grouped.values()]
    low, high = np.percentile(100 * (1 - np.mean(draws, axis=0)), [2.5, 97.5])
    return float(low), float(high)


def _difference(regrets: dict[tuple[str, str, int], list[float]], player: str, against: str) -> str:
    random, grouped = np.random.default_rng(0), defaultdict(list)
    for (p, problem, seed), curve in regrets.items():
        if p == player and (against, problem, seed) in regrets:
            grouped[problem].append(100 * (regrets[against, problem, seed][-1] - curve[-1]))
    if not grouped:
        return "no common games"
    per_problem = np.array(
        [np.mean(random.choice(values, (DRAWS, len(values))), axis=1) for values in grouped.values()]
    )
    chosen = random.integers(len(per_problem), size=(DRAWS, len(per_problem)))
    means = per_problem[chosen, np.arange(DRAWS)[:, None]].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return f"{_mean([_mean(values) for values in grouped.values()]):+.1f} ({low:+.1f}..{high:+.1f})"


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
