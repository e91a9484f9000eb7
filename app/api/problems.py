"""Every error of the house as an answer: `application/problem+json` (RFC 9457).

One table says which status an error kind has; nothing else in the server knows both. The renderer takes anything a
message may contain (lone surrogates, control characters, a megabyte of text) and adds nothing of its own: no trace,
no SQL, no path.
"""

import math
from http import HTTPStatus

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import Scope

from studyhall import errors
from studyhall.errors import StudyhallError, field_errors
from studyhall.wire.pages import FieldProblem, Problem

CONTENT_TYPE = b"application/problem+json"
LONGEST_DETAIL = 2000
LONGEST_MESSAGE = 300
MOST_FIELDS = 20

Headers = list[tuple[bytes, bytes]]

STATUS: dict[type[StudyhallError], HTTPStatus] = {
    StudyhallError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.InvalidInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.MalformedRequest: HTTPStatus.BAD_REQUEST,
    errors.UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.MethodNotAllowed: HTTPStatus.METHOD_NOT_ALLOWED,
    errors.Unauthenticated: HTTPStatus.UNAUTHORIZED,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.VersionConflict: HTTPStatus.PRECONDITION_FAILED,
    errors.TooMuch: HTTPStatus.CONFLICT,
    errors.PayloadTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.UriTooLong: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.HeadersTooLarge: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.RateLimited: HTTPStatus.TOO_MANY_REQUESTS,
    errors.RequestTimeout: HTTPStatus.REQUEST_TIMEOUT,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""The status of each kind of error; a kind that is not listed has that of its nearest ancestor."""

UNREAD = (errors.PayloadTooLarge, errors.RequestTimeout, errors.UriTooLong, errors.HeadersTooLarge)
"""Refusals that may leave a part of the request unread: the connection is not used again."""


def status_of(kind: type[StudyhallError]) -> HTTPStatus:
    """The HTTP status of an error kind."""
    return next(STATUS[ancestor] for ancestor in kind.__mro__ if ancestor in STATUS)


class InternalError(StudyhallError):
    """Something went wrong inside the service; the request id finds it in the log."""

    code = "internal"


def understood(error: Exception, scope: Scope) -> StudyhallError:
    """Any exception as one of ours; what nobody expected becomes InternalError and keeps its secrets."""
    if isinstance(error, StudyhallError):
        return error if type(error) is not StudyhallError else InternalError()
    if isinstance(error, ValidationError):
        return errors.InvalidInput(errors=field_errors(error))
    if isinstance(error, HTTPException):
        return _from_framework(error, scope)
    return InternalError()


def problem_of(error: StudyhallError, request_id: str | None = None) -> Problem:
    """What an error says to the client."""
    status = status_of(type(error))
    return Problem(
        type=f"problems:{error.code}",
        title=error.code.replace("-", " ").capitalize(),
        status=status.value,
        detail=_printable(error.message, LONGEST_DETAIL),
        code=error.code,
        errors=tuple(
            FieldProblem(
                pointer=_printable(each.pointer, LONGEST_MESSAGE), message=_printable(each.message, LONGEST_MESSAGE)
            )
            for each in error.errors[:MOST_FIELDS]
        ),
        request_id=request_id,
    )


def render(error: StudyhallError, request_id: str | None = None) -> tuple[int, Headers, bytes]:
    """The status, headers and body that answer a request with an error."""
    problem = problem_of(error, request_id)
    body = problem.to_json().encode()
    headers = [
        (b"content-type", CONTENT_TYPE),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *_advice(error),
    ]
    return problem.status, headers, body


def _advice(error: StudyhallError) -> Headers:
    advice: Headers = []
    wait_s = error.retry_after_s
    if wait_s is None and isinstance(error, errors.Unavailable | errors.RateLimited):
        wait_s = 1.0
    if wait_s is not None:
        advice.append((b"retry-after", str(max(1, math.ceil(wait_s))).encode()))
    if isinstance(error, errors.Unauthenticated):
        advice.append((b"www-authenticate", b"Bearer"))
    if isinstance(error, _WrongMethod):
        advice.append((b"allow", ", ".join(error.allow).encode()))
    if isinstance(error, UNREAD):
        advice.append((b"connection", b"close"))
    return advice


class _WrongMethod(errors.MethodNotAllowed):
    __doc__ = errors.MethodNotAllowed.__doc__

    def __init__(self, allow: list[str]) -> None:
        super().__init__()
        self.allow = allow


def _from_framework(error: HTTPException, scope: Scope) -> StudyhallError:
    if error.status_code == HTTPStatus.NOT_FOUND:
        return errors.NotFound("There is nothing at this address; GET /openapi.json lists what there is.")
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return _WrongMethod(_allowed_methods(scope))
    if 400 <= error.status_code < 500:
        return errors.BadRequest()
    return InternalError()


def _allowed_methods(scope: Scope) -> list[str]:
    # Over all routes of the path: the Allow header of Starlette's own 405 names the methods of the first one only.
    methods: set[str] = set()
    for route in scope["app"].routes:
        if isinstance(route, Route) and route.methods and route.path_regex.match(scope["path"]):
            methods |= route.methods
    return sorted(methods | ({"HEAD"} if "GET" in methods else set()))


def _printable(text: str, longest: int) -> str:
    """Text that every JSON reader can take, no longer than asked."""
    clean = text.encode("utf-8", "replace").decode("utf-8")
    return clean if len(clean) <= longest else clean[: longest - 1] + "…"
