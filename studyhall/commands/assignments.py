"""Reads `NAME=VALUE` words of a command line: what is no JSON is text."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from studyhall.errors import InvalidInput


def read_assignments(words: Iterable[str]) -> dict[str, Any]:
    """The values by name: `lr=0.01` is a number, `act=relu` a text, `order=[2,1]` a list.

    Raises:
        InvalidInput: a word has no `=`, or a name comes twice.
    """
    found: dict[str, Any] = {}
    for word in words:
        name, sign, text = word.partition("=")
        if not name or not sign:
            raise InvalidInput(f"'{word}' is no assignment; write NAME=VALUE")
        if name in found:
            raise InvalidInput(f"'{name}' is given twice")
        found[name] = _value(text)
    return found


def changed_fields(words: Iterable[str], now: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that assignments change, whole: `labels.team=x` keeps the other labels that there are `now`.

    A part that becomes null is left out.

    Raises:
        InvalidInput: a whole field becomes null, or one without parts is given some.
    """
    fields: dict[str, Any] = {}
    for name, value in read_assignments(words).items():
        field, _, part = name.partition(".")
        if not part:
            if value is None:
                raise InvalidInput(f"'{field}' cannot be taken away; give it a value")
            fields[field] = value
            continue
        whole = fields.get(field, now.get(field)) or {}
        if not isinstance(whole, Mapping):
            raise InvalidInput(f"'{field}' has no parts; write {field}=VALUE")
        fields[field] = {key: each for key, each in {**whole, part: value}.items() if each is not None}
    return fields


def _value(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except ValueError:
        return text


def _refuse(name: str) -> Any:
    raise InvalidInput(f"{name} is no value; numbers are finite")
