"""The stage `export`: everything that somebody needs who has only this directory.

model.onnx, model.safetensors   the model, each with a runnable example beside it
predict_onnx.py, predict_torch.py
example.npy                     a few rows to try them on
card.json, card.md              data, seeds, versions, figures with intervals, lineage
SHA256SUMS                      of all of these; `sha256sum -c SHA256SUMS`
"""

import dataclasses
import json
import platform
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime
import torch
import torch_pruning

from studyhall.errors import StudyhallError
from workers.compression.examples import Examples
from workers.compression.figures import torch_run
from workers.compression.forms import ONNX, Form, files_of, sha256_of
from workers.compression.onnx_files import onnx_run, write_onnx

FURTHEST: Final = 1e-3
"""Of the outputs' largest magnitude: how far ONNX Runtime may be from torch where both compute in float32."""

PREDICT_ONNX: Final = '''\
"""Predicts with model.onnx: python predict_onnx.py ROWS.npy"""

import sys
from pathlib import Path

import numpy
import onnxruntime

here = Path(__file__).parent
session = onnxruntime.InferenceSession(here / "model.onnx", providers=["CPUExecutionProvider"])
rows = numpy.load(sys.argv[1] if len(sys.argv) > 1 else here / "example.npy").astype("float32")
print(session.run(None, {"x": rows})[0])
'''
PREDICT_LOADED: Final = '''\
"""Predicts with model.safetensors, by studyhall[compression]: python predict_torch.py ROWS.npy"""

import sys
from pathlib import Path

import numpy

from workers.models import load

here = Path(__file__).parent
rows = numpy.load(sys.argv[1] if len(sys.argv) > 1 else here / "example.npy")
print(load(here).predict(rows))
'''
PREDICT_STATE: Final = '''\
"""Reads the weights; fit_shapes(module, weights).load_state_dict(weights) fills a module."""

from pathlib import Path

from workers.compression.packed_weights import read_packed
from workers.compression.shapes import fit_shapes

weights = read_packed(Path(__file__).parent / "model.safetensors")
for name, weight in weights.items():
    print(name, tuple(weight.shape))
assert callable(fit_shapes)
'''


class ExportFailed(StudyhallError):
    """The exported file does not compute what the model computes."""


def export(
    form: Form, directory: Path, examples: Examples, metrics: Mapping[str, float], facts: Mapping[str, Any]
) -> tuple[Form, dict[str, float]]:
    """Writes the directory; answers the form with its files there, and how far ONNX is from torch.

    Raises:
        ExportFailed: ONNX Runtime does not answer what torch answers.
    """
    for path in form.directory.iterdir():
        if path.parent != directory and path.name != "stage.json":
            shutil.copyfile(path, directory / path.name)
    if not (directory / ONNX).exists():
        write_onnx(form.model, examples.train.x, directory / ONNX)
    found = _compare(form, directory, examples)
    np.save(directory / "example.npy", examples.train.x[:4].cpu().numpy())
    (directory / "predict_onnx.py").write_text(PREDICT_ONNX, "utf-8")
    is_loadable = (directory / "model.json").exists()
    (directory / "predict_torch.py").write_text(PREDICT_LOADED if is_loadable else PREDICT_STATE, "utf-8")
    _write_card(directory, examples, {**metrics, **{f"export.{name}": value for name, value in found.items()}}, facts)
    sums = [f"{sha256_of(path)}  {path.name}\n" for path in sorted(directory.iterdir()) if path.name != "SHA256SUMS"]
    (directory / "SHA256SUMS").write_text("".join(sums), "utf-8")
    return dataclasses.replace(form, directory=directory, file=directory / form.file.name), found


def _compare(form: Form, directory: Path, examples: Examples) -> dict[str, float]:
    x = examples.validation.x[:256].cpu().numpy()
    by_torch, by_onnx = torch_run(form.model)(x), onnx_run(directory / ONNX)(x)
    difference = float(np.abs(by_torch - by_onnx).max())
    if form.exact and difference > FURTHEST * max(1.0, float(np.abs(by_torch).max())):
        raise ExportFailed(
            f"ONNX Runtime and torch differ by {difference:g}; the model may do something that the exporter misreads"
        )
    if examples.kind == "classification":
        agreement = float((by_torch.argmax(1) == by_onnx.argmax(1)).mean())
        return {"onnx_difference": difference, "onnx_agreement": agreement}
    return {"onnx_difference": difference}


def _write_card(directory: Path, examples: Examples, metrics: Mapping[str, float], facts: Mapping[str, Any]) -> None:
    card = {
        "data": {
            "name": examples.data,
            "sha256": examples.content,
            "training_rows": len(examples.train.y),
            "validation_rows": len(examples.validation.y),
        },
        "input": list(examples.train.x.shape[1:]),
        "kind": examples.kind,
        "metrics": dict(metrics),
        "intervals": "are 95 %, of validation rows, which the search has seen: Wilson for accuracy, bootstrap for R²",
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "torch-pruning": torch_pruning.__version__,
            "onnx": onnx.__version__,
            "onnxruntime": onnxruntime.__version__,
        },
        "files": files_of(directory),
        **facts,
    }
    (directory / "card.json").write_text(json.dumps(card, indent=2, sort_keys=True) + "\n", "utf-8")
    (directory / "card.md").write_text(_card_text(card, examples.score), "utf-8")


def _card_text(card: Mapping[str, Any], score: str) -> str:
    metrics, data = card["metrics"], card["data"]
    rows = [_card_row(stage["stage"], metrics, score) for stage in card["lineage"]]
    files = [f"| `{name}` | {each['bytes']} | `{each['sha256']}` |" for name, each in card["files"].items()]
    versions = ", ".join(f"{name} {version}" for name, version in card["versions"].items())
    return "\n".join(
        [
            "# Model card",
            "",
            f"A model for {card['kind']}, from trial {card['trial']}, seed {card['seed']}.",
            "",
            f"Data: {data['name'] or 'unnamed'}, SHA-256 `{data['sha256'] or 'unknown'}`; trained on "
            f"{data['training_rows']} rows, judged on {data['validation_rows']} others.",
            "",
            f"| stage | {score} (95 %) | params | flops | file bytes | p50 ms, 1 row | SHA-256 |",
            "|---|---|---|---|---|---|---|",
            *(f"{row} `{stage['sha256'][:16]}` |" for row, stage in zip(rows, card["lineage"], strict=True)),
            "",
            f"Intervals {card['intervals']}.",
            "",
            "| file | bytes | SHA-256 |",
            "|---|---|---|",
            *files,
            "",
            f"Made with {versions}.",
            "",
        ]
    )


def _card_row(stage: str, metrics: Mapping[str, float], score: str) -> str:
    def of(name: str) -> float:
        return metrics[f"{stage}.{name}"]

    quality = f"{of(score):.4f} ({of(score + '_low'):.4f} to {of(score + '_high'):.4f})"
    sizes = " | ".join(f"{of(name):.0f}" for name in ("params", "flops", "file_bytes"))
    return f"| {stage} | {quality} | {sizes} | {of('latency_p50_ms'):.3f} |"
