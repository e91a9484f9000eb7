"""Reads what a person wrote (keyword arguments, plain dicts, models, numpy scalars) into the words of the API."""

import json
import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from studyhall.errors import FieldError, InvalidInput, field_errors
from studyhall.words import Word

W = TypeVar("W", bound=Word)


def read_word(kind: type[W], written: Mapping[str, Any]) -> W:
    """A value of `kind`; what is None counts as absent.

    Raises:
        InvalidInput: naming each field that does not fit.
    """
    present = {name: value for name, value in written.items() if value is not None}
    return read_json(kind, _to_json(present))


def read_json(kind: type[W], text: str | bytes) -> W:
    """The same from JSON text, as the server would read it."""
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise InvalidInput(f"fields of the {_subject(kind)} do not fit", errors=field_errors(error, kind)) from error


def _subject(kind: type[Word]) -> str:
    """What a person calls it: `PatchStudy` is about a study."""
    verb, *nouns = re.findall("[A-Z][a-z]*", kind.__name__)
    return " ".join(nouns or [verb]).lower()


def _to_json(value: Any) -> str:
    # By way of JSON, because that is what is sent: a list may be given for a tuple, and 3 for 3.0, but "3" for neither.
    try:
        return json.dumps(value, default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput("this cannot be written as JSON", errors=[FieldError("", str(error))]) from error


def _plain(value: Any) -> Any:
    if isinstance(value, Word):
        return value.to_dict()
    if isinstance(value, (set, frozenset)):
        raise TypeError("a set has no order; write a list")
    if isinstance(value, Mapping):
        return dict(value)
    if callable(getattr(value, "tolist", None)):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} is not JSON")
