"""Reads trials from files, in portions that fit one request: JSON lines, CSV and Parquet as the server exports them.

A line of JSON may also be a trial as it is POSTed: `{"parameters": {...}, "state": "completed", "metrics": {...}}`.
Trials that were running or cancelled when they were exported are left out: they have no result.
"""

import csv
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TextIO

from studyhall.errors import InvalidInput, StudyhallError
from studyhall.trial_table import IMPORTED, TrialTable, cell_value

PORTION: Final = 200
"""Trials of one request at most: their curves must fit into its megabyte."""
PORTION_CHARACTERS: Final = 500_000
_TOLD: Final = ("parameters", "state", "metrics", "measurements", "reason", "note", "labels")


def read_trials(path: str | Path, table: TrialTable) -> Iterator[list[dict[str, Any]]]:
    """The trials of a file, some at a time; its ending tells what it is, and `-` is JSON lines on standard input.

    Raises:
        InvalidInput: a line is no trial; the portions before it have been given out.
        StudyhallError: a Parquet file, and pyarrow is not installed.
    """
    portion: list[dict[str, Any]] = []
    size = 0
    for trial, length in _trials(str(path), table):
        if portion and (len(portion) == PORTION or size + length > PORTION_CHARACTERS):
            yield portion
            portion, size = [], 0
        portion.append(trial)
        size += length
    if portion:
        yield portion


def _trials(path: str, table: TrialTable) -> Iterator[tuple[dict[str, Any], int]]:
    """Each trial, and about how many characters it takes in a request."""
    match Path(path).suffix.lower():
        case ".csv":
            return _from_csv(path, table)
        case ".parquet":
            return _from_parquet(path, table)
    return _from_lines(path)


def _from_lines(path: str) -> Iterator[tuple[dict[str, Any], int]]:
    with _text(path) as lines:
        for number, line in enumerate(lines, 1):
            if line.strip() and (trial := _trial(line, f"{path}, line {number}")) is not None:
                yield trial, len(line)


def _from_csv(path: str, table: TrialTable) -> Iterator[tuple[dict[str, Any], int]]:
    kinds = table.columns
    with _text(path, newline="") as lines:
        rows = csv.DictReader(lines)
        for row in rows:
            where = f"{path}, line {rows.line_num}"
            if None in row or None in row.values():
                raise InvalidInput(f"{where}: has another number of cells than the first line")
            try:
                trial = table.trial({name: cell_value(text, kinds.get(name, "text")) for name, text in row.items()})
            except InvalidInput as error:
                raise InvalidInput(f"{where}: {error}") from error
            if trial is not None:
                yield trial, sum(map(len, row.values()))


def _from_parquet(path: str, table: TrialTable) -> Iterator[tuple[dict[str, Any], int]]:
    try:
        from pyarrow import ArrowInvalid, parquet
    except ImportError as error:
        raise StudyhallError("a Parquet file needs pyarrow: pip install 'studyhall[parquet]'") from error
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=PORTION):
                for row in batch.to_pylist():
                    trial = table.trial(row)
                    if trial is not None:
                        yield trial, len(str(trial))
    except ArrowInvalid as error:
        raise InvalidInput(f"{path}: {error}") from error


def _trial(line: str, where: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{where}: {error}") from error
    if not isinstance(found, dict):
        raise InvalidInput(f'{where}: expected an object such as {{"parameters": {{"lr": 0.1}}}}')
    if "id" not in found:
        return found
    told = {name: value for name, value in found.items() if name in _TOLD and value not in ({}, "")}
    return told if found.get("state") in IMPORTED else None


@contextmanager
def _text(path: str, newline: str | None = None) -> Iterator[TextIO]:
    if path == "-":
        yield sys.stdin
        return
    try:
        with open(path, encoding="utf-8-sig", newline=newline) as file:  # noqa: PTH123  # a path as it was written
            yield file
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path}: is not UTF-8 text") from error
