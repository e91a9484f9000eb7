"""The state of a training on disk: tensors in a safetensors file, everything else as JSON. Neither can carry code."""

import json
from pathlib import Path
from typing import Any, Final

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from studyhall.trial_context import BadCheckpoint

TENSORS: Final = "state.safetensors"
REST: Final = "state.json"
_TENSOR: Final = "$tensor"
_ITEMS: Final = "$items"


def save_state(state: dict[Any, Any], directory: Path) -> None:
    """Writes a tree of dicts, lists, tensors and JSON values; tuples become lists."""
    tensors: dict[str, Tensor] = {}
    rest = _without_tensors(state, tensors)
    save_file(tensors, directory / TENSORS)
    (directory / REST).write_text(json.dumps(rest), "utf-8")


def load_state(directory: Path) -> dict[Any, Any]:
    """Reads what `save_state` wrote; tensors are on the CPU.

    Raises:
        BadCheckpoint: that is not what is there.
    """
    try:
        tensors = load_file(directory / TENSORS)
        state = _with_tensors(json.loads((directory / REST).read_text("utf-8")), tensors)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise BadCheckpoint(f"{directory.name} holds no state of a training: {error}") from error
    if not isinstance(state, dict):
        raise BadCheckpoint(f"{directory.name} holds no state of a training")
    return state


def _without_tensors(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        name = f"t{len(tensors)}"
        tensors[name] = value.detach().cpu().contiguous().clone()  # safetensors refuses tensors that share memory
        return {_TENSOR: name}
    if isinstance(value, dict):
        # As pairs, since an optimizer's state has whole numbers for keys, which JSON has not.
        return {_ITEMS: [[key, _without_tensors(each, tensors)] for key, each in value.items()]}
    if isinstance(value, list | tuple):
        return [_without_tensors(each, tensors) for each in value]
    return value


def _with_tensors(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_with_tensors(each, tensors) for each in value]
    if not isinstance(value, dict):
        return value
    if _TENSOR in value:
        return tensors[value[_TENSOR]]
    return {key: _with_tensors(each, tensors) for key, each in value[_ITEMS]}
