"""The compression of a CNN on 5,000 MNIST digits at 14 by 14 pixels: accuracy, bytes, weights and latency of each step.

    pip install 'studyhall[compression,mnist]'
    python -m benchmarks.compression

One training for each seed; what is trained is then pruned to two sizes, and each is quantized to int8. Figures are of
1,000 validation rows in ONNX Runtime on one thread, and means over the seeds. Latencies of ONNX Runtime and of eager
torch are taken in turns, so that a busy machine is busy for both, and told as their ratio.
"""

import argparse
import contextlib
import io
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from studyhall.trial_context import LocalTrial
from workers.compression.examples import Examples, Rows
from workers.compression.figures import latency, torch_run
from workers.compression.knobs import StageGiven
from workers.compression.onnx_files import onnx_run
from workers.compression.packed_weights import read_packed
from workers.compression.pipeline import compress
from workers.compression.shapes import fit_shapes
from workers.trainables.data_set import DataSettings
from workers.trainables.datasets import load_dataset, split_dataset
from workers.trainables.registry import TRAINABLES
from workers.trainables.saved_model import TrainedModel, load_model

ROUNDS = 5
Figures = dict[str, float]


def train(width: int, epochs: int, seed: int, data: DataSettings) -> TrainedModel:
    """A CNN, and nothing done to it."""
    trial = LocalTrial(seed=seed, settings=data.model_dump(), tell=lambda *_: True)
    TRAINABLES["image_classifier"]({"width": width, "epochs": epochs, "lr": 0.01}, trial)
    return load_model(trial.artifacts["model"])


def examples_of(data: DataSettings) -> Examples:
    """The rows that the model was trained on and judged by."""
    split = split_dataset(load_dataset(data), data.split_seed)
    train, validation = (
        Rows(torch.from_numpy(part.x), torch.from_numpy(part.y)) for part in (split.train, split.validation)
    )
    return Examples(train, validation)


def measure(model: TrainedModel, examples: Examples, seed: int, prune: dict[str, Any] | None) -> dict[str, Figures]:
    """The figures of each stage: of the model as it is, pruned if that is asked for, and in int8."""
    trial = LocalTrial(seed=seed, tell=lambda *_: True)
    pruning: list[StageGiven] = [] if prune is None else [{"stage": "prune", **prune}]
    metrics = compress(model, examples, {}, trial, pipeline=["train", *pruning, "quantize"])
    found: dict[str, Figures] = {}
    for name, value in metrics.items():
        stage, _, figure = name.partition(".")
        found.setdefault(stage, {})[figure] = value
    floats = "train" if prune is None else "prune"
    found[floats]["speed_up"] = speed_up(load_state(model, trial, floats), trial.artifacts[floats], examples)
    return found


def load_state(model: TrainedModel, trial: LocalTrial, stage: str) -> torch.nn.Module:
    """The model of a stage, in torch."""
    weights = read_packed(trial.artifacts[stage] / "model.safetensors")
    fresh = type(model)(model.description, model.inputs, model.targets)
    fit_shapes(fresh, weights).load_state_dict(weights)
    return fresh.eval()


def speed_up(model: torch.nn.Module, directory: Path, examples: Examples) -> float:
    """How many times as fast as eager torch ONNX Runtime is at one row: the median of rounds that take turns."""
    row = examples.validation.x[:1].numpy()
    eager, onnx = torch_run(model), onnx_run(directory / "model.onnx")
    ratios = []
    for _ in range(ROUNDS):
        slow, fast = (latency(lambda run=run: run(row)).p50_ms for run in (eager, onnx))
        ratios.append(slow / fast)
    return statistics.median(ratios)


STEPS: dict[str, dict[str, Any] | None] = {
    "dense": None,
    "pruned to 22 %": {"target": 0.22, "criterion": "lamp"},
    "pruned to 10 %": {"target": 0.10, "criterion": "lamp", "steps": 10},
}


def main() -> None:
    """Prints a table: a row for each step, before and after int8."""
    words = argparse.ArgumentParser(
        prog="python -m benchmarks.compression",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    words.add_argument("--seeds", type=int, default=3)
    words.add_argument("--width", type=int, default=36, help="of the CNN: its channels are 36 and 72")
    words.add_argument("--epochs", type=int, default=12)
    words.add_argument("--dataset", default="mnist", choices=["mnist", "digits"], help="digits: a quick look")
    arguments = words.parse_args()
    torch.set_num_threads(1)
    data = DataSettings(dataset=arguments.dataset, pool=2 if arguments.dataset == "mnist" else 1)
    examples = examples_of(data)
    rows: dict[str, list[dict[str, Figures]]] = {name: [] for name in STEPS}
    for seed in range(arguments.seeds):
        with contextlib.redirect_stdout(io.StringIO()):
            model = train(arguments.width, arguments.epochs, seed, data)
            for name, prune in STEPS.items():
                rows[name].append(measure(model, examples, seed, prune))
    print("| step | accuracy | params | ONNX bytes | ORT against torch, 1 row | int8 accuracy | int8 bytes |")
    print("|---|---|---|---|---|---|---|")
    for name, prune in STEPS.items():
        print(_line(name, rows[name], "train" if prune is None else "prune"))


def _line(name: str, found: Sequence[dict[str, Figures]], stage: str) -> str:
    def mean(of: str, figure: str) -> float:
        return statistics.fmean(each[of][figure] for each in found)

    return (
        f"| {name} | {mean(stage, 'accuracy'):.4f} | {mean(stage, 'params'):.0f} | {mean(stage, 'file_bytes'):.0f} | "
        f"{mean(stage, 'speed_up'):.1f} times as fast | {mean('quantize', 'accuracy'):.4f} | "
        f"{mean('quantize', 'file_bytes'):.0f} |"
    )


if __name__ == "__main__":
    main()
