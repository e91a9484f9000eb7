"""ONNX files: written from a torch model, checked, freed of what nobody needs at run time, and run."""

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnxruntime.transformers.onnx_model import OnnxModel
from torch import Tensor, nn

from workers.compression.figures import Run

INPUT, OUTPUT = "x", "y"


def write_onnx(model: nn.Module, example: Tensor, path: Path) -> Path:
    """Exports a model that takes any number of rows, and checks the file.

    Raises:
        torch.onnx.OnnxExporterError: the model does something that ONNX cannot say.
    """
    rows = example[:2].cpu()  # one row would be taken for a fixed size
    ready = copy.deepcopy(model).cpu().eval()
    with _without_exporters_chatter():
        torch.onnx.export(
            ready,
            (rows,),
            path,
            dynamo=True,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: torch.export.Dim("rows")},),
            external_data=False,
            verbose=False,
        )
    return slim(path)


def slim(path: Path) -> Path:
    """Drops stack traces and the shapes of inner values, half of a tiny network's file, and checks what is left."""
    file = onnx.load(path)
    OnnxModel(file).topological_sort()  # the conversion to fp16 appends its casts at the end
    for part in (file, file.graph, *file.graph.node, *file.graph.input, *file.graph.output, *file.graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    del file.graph.value_info[:]
    del file.functions[:]
    onnx.checker.check_model(file, full_check=True)
    onnx.save(file, path)
    return path


def onnx_run(path: Path) -> Run:
    """How the file runs in ONNX Runtime, on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def run(x: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(session.run(None, {INPUT: x})[0])

    return run


def onnx_weight_bytes(path: Path) -> int:
    """The bytes of the numbers in the file, without graph and names."""
    return sum(onnx.numpy_helper.to_array(each).nbytes for each in onnx.load(path).graph.initializer)


@contextmanager
def _without_exporters_chatter() -> Iterator[None]:
    # The exporter logs a warning for each operator of torchvision, which is not here, and warns of its own calls.
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.filterwarnings("ignore", "The tensor attribute", UserWarning)  # a GRU's flattened weights
            yield
    finally:
        logger.setLevel(level)
