"""Bytes that claim to be JSON are checked here before any model reads them.

Python's and pydantic's readers both let things through that must never reach a model: keys given twice, NaN and
Infinity, numbers beyond a double, nesting without end. What is refused here is `MalformedRequest` (400); what is
well-formed but does not fit is the model's business (422).
"""

import json
import re
from collections.abc import Sequence
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from studyhall.errors import InvalidInput, MalformedRequest, field_errors

MAX_DEPTH = 32
"""How deep arrays and objects may nest; the deepest request of ours needs nine."""

M = TypeVar("M", bound=BaseModel)


def read_model(model: type[M], body: bytes) -> M:
    """The body as a value of a model.

    Raises:
        MalformedRequest: the body is not strict JSON; nothing was validated.
        InvalidInput: it is, and does not fit; `errors` names the fields.
    """
    check_json(body)
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise _refusal(error, model) from None


def check_json(body: bytes) -> None:
    """Raises MalformedRequest unless the body is one JSON value: UTF-8, finite, no key twice, at most 32 deep.

    Lone surrogates and integers of thousands of digits are left to pydantic's reader, which refuses both.
    """
    if not body:
        raise MalformedRequest("The body is empty; send a JSON object.")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise MalformedRequest("The body is not valid UTF-8.") from None
    if text.count("[") + text.count("{") > MAX_DEPTH:
        _check_depth(text)
    try:
        _DECODER.decode(text)
    except _Refused as error:
        raise MalformedRequest(str(error)) from None
    except ValueError as error:
        raise MalformedRequest(f"The body is not valid JSON: {_where(error)}.") from None


class _Refused(Exception):
    """Valid for Python's reader, refused by ours."""


def _object(pairs: Sequence[tuple[str, Any]]) -> None:
    if len(dict(pairs)) == len(pairs):
        return  # the value itself is never used: pydantic reads the body again, faster than it walks dicts
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise _Refused(f"The key {json.dumps(key[:100])} is given twice in one object.")
        seen.add(key)


def _constant(name: str) -> NoReturn:
    raise _Refused(f"{name} is not JSON; numbers are finite.")


def _float(text: str) -> float:
    number = float(text)
    if number - number != 0.0:  # only infinity: the grammar has no NaN
        raise _Refused(f"The number {text[:40]} is beyond what a double can hold.")
    return number


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_float=_float)


# Also matches a string that never ends, so that no text is scanned twice: a pattern that fails there is quadratic.
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")


def _check_depth(text: str) -> None:
    # Before the reader, which recurses in C. Brackets inside of strings nest nothing.
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            raise MalformedRequest(f"The body nests deeper than {MAX_DEPTH} levels.")


def _where(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno}, column {error.colno}"
    return "a number has too many digits"


def _refusal(error: ValidationError, model: type[BaseModel]) -> MalformedRequest | InvalidInput:
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return MalformedRequest(f"The body is not valid JSON: {first['msg'].removeprefix('Invalid JSON: ')}.")
    return InvalidInput(errors=field_errors(error, model))
