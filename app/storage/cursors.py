"""Cursors: where the last page of a list ended.

Opaque to clients, worthless to another list, and read like any stranger's word: anybody can make one up, and a database
chokes on what cannot be a place in its list.
"""

import base64
import binascii
import hashlib
import json
import math
from typing import Any

from studyhall.errors import InvalidCursor

_MOST = 2**63
"""Whole numbers of a database are smaller."""


def list_of(*parts: str | None) -> str:
    """Names a list: what it is of, and all its filters."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


def cursor_after(of: str, place: Any) -> str:
    """The cursor of a list that stands for a place in it."""
    return base64.urlsafe_b64encode(json.dumps([of, place]).encode()).decode().rstrip("=")


def id_in(cursor: str, of: str) -> str:
    """The id at which the page before has ended.

    Raises:
        InvalidCursor: it was not made for this list; likewise below.
    """
    place = _place(cursor, of)
    if not (isinstance(place, str) and place.isascii() and place.isprintable()):
        raise InvalidCursor
    return place


def number_in(cursor: str, of: str) -> int:
    """The number at which the page before has ended."""
    return _whole(_place(cursor, of))


def pair_in(cursor: str, of: str) -> tuple[float, int]:
    """The value at which the page before has ended, and the number among those that share it."""
    match _place(cursor, of):
        case [float() as value, number] if math.isfinite(value):
            return value, _whole(number)
        case [value, number]:
            return _whole(value), _whole(number)
    raise InvalidCursor


def _whole(place: Any) -> int:
    if isinstance(place, bool) or not isinstance(place, int) or not -_MOST <= place < _MOST:
        raise InvalidCursor
    return place


def _place(cursor: str, of: str) -> Any:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        made_for, place = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, TypeError, RecursionError) as error:
        raise InvalidCursor from error
    if made_for != of:
        raise InvalidCursor
    return place
