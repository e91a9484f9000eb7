"""The stage `quantize`: the same network in fewer bits, as files and as something that runs."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import convert_float_to_float16
from torch import nn

from workers.compression.examples import Examples
from workers.compression.figures import torch_run
from workers.compression.forms import ONNX, TENSORS, Form, plain_form
from workers.compression.knobs import Quantize, Runtime
from workers.compression.onnx_files import INPUT, onnx_run, onnx_weight_bytes, slim, write_onnx
from workers.compression.packed_weights import read_packed, write_packed
from workers.compression.tensor_files import write_tensors


def quantize(model: nn.Module, knobs: Quantize, examples: Examples, directory: Path, runtime: Runtime) -> Form:
    """Writes the model with fewer bits; the form's model in torch computes what its files do, where torch can."""
    if not knobs.on or knobs.mode == "none":
        return plain_form(model, examples.train.x, directory, runtime)
    match knobs.mode:
        case "weight_minmax":
            return _packed(model, knobs, examples, directory, runtime)
        case "fp16":
            return _fp16(model, examples, directory)
        case "bf16":
            return _bf16(model, directory)
    return _int8(model, knobs, examples, directory)


def _int8(model: nn.Module, knobs: Quantize, examples: Examples, directory: Path) -> Form:
    write_tensors(model.state_dict(), directory / TENSORS, {})
    path, ready = write_onnx(model, examples.train.x, directory / ONNX), directory / "ready.onnx"
    quant_pre_process(path, ready)
    if knobs.mode == "int8_dynamic":
        quantize_dynamic(ready, path, per_channel=knobs.per_channel, weight_type=QuantType.QInt8)
    else:
        quantize_static(
            ready,
            path,
            _Rows(examples.train.first(knobs.calibration_rows).x.cpu().numpy()),
            quant_format=QuantFormat.QDQ,
            # What costs time and bytes. Scaling inputs and outputs stays exact.
            op_types_to_quantize=["Conv", "Gemm", "MatMul"],
            per_channel=knobs.per_channel,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
        )
    ready.unlink()
    slim(path)
    return Form(model, directory, path, onnx_run(path), onnx_weight_bytes(path), exact=False)


class _Rows(CalibrationDataReader):  # type: ignore[misc] # onnxruntime has no types
    """Hands rows to the calibration, 64 at a time."""

    def __init__(self, x: NDArray[Any]) -> None:
        self._parts: Iterator[NDArray[Any]] = iter([x[start : start + 64] for start in range(0, len(x), 64)])

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        """The next rows, or None."""
        part = next(self._parts, None)
        return None if part is None else {INPUT: part}


def _packed(model: nn.Module, knobs: Quantize, examples: Examples, directory: Path, runtime: Runtime) -> Form:
    names = {name for name, _ in model.named_parameters()}
    path = write_packed(
        model.state_dict(), directory / TENSORS, bits=knobs.bits, per_channel=knobs.per_channel, only=names
    )
    rounded = copy.deepcopy(model)
    rounded.load_state_dict(read_packed(path))
    weight_bytes = _tensor_bytes(path)
    if runtime == "torch":
        return Form(rounded, directory, path, torch_run(rounded), weight_bytes)
    run = onnx_run(write_onnx(rounded, examples.train.x, directory / ONNX))
    return Form(rounded, directory, path, run, weight_bytes)


def _fp16(model: nn.Module, examples: Examples, directory: Path) -> Form:
    # In ONNX Runtime whatever was asked for: torch on a CPU takes 10 times longer with fp16 than with fp32.
    halves = {name: value.half() if value.is_floating_point() else value for name, value in model.state_dict().items()}
    write_tensors(halves, directory / TENSORS, {})
    path = write_onnx(model, examples.train.x, directory / ONNX)
    onnx.save(convert_float_to_float16(onnx.load(path), keep_io_types=True), path)
    slim(path)
    return Form(model, directory, path, onnx_run(path), onnx_weight_bytes(path), exact=False)


def _bf16(model: nn.Module, directory: Path) -> Form:
    rounded = copy.deepcopy(model).to(torch.bfloat16)
    path = write_tensors(rounded.state_dict(), directory / TENSORS, {})
    run, weight_bytes = torch_run(rounded), _tensor_bytes(path)
    return Form(rounded.float(), directory, path, run, weight_bytes)


def _tensor_bytes(path: Path) -> int:
    header = int.from_bytes(path.read_bytes()[:8], "little")
    return path.stat().st_size - 8 - header
