"""Reads trials from a file of JSON lines, in portions that fit one request."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, TextIO

from studyhall.errors import InvalidInput

PORTION: Final = 200
"""Trials of one request at most: their curves must fit into its megabyte."""
PORTION_CHARACTERS: Final = 500_000


def read_trial_lines(path: str) -> Iterator[list[dict[str, Any]]]:
    """The trials of a file, some at a time; `-` reads standard input.

    Raises:
        InvalidInput: a line is no JSON object; the portions before it have been given out.
    """
    portion: list[dict[str, Any]] = []
    size = 0
    with _lines(path) as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            if portion and (len(portion) == PORTION or size + len(line) > PORTION_CHARACTERS):
                yield portion
                portion, size = [], 0
            portion.append(_trial(line, f"{path}, line {number}"))
            size += len(line)
    if portion:
        yield portion


def _trial(line: str, where: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{where}: {error}") from error
    if not isinstance(found, dict):
        raise InvalidInput(f'{where}: expected an object such as {{"parameters": {{"lr": 0.1}}}}')
    return found


@contextmanager
def _lines(path: str) -> Iterator[TextIO]:
    if path == "-":
        yield sys.stdin
        return
    try:
        with open(path, encoding="utf-8-sig") as file:  # noqa: PTH123  # a path of a command line, as it was written
            yield file
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path}: is not UTF-8 text") from error
