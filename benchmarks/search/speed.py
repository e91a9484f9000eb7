"""`python -m benchmarks.search.speed`: CPU and memory of one suggestion, against how many results there are.

Ten parameters of all kinds. Results are those of random points; peers are asked for them before they hear of any
result, when all of them draw at random. Then eight suggestions in sequence, each told before the next; the mean has the
fits in it. A peer whose first suggestion takes longer than `--most-s` is not asked for seven more.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy: one core a process, or CPU times mean nothing

import argparse
import multiprocessing
import resource
import sys

from app.search.random import draw
from app.search.registry import ENTRIES
from benchmarks.search.away import LIBRARIES, PeerFailed, worker_of
from benchmarks.search.players import Away, Ours, Player
from benchmarks.search.problem import Problem, choice, real, space, whole

SPACE = space(
    real("rate", 1e-6, 1.0, scale="log"),
    real("decay", 1e-8, 1.0, scale="log"),
    real("keep", 0.0, 1.0),
    real("mix", -1.0, 1.0),
    whole("depth", 1, 12),
    whole("width", 8, 1024, scale="log"),
    choice("kind", "a", "b", "c", "d"),
    choice("norm", "batch", "layer", "none"),
    {"name": "size", "type": "ordinal", "choices": [1, 3, 5, 7]},
    {"name": "skip", "type": "bool"},
)
ROUNDS = 8


def loss(**p: object) -> float:
    """A bowl over all ten, categories counted in."""
    units = [SPACE.by_name[name].to_units(value)[0] for name, value in p.items()]
    return sum((i + 1) * (u - 0.3 - 0.04 * i) ** 2 for i, u in enumerate(units))


PROBLEM = Problem("speed", "speed", SPACE, loss, best=0.0)


def measured(name: str, results: int, most_s: float) -> tuple[float, int]:
    """CPU seconds a suggestion, and the peak of the process's memory in MB."""
    player: Player
    if name in ENTRIES:
        player = Ours(name, PROBLEM, 0, 10**6)
        player.know([draw(SPACE, 1, n) for n in range(results)])
    else:
        player = Away(LIBRARIES[name], PROBLEM, 0, results + ROUNDS)
        for parameters in [player.ask(1)[0] for _ in range(results)]:
            player.tell(parameters, PROBLEM.truth(parameters))
    started, rounds = player.cpu_s(), 0
    while rounds < ROUNDS and (rounds == 0 or player.cpu_s() - started < most_s):
        (parameters,) = player.ask(1)
        player.tell(parameters, PROBLEM.truth(parameters))
        rounds += 1
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak_mb = peak_kb // 1024 if name in ENTRIES else worker_of(LIBRARIES[name]).peak_mb
    return (player.cpu_s() - started) / rounds, peak_mb


def main() -> None:
    """Measures each player in a process of its own and prints a line for each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search.speed", description=__doc__)
    parser.add_argument("--players", default="auto,bayes,tpe")
    parser.add_argument("--results", default="10,100,500,1000")
    parser.add_argument("--most-s", type=float, default=20.0)
    options = parser.parse_args()
    sizes = [int(size) for size in options.results.split(",")]
    print("| CPU ms a suggestion at n results | " + " | ".join(map(str, sizes)) + " | peak MB |")
    print("|---|" + "---|" * (len(sizes) + 1))
    for name in options.players.split(","):
        with multiprocessing.get_context("spawn").Pool(1) as process:
            print(process.apply(_line, (name, sizes, options.most_s)), flush=True)


def _line(name: str, sizes: list[int], most_s: float) -> str:
    cells, peak_mb = ["-"] * len(sizes), 0
    for i, size in enumerate(sizes):
        try:
            spent_s, peak_mb = measured(name, size, most_s)
        except PeerFailed as error:
            print(f"{name} gave up at {size} results: {error}", file=sys.stderr)
            break
        cells[i] = f"{1000 * spent_s:.0f}"
        if spent_s > most_s:
            break
    return f"| {name} | " + " | ".join(cells) + f" | {peak_mb} |"


if __name__ == "__main__":
    main()
