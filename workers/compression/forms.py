"""A model as it would be shipped: its files, how they run, and what they weigh."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from torch import Tensor, nn

from workers.compression.figures import Run, count_weight_bytes, torch_run
from workers.compression.knobs import Runtime
from workers.compression.onnx_files import onnx_run, write_onnx
from workers.compression.tensor_files import write_tensors

ONNX: Final = "model.onnx"
TENSORS: Final = "model.safetensors"


@dataclass(frozen=True, eq=False)
class Form:
    """A model and its files.

    Args:
        model: in torch and float32.
        directory: where the files are.
        file: the one that would be shipped, whose bytes count.
        run: computes with that file.
        weight_bytes: of the numbers in it.
        exact: whether the ONNX file, if there is one, must compute what the model computes.
    """

    model: nn.Module
    directory: Path
    file: Path
    run: Run
    weight_bytes: int
    exact: bool = True


def plain_form(model: nn.Module, example: Tensor, directory: Path, runtime: Runtime) -> Form:
    """The model in float32, as safetensors, and as ONNX where that is what it runs in."""
    tensors = write_tensors(model.state_dict(), directory / TENSORS, {})
    weight_bytes = count_weight_bytes(model)
    if runtime == "torch":
        return Form(model, directory, tensors, torch_run(model), weight_bytes)
    path = write_onnx(model, example, directory / ONNX)
    return Form(model, directory, path, onnx_run(path), weight_bytes)


def sha256_of(path: Path) -> str:
    """The file's SHA-256 in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def files_of(directory: Path) -> dict[str, dict[str, str | int]]:
    """Each file with its SHA-256 and its bytes, by name."""
    return {
        path.name: {"sha256": sha256_of(path), "bytes": path.stat().st_size}
        for path in sorted(directory.iterdir())
        if path.is_file()
    }
