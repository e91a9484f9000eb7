"""safetensors files that are the same, byte for byte, whenever they hold the same."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import safetensors
from safetensors.torch import load_file, save_file
from torch import Tensor

METADATA: Final = "studyhall"
"""The one metadata key: with two, their order in the file is left to chance."""


def write_tensors(tensors: Mapping[str, Tensor], path: Path, facts: Mapping[str, Any]) -> Path:
    """Writes tensors, and facts about them as one JSON text."""
    ready = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    save_file(ready, path, metadata={METADATA: json.dumps(facts, sort_keys=True)})
    return path


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the facts."""
    with safetensors.safe_open(path, framework="pt") as file:
        facts = json.loads((file.metadata() or {}).get(METADATA, "{}"))
    return load_file(path), facts
