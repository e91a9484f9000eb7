"""Many trials at once, as columns: JSON that is joined from stored texts, never parsed and written again."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from app.services.principal import Principal
from app.services.reading import find_study
from app.storage import reader

_STORED_AS_JSON: Final = frozenset({"parameters", "metrics", "predicted", "labels"})


def columns_json(columns: Mapping[str, Sequence[Any]]) -> str:
    """The JSON object of columns; what the database keeps as JSON text stands in it as it is."""
    return "{" + _members(columns) + "}"


def trial_columns(
    connection: reader.Connection, *, principal: Principal, name: str, limit: int, cursor: str | None
) -> bytes:
    """The JSON of a `TrialColumns`."""
    study = find_study(connection, principal, name)
    columns, next_cursor = reader.trial_columns(connection, study.id, limit=limit, cursor=cursor)
    ending = "" if next_cursor is None else f',"next_cursor":{json.dumps(next_cursor)}'
    return ("{" + _members(columns) + ending + "}").encode()


def _members(columns: Mapping[str, Sequence[Any]]) -> str:
    return ",".join(
        f'"{name}":[{",".join(text or "null" for text in column)}]'
        if name in _STORED_AS_JSON
        else f'"{name}":{json.dumps(column)}'
        for name, column in columns.items()
    )
