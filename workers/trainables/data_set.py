"""What a data set is: rows with what they are to teach, split once for all trials of a study."""

import hashlib
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from studyhall.errors import FieldError, InvalidInput
from workers.trainables.trainable import Declared

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

    def as_rows_of(self, dimensions: int, kind: Kind | None = None) -> "DataSet":
        """The same rows for a network that takes 1 (a table), 2 (channels, length) or 3 (channels, height, width).

        A missing channel dimension is added.

        Raises:
            InvalidInput: the data is of another sort.
        """
        shape = self.x.shape[1:]
        if len(shape) == dimensions - 1 > 0:
            return replace(self, x=self.x[:, None]).as_rows_of(dimensions, kind)
        if len(shape) != dimensions or kind not in (None, self.kind):
            wanted = {1: "a table", 2: "sequences", 3: "images"}[dimensions]
            raise unusable("dataset", f"'{self.name}' is a {self.kind} of rows of shape {shape}, not {wanted}")
        return self

    def report(self) -> dict[str, Any]:
        """What is in it, for people and as JSON: its size, its columns, its target and its content hash."""
        return {
            "name": self.name,
            "kind": self.kind,
            "rows": len(self.y),
            "shape": list(self.x.shape[1:]),
            "columns": [_column(name, self.x[:, place]) for place, name in enumerate(self.features)],
            "target": self._target(),
            "sha256": self.content,
        }

    @property
    def in_a_line(self) -> str:
        """The same, shortly, for a log."""
        kind = f"{len(self.classes)} classes" if self.classes else "a value"
        return f"data '{self.name}': {len(self.y)} rows of {self.x.shape[1:]}, {kind}, sha256 {self.content[:16]}"

    def _target(self) -> dict[str, Any]:
        if self.kind == "regression":
            return _column("target", self.y)
        return {str(name): int(np.sum(self.y == place)) for place, name in enumerate(self.classes)}


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
    """A bundled set, or `csv`, `npz`, `parquet` for a file of yours."""
    path: str | None = None
    """For files: where it is, below the worker's data directory."""
    target: str | None = None
    """For files: the column to predict, by default the last; in an npz file the array, by default `y`."""
    goal: Literal["auto", "classification", "regression"] = "auto"
    """For files: auto takes text and a few whole numbers for classes."""
    pool: Annotated[int, Field(ge=1, le=64)] = 1
    """For images: squares of this side are averaged to one pixel, which makes training faster and coarser."""
    split_seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """The same for all trials of a study, so that they are comparable."""


def make_dataset(
    name: str, x: NDArray[np.generic], y: NDArray[np.generic], classes: tuple[str | int, ...], features: tuple[str, ...]
) -> DataSet:
    """A data set with its content hash; without classes it is a regression."""
    inputs: Floats = np.ascontiguousarray(x, np.float32)
    targets: Floats | Labels = np.ascontiguousarray(y, np.int64) if classes else np.ascontiguousarray(y, np.float32)
    content = hashlib.sha256(repr((inputs.shape, classes, features)).encode())
    content.update(inputs.tobytes())
    content.update(targets.tobytes())
    kind: Kind = "classification" if classes else "regression"
    return DataSet(name, kind, inputs, targets, classes, features, content.hexdigest())


def unusable(field: str, message: str) -> InvalidInput:
    """The error for data that does not fit; it names the setting to change."""
    return InvalidInput("this data cannot be used", errors=[FieldError(f"/{field}", message)])


def _column(name: str, values: NDArray[np.generic]) -> dict[str, Any]:
    numbers = np.asarray(values, np.float64)
    return {"name": name, "min": float(numbers.min()), "mean": float(numbers.mean()), "max": float(numbers.max())}
