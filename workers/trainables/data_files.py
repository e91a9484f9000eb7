"""Files of the user's as data: CSV and Parquet tables, NPZ arrays. Nothing in them is ever run or unpickled.

Only files below the worker's data directory are read, whatever a study names.
"""

import csv
import os
import zipfile
import zlib
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from workers.trainables.data_set import DataSet, DataSettings, Floats, Labels, make_dataset, unusable

DATA_VARIABLE: Final = "STUDYHALL_DATA"
"""The directory that files are read from; nothing outside of it is."""
FILE_KINDS: Final = ("csv", "npz", "parquet")
MAX_FILE_BYTES: Final = 512 * 1024 * 1024
MAX_CELLS: Final = 50_000_000
MAX_CLASSES: Final = 1000


def read_file(settings: DataSettings) -> DataSet:
    """The rows of a user's file.

    Raises:
        InvalidInput: there is no such file below the worker's data directory, or it does not fit.
    """
    if settings.path is None:
        raise unusable("path", "name the file")
    path = file_below(settings.path)
    if settings.dataset == "npz":
        return _from_arrays(path, settings)
    header, columns = _read_parquet(path) if settings.dataset == "parquet" else _read_csv(path)
    return _from_table(path, dict(zip(header, columns, strict=True)), settings)


def _from_table(path: Path, columns: dict[str, list[str]], settings: DataSettings) -> DataSet:
    target = settings.target or list(columns)[-1]
    if target not in columns:
        raise unusable("target", f"{path.name} has no column '{target}'; it has {', '.join(list(columns)[:50])}")
    y, classes = _target_column(target, columns.pop(target), settings.goal)
    blocks = [_feature_columns(name, cells) for name, cells in columns.items()]
    x = np.column_stack([block for block, _ in blocks])
    features = tuple(name for _, names in blocks for name in names)
    return make_dataset(path.name, x, y, classes, features)


def file_below(given: str, *, field: str = "path") -> Path:
    """A file of the worker's data directory.

    Raises:
        InvalidInput: there is none of that name there, or it is too large; the error names the setting `field`.
    """
    home = Path(os.environ.get(DATA_VARIABLE, ".")).resolve()
    path = (home / given).resolve()
    if not path.is_relative_to(home):
        raise unusable(field, "the file is outside of the worker's data directory (worker option --data)")
    if not path.is_file():
        raise unusable(field, f"there is no file '{given}' in the worker's data directory (worker option --data)")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise unusable(field, f"'{given}' is larger than {MAX_FILE_BYTES // 2**20} MiB")
    return path


def _read_csv(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = list(csv.reader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise unusable("path", f"{path.name} is no CSV text in UTF-8: {error}") from error
    header, rows = (lines[0] if lines else []), [row for row in lines[1:] if row]
    if len(header) < 2 or len(set(header)) < len(header) or not rows:
        raise unusable("path", f"{path.name} needs a first line with two or more different column names, and rows")
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise unusable("path", f"{path.name}: row {number} has {len(row)} cells where the header has {len(header)}")
    return header, [list(column) for column in zip(*rows, strict=True)]


def _read_parquet(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        from pyarrow import ArrowInvalid, parquet
    except ImportError as error:
        raise unusable("dataset", "Parquet needs pyarrow on the worker: pip install 'studyhall[parquet]'") from error
    try:
        file = parquet.ParquetFile(path)
        if file.metadata.num_rows * file.metadata.num_columns > MAX_CELLS:
            raise unusable("path", f"{path.name} has more than {MAX_CELLS:,} cells")
        table = file.read()
    except (ArrowInvalid, OSError) as error:
        raise unusable("path", f"{path.name} is no Parquet file: {error}") from error
    if table.num_columns < 2 or not table.num_rows or len(set(table.column_names)) < table.num_columns:
        raise unusable("path", f"{path.name} needs two or more columns of different names, and rows")
    cells = [["" if cell is None else str(cell) for cell in column.to_pylist()] for column in table.columns]
    return list(table.column_names), cells


def _from_arrays(path: Path, settings: DataSettings) -> DataSet:
    arrays = _read_npz(path)
    target = settings.target or "y"
    missing = [name for name in ("x", target) if name not in arrays]
    if missing:
        raise unusable("path", f"{path.name} has no array '{missing[0]}'; it has {', '.join(sorted(arrays))}")
    x, given = arrays["x"], arrays[target]
    if x.dtype.kind not in "fiub" or x.ndim < 2 or not x.size:
        raise unusable("path", f"'x' in {path.name} must hold numbers, a row for each example")
    if given.shape != x.shape[:1]:
        raise unusable("target", f"'{target}' has the shape {given.shape}; for these rows it must be ({len(x)},)")
    if not np.all(np.isfinite(x)):
        raise unusable("path", f"'x' in {path.name} has values that are not finite")
    y, classes = _target_column(target, [str(cell) for cell in given.tolist()], settings.goal)
    features = tuple(f"x{place}" for place in range(x.shape[1])) if x.ndim == 2 else ()
    return make_dataset(path.name, x, y, classes, features)


def _read_npz(path: Path) -> dict[str, NDArray[np.generic]]:
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > 2 * MAX_FILE_BYTES:
                raise unusable("path", f"{path.name} unpacks to more than {2 * MAX_FILE_BYTES // 2**20} MiB")
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, zlib.error) as error:
        raise unusable("path", f"{path.name} is no NPZ file of plain arrays: {error}") from error


def _target_column(name: str, cells: list[str], goal: str) -> tuple[Floats | Labels, tuple[str, ...]]:
    values = _numbers(name, cells)
    few_whole = values is not None and len(set(cells)) <= 20 and bool(np.all(values == np.round(values)))
    if goal == "classification" or (goal == "auto" and (values is None or few_whole)):
        classes = sorted(set(cells), key=str if values is None else lambda cell: (float(cell), cell))  # 2 before 10
        if len(classes) > MAX_CLASSES:
            raise unusable("target", f"{len(classes)} different values are more than {MAX_CLASSES} classes")
        place = {level: index for index, level in enumerate(classes)}
        return np.array([place[cell] for cell in cells], np.int64), tuple(classes)
    if values is None:
        raise unusable("target", "a regression needs a column of numbers, without empty cells")
    return values, ()


def _feature_columns(name: str, cells: list[str]) -> tuple[Floats, list[str]]:
    if any(not cell.strip() for cell in cells):
        empty = sum(not cell.strip() for cell in cells)
        raise unusable("path", f"column '{name}' has {empty} empty cells; fill them or drop the rows")
    values = _numbers(name, cells)
    if values is not None:
        return values[:, None], [name]
    levels, place = np.unique(cells, return_inverse=True)
    if len(levels) > 100:
        raise unusable(
            "path", f"column '{name}' has {len(levels)} different texts; drop it or group them to 100 or fewer"
        )
    return np.eye(len(levels), dtype=np.float32)[place], [f"{name}={level}" for level in levels]


def _numbers(name: str, cells: list[str]) -> Floats | None:
    """The column as numbers; None where it holds texts."""
    try:
        exact = np.array([float(cell) for cell in cells])
    except ValueError:
        return None
    with np.errstate(over="ignore"):
        values = exact.astype(np.float32)
    if lost := int(np.sum(~np.isfinite(values))):
        raise unusable(
            "path", f"column '{name}' has {lost} cells that are not finite (nan, inf); fill them or drop the rows"
        )
    return values
