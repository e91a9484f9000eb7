"""Plays engines against tables: mean best validation accuracy after so many networks, over paired seeds."""

import argparse
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from app.search import registry
from app.search.engine import History, Observation
from benchmarks.architectures.tables import Table, cells, chains
from studyhall.study import Algorithm, Objective
from studyhall.trial import TrialState

OBJECTIVE = (Objective(metric="accuracy", goal="maximize"),)


def play(table: Table, algorithm: str, seed: int, queries: int, batch: int) -> tuple[list[float], float]:
    """The accuracies in the order of the search, and the CPU seconds that suggesting took."""
    engine = registry.engine(Algorithm(name=algorithm, seed=seed))
    seen: list[Observation] = []
    began = time.process_time()
    while len(seen) < queries:
        history = History(OBJECTIVE, tuple(seen), max_trials=queries)
        count = min(batch, queries - len(seen))
        for suggestion in engine(table.space, history, count, seed=seed, number=len(seen)):
            value = table.look_up(suggestion.parameters)
            seen.append(Observation(len(seen), TrialState.COMPLETED, suggestion.parameters, (value,)))
    return [o.values[0] for o in seen if o.values], time.process_time() - began


def tables(arguments: argparse.Namespace) -> Iterator[Table]:
    """Those that the files are given for."""
    if arguments.cells:
        for column in arguments.columns:
            yield cells(arguments.cells, column, duplicates=arguments.duplicates)
    if arguments.chains:
        yield chains(arguments.chains)


def main() -> None:
    """Prints one line for each table and engine."""
    words = argparse.ArgumentParser(prog="python -m benchmarks.architectures", description=__doc__)
    words.add_argument("--cells", type=Path, help="CSV of NAS-Bench-201: cell and accuracies")
    words.add_argument("--columns", nargs="+", default=["c10_val"], help="which accuracies of it")
    words.add_argument("--duplicates", choices=["reuse", "retrain"], default="retrain")
    words.add_argument("--chains", type=Path, help="CSV of NAS-Bench-Macro: code and accuracies")
    words.add_argument("--algorithms", nargs="+", default=["random", "evolution", "neural", "auto"])
    words.add_argument("--seeds", type=int, default=30)
    words.add_argument("--first-seed", type=int, default=1000)
    words.add_argument("--queries", type=int, default=200)
    words.add_argument("--batch", type=int, default=1, help="suggestions asked for at once")
    words.add_argument("--processes", type=int, default=1)
    arguments = words.parse_args()
    with ProcessPoolExecutor(arguments.processes) as pool:
        for table in tables(arguments):
            for algorithm in arguments.algorithms:
                seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
                runs = [pool.submit(play, table, algorithm, seed, arguments.queries, arguments.batch) for seed in seeds]
                print(_line(table, algorithm, [run.result() for run in runs]), flush=True)


def _line(table: Table, algorithm: str, runs: list[tuple[list[float], float]]) -> str:
    queries = len(runs[0][0])
    means = [
        f"{n}: {statistics.fmean(max(values[:n]) for values, _ in runs):.2f}"
        for n in (50, 100, 150, 200)
        if n <= queries
    ]
    found = statistics.fmean(max(values) >= table.best - 1e-9 for values, _ in runs)
    cpu = statistics.fmean(seconds for _, seconds in runs) / queries
    return f"{table.name:10} {algorithm:13} {'  '.join(means)}  found {found:.0%}  {cpu * 1e3:.0f} ms CPU a suggestion"


if __name__ == "__main__":
    main()
