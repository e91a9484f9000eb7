"""What a child gains by its parent's weights: `python -m benchmarks.architectures.inheriting`.

Parents are random networks of the space of `examples/signal_architectures.json`, children are steps of evolution away
from them. Each child is trained three times with one seed: from fresh weights, from its parent's, and from fresh ones
for as many epochs as parent and child had together.
"""

import argparse
import contextlib
import io
import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np

from app.search.encoding import encoding_of
from app.search.moves import neighbours
from studyhall.space import Space
from studyhall.trial_context import LocalTrial
from workers.trainables.registry import TRAINABLES

STUDY = Path(__file__).parents[2] / "examples" / "signal_architectures.json"


def families(count: int, seed: int) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The parameters of parents and of their children."""
    space = Space.model_validate_json(json.dumps(json.loads(STUDY.read_text())["space"]))
    encoding, random = encoding_of(space), np.random.default_rng(seed)
    parents = encoding.canonical(encoding.sample(random, count))
    found = []
    for parent in parents:
        mutants = encoding.canonical(
            neighbours(encoding, np.repeat(parent[None, :], 32, axis=0), np.full((32, 1), 0.15), random)
        )
        keys, own = encoding.keys(mutants), encoding.keys(parent[None, :])[0]
        child = next(
            m for m, k, fits in zip(mutants, keys, encoding.is_feasible(mutants), strict=True) if fits and k != own
        )
        found.append((encoding.parameters(parent), encoding.parameters(child)))
    return found


def train(
    parameters: dict[str, Any], epochs: int, seed: int, parent: LocalTrial | None = None
) -> tuple[float, LocalTrial, float]:
    """The validation accuracy of one training, its trial, and the share of weights that it inherited."""
    space = Space.model_validate_json(json.dumps(json.loads(STUDY.read_text())["space"]))
    assert space.architecture is not None
    trial = LocalTrial(
        seed=seed,
        settings={"dataset": "signals"},
        network=space.architecture.graph(parameters),
        inherit_from=None if parent is None else parent.artifacts["model"].parent,
        tell=lambda *_: True,
    )
    metrics = TRAINABLES["sequence_classifier"](parameters | {"epochs": epochs}, trial)
    return metrics["val_accuracy"], trial, metrics.get("inherited", 0.0)


def main() -> None:
    """Prints one line for each number of epochs."""
    words = argparse.ArgumentParser(prog="python -m benchmarks.architectures.inheriting", description=__doc__)
    words.add_argument("--families", type=int, default=20)
    words.add_argument("--epochs", type=int, nargs="+", default=[1, 3, 6])
    words.add_argument("--seed", type=int, default=0)
    arguments = words.parse_args()
    for epochs in arguments.epochs:
        rows = []
        for number, (parent, child) in enumerate(families(arguments.families, arguments.seed)):
            with contextlib.redirect_stdout(io.StringIO()):
                _, elder, _ = train(parent, epochs, number)
                inherited, _, share = train(child, epochs, number + 1000, elder)
                fresh, _, _ = train(child, epochs, number + 1000)
                longer, _, _ = train(child, 2 * epochs, number + 1000)
            rows.append((fresh, inherited, longer, share))
        print(_line(epochs, rows), flush=True)


def _line(epochs: int, rows: list[tuple[float, float, float, float]]) -> str:
    fresh, inherited, longer, share = (statistics.fmean(column) for column in zip(*rows, strict=True))
    gains = [row[1] - row[0] for row in rows]
    error = statistics.stdev(gains) / len(gains) ** 0.5
    return (
        f"{epochs} epochs: fresh {fresh:.3f}  inherited {inherited:.3f} (gain {inherited - fresh:+.3f} ± {error:.3f}, "
        f"{share:.0%} of the weights)  fresh for {2 * epochs}: {longer:.3f}"
    )


if __name__ == "__main__":
    main()
