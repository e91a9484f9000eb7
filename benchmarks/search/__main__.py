"""`python -m benchmarks.search`: plays games, keeps them in a file, prints the table. A rerun resumes."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy: one core a process, or CPU times mean nothing

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path

from benchmarks.search.away import LIBRARIES, PeerFailed
from benchmarks.search.game import Game, play
from benchmarks.search.players import plays
from benchmarks.search.score import by_group, curves, shares, table
from benchmarks.search.selection import PROBLEMS, chosen


def main() -> None:
    """Plays what is missing and prints what there is."""
    options = _options()
    problems = chosen(options.problems)
    out = Path(options.out)
    games = _read(out)
    done = {(game.player, game.problem, game.protocol, game.seed) for game in games}
    for seed in range(options.seeds):
        for problem in problems:
            for name in options.players.split(","):
                if (name, problem.name, options.protocol, seed) in done or not plays(name, problem):
                    continue
                try:
                    game = play(name, problem, options.protocol, seed)
                except PeerFailed as error:
                    print(f"{name} gave up {problem.name}, seed {seed}: {error}", file=sys.stderr)
                    continue
                games.append(game)
                with out.open("a") as file:
                    file.write(json.dumps(game.to_json()) + "\n")
    wanted = {problem.name for problem in problems}
    shown = [
        g
        for g in games
        if g.protocol == options.protocol
        and g.problem in wanted
        and g.player in options.players.split(",")
        and g.seed < options.seeds
    ]
    _print(shown, against=options.against or options.players.split(",")[0])


def _print(games: list[Game], against: str) -> None:
    regrets = curves(games, PROBLEMS)
    print(table(regrets, against=against))
    print("\nMean regret in percent after the last trial\n")
    print(by_group(regrets, {name: problem.family for name, problem in PROBLEMS.items()}) + "\n")
    print(by_group(regrets, {name: name for name in PROBLEMS}))
    for name, reached in shares(games, PROBLEMS).items():
        print(f"\nshare of the best known hypervolume, {name}: ", end="")
        print(", ".join(f"{player} {share:.3f}" for player, share in sorted(reached.items())))
    print("\nCPU milliseconds a trial: " + ", ".join(f"{name} {spent:.1f}" for name, spent in _cpu(games).items()))
    print("Failed among the later half: " + ", ".join(f"{name} {100 * share:.0f} %" for name, share in _failed(games)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search", description=__doc__)
    parser.add_argument(
        "--players", default="auto,bayes,tpe,random", help=f"comma-separated; peers: {', '.join(LIBRARIES)}"
    )
    parser.add_argument(
        "--problems", default="all", help=f"names, families, core, synthetic, real; core+noisy: both: {_families()}"
    )
    parser.add_argument("--protocol", default="batch10x5", help="seq50, batch10x5, async50x8, …")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--against", help="whom the others are compared with; absent: the first player")
    parser.add_argument("--out", default="search-games.jsonl", help="where games are kept; a rerun resumes")
    return parser.parse_args()


def _families() -> str:
    return ", ".join(sorted({problem.family for problem in PROBLEMS.values()}))


def _read(path: Path) -> list[Game]:
    if not path.exists():
        return []
    found = [Game(**json.loads(line)) for line in path.read_text().splitlines()]
    for game in found:
        game.truth = [None if values is None else tuple(values) for values in game.truth]
        game.reported = [None if values is None else tuple(values) for values in game.reported]
    return found


def _failed(games: list[Game]) -> list[tuple[str, float]]:
    """The share of each player's later trials that fail, on problems where some do."""
    failing = {game.problem for game in games if None in game.truth}
    found = defaultdict(list)
    for game in games:
        if game.problem in failing:
            found[game.player] += [truth is None for truth in game.truth[len(game.truth) // 2 :]]
    return [(name, sum(failed) / len(failed)) for name, failed in found.items()]


def _cpu(games: list[Game]) -> dict[str, float]:
    spent, trials = defaultdict(float), defaultdict(int)
    for game in games:
        spent[game.player] += game.cpu_s
        trials[game.player] += len(game.truth)
    return {name: 1000 * spent[name] / trials[name] for name in spent}


if __name__ == "__main__":
    main()
