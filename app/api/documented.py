"""What the OpenAPI document says about answers and keys beyond what the endpoints' signatures say."""

from collections.abc import Sequence
from typing import Any, Final

from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema
from starlette.routing import BaseRoute

from app.api.problems import status_of
from studyhall import errors
from studyhall.errors import StudyhallError
from studyhall.wire.pages import FieldProblem, Problem

DESCRIPTION: Final = """\
POST a search space, get a model.

Every answer that is not a success is `application/problem+json` (RFC 9457) with a stable `code`. Every POST may carry
an `Idempotency-Key`: the same request with the same key has its effect once and gets the same answer again. Lists are
pages: ask for the next one with its `next_cursor`. Times are UTC; durations are seconds.
"""

_ANY: Final = (errors.BadRequest, errors.UriTooLong, errors.HeadersTooLarge, errors.InvalidInput, errors.Unavailable)
_WITH_KEY: Final = (errors.Unauthenticated, errors.Forbidden, errors.RateLimited)
_WITH_PATH: Final = (errors.NotFound,)
_WITH_BODY: Final = (
    errors.MalformedRequest,
    errors.RequestTimeout,
    errors.PayloadTooLarge,
    errors.UnsupportedMediaType,
)
_WITH_EFFECT: Final = (errors.RequestInProgress, errors.CrossOrigin)


_IDEMPOTENCY_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The client's own name for this request; a repetition gets the answer of the first.",
    "schema": {"type": "string", "pattern": r"^[\x21-\x7e]{1,255}$"},
}


def problem_responses(
    own: Sequence[type[StudyhallError]], *, has_key: bool, has_path: bool, has_body: bool
) -> dict[int | str, dict[str, Any]]:
    """The problems that a route may answer, by status, as references to the document's components."""
    kinds = [
        *_ANY,
        *(_WITH_KEY if has_key else ()),
        *(_WITH_PATH if has_path else ()),
        *(_WITH_BODY if has_body else ()),
        *own,
    ]
    by_status: dict[int, list[str]] = {}
    for kind in kinds:
        codes = by_status.setdefault(status_of(kind).value, [])
        if kind.code not in codes:
            codes.append(kind.code)
    return {status: _response(status, codes) for status, codes in sorted(by_status.items())}


def describe(routes: Sequence[BaseRoute], *, version: str) -> dict[str, Any]:
    """The OpenAPI document of routes."""
    document = get_openapi(
        title="Studyhall",
        version=version,
        description=DESCRIPTION,
        routes=routes,
        separate_input_output_schemas=False,  # answers leave absent fields out, as requests may
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    _, definitions = models_json_schema(
        [(Problem, "validation"), (FieldProblem, "validation")], ref_template="#/components/schemas/{model}"
    )
    schemas.update(definitions["$defs"])
    document["components"]["schemas"] = {name: _closed(schema) for name, schema in sorted(schemas.items())}
    document["components"]["parameters"] = {"IdempotencyKey": _IDEMPOTENCY_KEY}
    for operations in document["paths"].values():
        if "post" in operations:
            operations["post"].setdefault("parameters", []).append({"$ref": "#/components/parameters/IdempotencyKey"})
    return document


def _closed(schema: Any) -> Any:
    """Says of every object whose names follow a pattern that it has no other names: pydantic leaves that unsaid."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(each) for name, each in schema.items()}
    if "patternProperties" in closed:
        closed.setdefault("additionalProperties", False)
    return closed


def _response(status: int, codes: Sequence[str]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "description": ", ".join(codes),
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status in (429, 503):
        described["headers"] = {
            "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}
        }
    return described
