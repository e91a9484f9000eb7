"""The base of every value that crosses a door, and the small vocabulary of types they share.

Strict: "12" is not 12, true is not 1, an unknown field is refused, NaN and infinity are refused. Frozen: a value is
replaced, never changed.
"""

from typing import Annotated, Any, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    StrictBool,
    StrictInt,
    StrictStr,
    StringConstraints,
)
from pydantic_core.core_schema import CoreSchema, custom_error_schema


class Word(BaseModel):
    """A strict, frozen value. Answers read with `extra="ignore"` stay readable when a newer server adds fields."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False, validate_default=False)

    def to_json(self) -> str:
        """The JSON text of this value, without absent (null) fields."""
        return self.model_dump_json(exclude_none=True)

    def to_dict(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return self.model_dump(mode="json", exclude_none=True)


MAX_INT = 2**53
"""Integers beyond this lose digits in JSON readers that use doubles."""
MAX_BOUND = 1e100


class Worded:
    """One fault in our words instead of pydantic's: a regular expression, or one fault for each member of a union."""

    def __init__(self, message: str) -> None:
        self.message = message

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return custom_error_schema(handler(source), "worded", custom_error_message=self.message)


Finite = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=MAX_INT)]
_Scalar: TypeAlias = StrictBool | StrictInt | Finite | StrictStr | None
JsonScalar = Annotated[_Scalar, Worded("should be text, a number, true, false or null")]

_NAME = StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_./-]*$", min_length=1, max_length=128)
_A_NAME = Worded("should be 1 to 128 of A-Z a-z 0-9 _ . / -, the first a letter or _")
ParameterName = Annotated[str, _NAME, _A_NAME]
MetricName = Annotated[str, _NAME, _A_NAME]
StudyName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_]([A-Za-z0-9_.: -]*[A-Za-z0-9_.])?$", min_length=1, max_length=128),
    Worded("should be 1 to 128 of A-Z a-z 0-9 _ . : - and spaces, with a letter, a digit or _ at both ends"),
]
"""Readable in a URL and in a shell; no control or invisible characters, nothing a spreadsheet takes for a formula."""
WorkerName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_.:@/-]+$", min_length=1, max_length=128),
    Worded("should be 1 to 128 of A-Z a-z 0-9 _ . : @ / -"),
]
Token = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_-]+$", min_length=16, max_length=64),
    Worded("should be 16 to 64 of A-Z a-z 0-9 _ -: a UUID, for instance"),
]
"""A secret made by the client with its claim, a UUID for instance; it names the lease."""
LabelKey = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_./-]+$", min_length=1, max_length=64),
    Worded("should be 1 to 64 of A-Z a-z 0-9 _ . / -"),
]
PlainText = Annotated[
    str, StringConstraints(pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]*$", max_length=4096)
]
"""Free text: tabs and newlines, but no other control characters and none that reverse the reading direction."""
Labels = Annotated[dict[LabelKey, Annotated[PlainText, StringConstraints(max_length=256)]], Field(max_length=64)]
_Version = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]+(\.[0-9]+)*[0-9A-Za-z.+-]*$", max_length=64),
    Worded("should be a version, such as 2.10"),
]
Versions = Annotated[dict[LabelKey, _Version], Field(max_length=16)]
"""Version numbers by the name of what they are of; they are compared by their leading numbers."""
Metrics = Annotated[dict[MetricName, Finite], Field(min_length=1, max_length=100)]
ParameterValue = Annotated[
    _Scalar | list[JsonScalar], Worded("should be text, a number, true, false, null, or a list of these")
]
"""What a parameter may be: most are a scalar; a permutation, a subset and a simplex are a list."""
Parameters = dict[str, ParameterValue]
"""One assignment of values to the active parameters of a space."""
