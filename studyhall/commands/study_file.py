"""Reads a study, or a space, from a JSON or YAML file that a person wrote; says what is wrong where."""

import json
import re
import sys
from pathlib import Path
from typing import Any

from studyhall.definition import read_word
from studyhall.errors import FieldError, InvalidInput
from studyhall.space import Space
from studyhall.wire.studies import CreateStudy

MAX_BYTES = 1024 * 1024
"""What the server takes of one request."""


def read_study_file(path: str, **changes: Any) -> CreateStudy:
    """The study that a file defines; `changes` that are not None take the place of its fields."""
    written = read_mapping(path) | {name: value for name, value in changes.items() if value is not None}
    written.pop("$schema", None)  # for editors
    try:
        return read_word(CreateStudy, written)
    except InvalidInput as error:
        raise _explained(error, written, path) from error


def read_space_file(path: str) -> Space:
    """The space in a file: the whole of it, or a study's."""
    written = read_mapping(path)
    inner = written["space"] if isinstance(written.get("space"), dict) else written
    try:
        return read_word(Space, inner)
    except InvalidInput as error:
        raise _explained(error, inner, path) from error


def read_mapping(path: str) -> dict[str, Any]:
    """What a JSON or YAML file holds, as it stands."""
    text = _text(path)
    is_yaml = Path(path).suffix.lower() in (".yaml", ".yml") or (
        path == "-" and not text.lstrip().startswith(("{", "["))
    )
    written = _yaml(text, path) if is_yaml else _json(text, path)
    if not isinstance(written, dict):
        raise InvalidInput(f"{path}: expected a mapping of fields such as 'name' and 'space'")
    return written


def _text(path: str) -> str:
    if path == "-":
        found = sys.stdin.buffer.read(MAX_BYTES + 1)
    else:
        with Path(path).open("rb") as file:
            found = file.read(MAX_BYTES + 1)
    if len(found) > MAX_BYTES:
        raise InvalidInput(f"{path}: larger than {MAX_BYTES} bytes")
    try:
        return found.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path}: is not UTF-8 text") from error


def _json(text: str, path: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_without_repeats, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{path}: {error}") from error


def _yaml(text: str, path: str) -> Any:
    try:
        import yaml  # type: ignore[import-untyped]  # an optional package; its types are another
    except ImportError as error:
        raise InvalidInput(f"{path}: YAML needs PyYAML (pip install pyyaml); or write it as JSON") from error

    def mapping(loader: Any, node: Any) -> dict[Any, Any]:
        loader.flatten_mapping(node)
        return _without_repeats(
            [tuple(loader.construct_object(part, deep=True) for part in pair) for pair in node.value]
        )

    loader: Any = type("Loader", (yaml.SafeLoader,), {})
    loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    try:
        return yaml.load(text, loader)  # noqa: S506, TID251  # a SafeLoader that also refuses a key written twice
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise InvalidInput(f"{path}: {_in_a_line(error)}") from error


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).replace('in "<unicode string>", ', "at ").split())


def _without_repeats(pairs: list[tuple[Any, ...]]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"'{name}' is written twice")
        found[name] = value
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _explained(error: InvalidInput, written: Any, path: str) -> InvalidInput:
    errors = [FieldError(fault.pointer, fault.message + _hint(written, fault.pointer)) for fault in error.errors]
    return InvalidInput(f"{path}: does not fit", errors=errors)


def _hint(written: Any, pointer: str) -> str:
    value = _at(written, pointer)
    if isinstance(value, str) and (found := re.fullmatch(r"([+-]?\d+)([eE][+-]?\d+)", value)):
        return f"; '{value}' is text in YAML 1.1, write {found[1]}.0{found[2]}"
    return ""


def _at(written: Any, pointer: str) -> Any:
    here = written
    for part in pointer.split("/")[1:]:
        if isinstance(here, dict):
            here = here.get(part)
        elif isinstance(here, list) and part.isdigit() and int(part) < len(here):
            here = here[int(part)]
    return here
