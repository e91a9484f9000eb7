"""Data for the built-in trainables: real sets that come with scikit-learn, and CSV files of the user's.

A data set is split once per study: by `split_seed`, never by a trial's seed, so that all trials are judged on the same
validation rows and nobody has seen the test rows before the winner is chosen.
"""

import csv
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from sklearn import datasets as bundled
from sklearn.model_selection import train_test_split

from studyhall.errors import FieldError, InvalidInput
from workers.trainables.trainable import Declared

DATA_VARIABLE: Final = "STUDYHALL_DATA"
"""The directory that CSV files are read from; nothing outside of it is."""
MAX_CSV_BYTES: Final = 512 * 1024 * 1024
MAX_CLASSES: Final = 1000

Kind = Literal["classification", "regression"]
Floats = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class DataSet:
    """Rows to learn from.

    Args:
        x: inputs, shape `(rows, ...)`.
        y: class indices for classification, values for regression, shape `(rows,)`.
        classes: what the class indices stand for; empty for regression.
        features: the names of the columns; empty for images.
        content: SHA-256 of the rows.
    """

    name: str
    kind: Kind
    x: Floats
    y: Floats | Labels
    classes: tuple[str | int, ...]
    features: tuple[str, ...]
    content: str


@dataclass(frozen=True)
class Part:
    """Some rows of a data set."""

    x: Floats
    y: Floats | Labels


@dataclass(frozen=True)
class Split:
    """60 % to train on, 20 % that the search sees, 20 % that it does not."""

    train: Part
    validation: Part
    test: Part


class DataSettings(Declared):
    """Which data, and how it is split."""

    dataset: str
    """A bundled set, or `csv`."""
    path: str | None = None
    """For csv: the file, below the worker's data directory."""
    target: str | None = None
    """For csv: the column to predict; by default the last."""
    goal: Literal["auto", "classification", "regression"] = "auto"
    """For csv: auto takes text and a few whole numbers for classes."""
    split_seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """The same for all trials of a study, so that they are comparable."""


def load_dataset(settings: DataSettings) -> DataSet:
    """Reads a data set.

    Raises:
        InvalidInput: there is no such set, or the file does not fit; the error says what to do.
    """
    if settings.dataset == "csv":
        return _from_csv(settings)
    if settings.dataset not in BUNDLED:
        raise _wrong("dataset", f"there is no data set '{settings.dataset}'; there are {', '.join([*BUNDLED, 'csv'])}")
    return load_bundled(settings.dataset)


@lru_cache(maxsize=8)
def load_bundled(name: str) -> DataSet:
    """One of the bundled sets; read once per process."""
    return BUNDLED[name](name)


@lru_cache(maxsize=8)
def split_dataset(data: DataSet, split_seed: int) -> Split:
    """Shuffles and splits, with equal shares of each class in every part; done once per process.

    Raises:
        InvalidInput: there are too few rows.
    """
    rows = np.arange(len(data.y))
    classes = data.y if data.kind == "classification" else None
    try:
        train, rest = train_test_split(rows, train_size=0.6, random_state=split_seed, stratify=classes)
        kept = None if classes is None else classes[rest]
        validation, test = train_test_split(rest, train_size=0.5, random_state=split_seed, stratify=kept)
    except ValueError as error:
        raise _wrong("dataset", f"'{data.name}' cannot be split 60/20/20: {error}") from error
    train, validation, test = (Part(data.x[part], data.y[part]) for part in (train, validation, test))
    return Split(train, validation, test)


def _digits(name: str) -> DataSet:
    data = bundled.load_digits()
    return _dataset(name, data.images[:, None] / 16.0, data.target, tuple(range(10)), ())


def _classes(load: Callable[[], bundled]) -> Callable[[str], DataSet]:
    def read(name: str) -> DataSet:
        data = load()
        return _dataset(name, data.data, data.target, tuple(map(str, data.target_names)), tuple(data.feature_names))

    return read


def _diabetes(name: str) -> DataSet:
    data = bundled.load_diabetes()
    return _dataset(name, data.data, data.target, (), tuple(data.feature_names))


BUNDLED: Final[dict[str, Callable[[str], DataSet]]] = {
    "digits": _digits,
    "breast_cancer": _classes(bundled.load_breast_cancer),
    "wine": _classes(bundled.load_wine),
    "iris": _classes(bundled.load_iris),
    "diabetes": _diabetes,
}


def _from_csv(settings: DataSettings) -> DataSet:
    path = _csv_path(settings.path)
    header, rows = _read_csv(path)
    target = settings.target or header[-1]
    if target not in header:
        raise _wrong("target", f"{path.name} has no column '{target}'; it has {', '.join(header[:50])}")
    columns = {name: [row[place] for row in rows] for place, name in enumerate(header)}
    y, classes = _target_column(columns.pop(target), settings.goal)
    blocks = [_feature_columns(name, cells) for name, cells in columns.items()]
    x = np.column_stack([block for block, _ in blocks])
    features = tuple(name for _, names in blocks for name in names)
    return _dataset(path.name, x, y, classes, features)


def _csv_path(given: str | None) -> Path:
    if given is None:
        raise _wrong("path", "name the CSV file")
    home = Path(os.environ.get(DATA_VARIABLE, ".")).resolve()
    path = (home / given).resolve()
    if not path.is_relative_to(home):
        raise _wrong("path", "the file is outside of the worker's data directory (worker option --data)")
    if not path.is_file():
        raise _wrong("path", f"there is no file '{given}' in the worker's data directory (worker option --data)")
    if path.stat().st_size > MAX_CSV_BYTES:
        raise _wrong("path", f"'{given}' is larger than {MAX_CSV_BYTES // 2**20} MiB")
    return path


def _read_csv(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = list(csv.reader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise _wrong("path", f"{path.name} is no CSV text in UTF-8: {error}") from error
    header, rows = (lines[0] if lines else []), [row for row in lines[1:] if row]
    if len(header) < 2 or len(set(header)) < len(header) or not rows:
        raise _wrong("path", f"{path.name} needs a first line with two or more different column names, and rows")
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise _wrong("path", f"{path.name}: row {number} has {len(row)} cells where the header has {len(header)}")
    return header, rows


def _target_column(cells: list[str], goal: str) -> tuple[Floats | Labels, tuple[str, ...]]:
    values = _numbers(cells)
    few_whole = values is not None and len(set(cells)) <= 20 and bool(np.all(values == np.round(values)))
    if goal == "classification" or (goal == "auto" and (values is None or few_whole)):
        classes, y = np.unique(np.array(cells), return_inverse=True)
        if len(classes) > MAX_CLASSES:
            raise _wrong("target", f"{len(classes)} different values are more than {MAX_CLASSES} classes")
        return y.astype(np.int64), tuple(map(str, classes))
    if values is None:
        raise _wrong("target", "a regression needs a column of numbers, without empty cells")
    return values, ()


def _feature_columns(name: str, cells: list[str]) -> tuple[Floats, list[str]]:
    if any(not cell.strip() for cell in cells):
        empty = sum(not cell.strip() for cell in cells)
        raise _wrong("path", f"column '{name}' has {empty} empty cells; fill them or drop the rows")
    values = _numbers(cells)
    if values is not None:
        return values[:, None], [name]
    levels = sorted(set(cells))
    if len(levels) > 100:
        raise _wrong(
            "path", f"column '{name}' has {len(levels)} different texts; drop it or group them to 100 or fewer"
        )
    return np.array([[cell == level for level in levels] for cell in cells], np.float32), [
        f"{name}={v}" for v in levels
    ]


def _numbers(cells: list[str]) -> Floats | None:
    try:
        values = np.array([float(cell) for cell in cells])
    except ValueError:
        return None
    return values.astype(np.float32) if bool(np.all(np.isfinite(values))) else None


def _dataset(
    name: str, x: NDArray[np.generic], y: NDArray[np.generic], classes: tuple[str | int, ...], features: tuple[str, ...]
) -> DataSet:
    inputs: Floats = np.ascontiguousarray(x, np.float32)
    targets: Floats | Labels = np.ascontiguousarray(y, np.int64) if classes else np.ascontiguousarray(y, np.float32)
    content = hashlib.sha256(repr((inputs.shape, classes, features)).encode())
    content.update(inputs.tobytes())
    content.update(targets.tobytes())
    kind: Kind = "classification" if classes else "regression"
    return DataSet(name, kind, inputs, targets, classes, features, content.hexdigest())


def _wrong(field: str, message: str) -> InvalidInput:
    return InvalidInput("this data cannot be used", errors=[FieldError(f"/{field}", message)])
