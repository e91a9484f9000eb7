"""What every type of parameter has: a name, a condition, a prior, and places on the unit interval or cube."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from studyhall.errors import invalid
from studyhall.expression_tree import Scalar
from studyhall.words import JsonScalar, ParameterName, ParameterValue, Word

MAX_CHOICES = 1000
MAX_ITEMS = 100
"""Of a permutation, a subset or a simplex: each is a column of the unit cube."""


class Prior(Word):
    """Where the user believes the best value lies, and how strongly; engines let it fade as results come in."""

    center: JsonScalar | tuple[JsonScalar, ...]
    confidence: Literal["low", "medium", "high"] = "medium"

    @model_serializer(mode="wrap")
    def _keep_null(self, write: SerializerFunctionWrapHandler):  # type: ignore[no-untyped-def]  # it would be the schema
        """Null may be a choice: it stays when absent fields are left out."""
        return write(self) | {"center": list(self.center) if isinstance(self.center, tuple) else self.center}


class ParameterBase(Word):
    """The common part; a value has `width` places in [0, 1], which are one place for all but lists."""

    name: ParameterName
    when: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    """An expression over other parameters; this one is active only where it is true."""

    @model_serializer(mode="wrap")
    def _keep_null(self, write: SerializerFunctionWrapHandler):  # type: ignore[no-untyped-def]  # it would be the schema
        """Null may be a value here: it stays when absent fields are left out."""
        written = write(self)
        nulls = (name for name in ("value", "default") if name in self.model_fields_set and getattr(self, name) is None)
        return written | dict.fromkeys(nulls)

    @property
    def width(self) -> int:
        """How many places a value has."""
        return 1

    def contains(self, value: object) -> bool:
        """Whether a value is one of this parameter's."""
        raise NotImplementedError

    def to_units(self, value: ParameterValue) -> tuple[float, ...]:
        """The places of a value, `width` of them."""
        raise NotImplementedError

    def from_units(self, units: Sequence[float]) -> ParameterValue:
        """The value at `width` places."""
        raise NotImplementedError

    def middle(self) -> ParameterValue:
        """The value in the middle of all, for want of a default."""
        return self.from_units((0.5,) * self.width)

    def choice_index(self, value: Scalar) -> int:
        """The position of a value among the choices of a discrete parameter."""
        raise TypeError(f"parameter '{self.name}' has no choices")


def check_distinct(choices: Sequence[Scalar], at: str = "/choices") -> None:
    """Refuses choices of which two are the same value.

    Raises:
        Invalid: with the pointer of the second one.
    """
    seen: set[tuple[str, Scalar]] = set()
    for index, choice in enumerate(choices):
        # 1 and 1.0 are one value, true is another: the kind keeps them apart in the set.
        key = (_kind(choice), choice)
        if key in seen:
            raise invalid([(f"{at}/{index}", f"{choice!r} is listed twice")])
        seen.add(key)


def check_default_and_prior(parameter: Any) -> None:
    """Refuses a default or a prior's center that is not a value of its parameter."""
    faults = []
    if "default" in parameter.model_fields_set and not parameter.contains(parameter.default):
        faults.append(("/default", "default is not a value of this parameter"))
    if parameter.prior is not None and not parameter.contains(parameter.prior.center):
        faults.append(("/prior/center", "center is not a value of this parameter"))
    if faults:
        raise invalid(faults)


def _kind(choice: Scalar) -> str:
    if isinstance(choice, bool):
        return "bool"
    return "number" if isinstance(choice, (int, float)) else type(choice).__name__
