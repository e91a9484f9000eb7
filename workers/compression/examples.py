"""What a model learns from and is judged by."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Rows:
    """Inputs `(n, ...)` and, for each, a class index (int64) or a value (float32), shape `(n,)`."""

    x: Tensor
    y: Tensor

    def first(self, count: int) -> "Rows":
        """Its first rows."""
        return Rows(self.x[:count], self.y[:count])


@dataclass(frozen=True, eq=False)
class Examples:
    """Rows to train on and rows to judge by; the model's outputs are class scores `(n, classes)`, or values `(n,)`.

    Args:
        unlabelled: further inputs, which only a teacher can say something about.
        content: SHA-256 of the data, for the model card.
        data: its name, and how it was split.
    """

    train: Rows
    validation: Rows
    kind: Literal["classification", "regression"] = "classification"
    unlabelled: Tensor | None = None
    content: str = ""
    data: str = ""

    @property
    def score(self) -> Literal["accuracy", "r2"]:
        """What a model of this kind is judged by; more is better."""
        return "accuracy" if self.kind == "classification" else "r2"
