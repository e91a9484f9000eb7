"""Every error that Studyhall's floors raise, as one small tree with stable codes.

    StudyhallError
    ├── InvalidInput             validation            what was sent does not fit; `errors` names the fields
    │   ├── SpaceInfeasible      space-infeasible
    │   ├── InvalidCursor        invalid-cursor
    │   └── IdempotencyKeyReused idempotency-key-reused
    ├── MalformedRequest         malformed-json, bad-request   the bytes are not what they claim to be
    ├── Unauthenticated          unauthenticated
    ├── Forbidden                insufficient-scope, csrf
    ├── NotFound                 not-found
    ├── Conflict                 name-taken, stale-lease, trial-finished, measurement-conflict, budget-exhausted,
    │                            study-immutable, study-busy, study-ended, request-in-progress, last-admin
    ├── VersionConflict          version-conflict
    ├── TooMuch                  payload-too-large, uri-too-long, headers-too-large, limit-reached, rate-limited
    ├── Unavailable              storage-busy, storage-unavailable, storage-full, overloaded, unreachable
    └── Incompatible             incompatible              client and server do not speak the same version

The docstring of a class is its default message. Nothing here knows HTTP: one table in `app.api` maps classes to
status codes, and `studyhall.transport` maps codes back to the same classes.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel, ValidationError

from studyhall.spelling import meant


@dataclass(frozen=True, slots=True)
class FieldError:
    """One fault of one field: where it is, as a JSON pointer (RFC 6901), and what to do about it."""

    pointer: str
    message: str


class StudyhallError(Exception):
    """Studyhall could not do what was asked."""

    code: ClassVar[str] = "error"

    def __init__(
        self, message: str = "", *, errors: Sequence[FieldError] = (), retry_after_s: float | None = None
    ) -> None:
        self.message = message or (type(self).__doc__ or "").strip()
        self.errors = tuple(errors)
        self.retry_after_s = retry_after_s
        self.request_id: str | None = None
        super().__init__(self.message)

    def __str__(self) -> str:
        listed = "; ".join(f"{error.pointer or '/'}: {error.message}" for error in self.errors)
        if listed and self.message == InvalidInput.__doc__:  # which says no more than that there is a list
            return f"this does not fit: {listed}"
        return f"{self.message} ({listed})" if listed else self.message


class InvalidInput(StudyhallError):
    """The request does not fit what is expected; `errors` names each field and what to do."""

    code = "validation"


class SpaceInfeasible(InvalidInput):
    """Hardly any assignment of this space satisfies its constraints; loosen them or narrow the bounds."""

    code = "space-infeasible"


class InvalidCursor(InvalidInput):
    """This cursor was not made by this list; start again without a cursor."""

    code = "invalid-cursor"


class IdempotencyKeyReused(InvalidInput):
    """This Idempotency-Key was used before with another request; send a new key with a new request."""

    code = "idempotency-key-reused"


class UrlNotAllowed(InvalidInput):
    """This address may not be called from the server."""

    code = "url-not-allowed"


class MalformedRequest(StudyhallError):
    """The request cannot be read; send UTF-8 JSON without NaN, Infinity or repeated keys."""

    code = "malformed-json"


class BadRequest(MalformedRequest):
    """The request line or a header cannot be understood."""

    code = "bad-request"


class UnsupportedMediaType(MalformedRequest):
    """Send the body as application/json in UTF-8, without a content encoding."""

    code = "unsupported-media-type"


class MethodNotAllowed(MalformedRequest):
    """This path does not know this method; the Allow header lists those it knows."""

    code = "method-not-allowed"


class Unauthenticated(StudyhallError):
    """A valid key is needed: send 'Authorization: Bearer KEY'."""

    code = "unauthenticated"


class Forbidden(StudyhallError):
    """This key may not do this; use a key with the right scope."""

    code = "insufficient-scope"


class CrossOrigin(Forbidden):
    """A browser page of another origin may not write here."""

    code = "csrf"


class NotFound(StudyhallError):
    """There is no such thing here."""

    code = "not-found"


class Conflict(StudyhallError):
    """The thing is not in a state that allows this."""

    code = "conflict"


class NameTaken(Conflict):
    """This name is taken; choose another one or pass if_exists='get'."""

    code = "name-taken"


class StaleLease(Conflict):
    """This attempt does not hold the trial any more; stop working on it and claim another one."""

    code = "stale-lease"


class TrialFinished(Conflict):
    """The trial has already ended and its result stands."""

    code = "trial-finished"


class MeasurementConflict(Conflict):
    """This step was already reported with another value; the first value stands."""

    code = "measurement-conflict"


class BudgetExhausted(Conflict):
    """The study's budget is spent; raise it first: PATCH the study's budget."""

    code = "budget-exhausted"


class StudyImmutable(Conflict):
    """This part of a study cannot change once it has trials; create a new study instead."""

    code = "study-immutable"


class StudyBusy(Conflict):
    """Trials of this study are running; stop it first, or pass force=true."""

    code = "study-busy"


class StudyArchived(Conflict):
    """The study is archived and cannot be changed; take it back with POST /v1/studies/STUDY/unarchive first."""

    code = "study-archived"


class StudyEnded(Conflict):
    """The study has ended; resume it or create a new one."""

    code = "study-ended"


class RequestInProgress(Conflict):
    """A request with this Idempotency-Key is still being answered; try again shortly."""

    code = "request-in-progress"


class LastAdmin(Conflict):
    """This is the last admin key; create another one before revoking it."""

    code = "last-admin"


class KeyEnded(Conflict):
    """This key has expired or was revoked, or is a share link: make a new one instead."""

    code = "key-ended"


class VersionConflict(StudyhallError):
    """The thing has changed since it was read; read it again and repeat the change."""

    code = "version-conflict"


class TooMuch(StudyhallError):
    """More was sent than is allowed."""

    code = "limit-reached"


class PayloadTooLarge(TooMuch):
    """The body is larger than allowed; send less or split it."""

    code = "payload-too-large"


class UriTooLong(TooMuch):
    """The address is longer than allowed."""

    code = "uri-too-long"


class HeadersTooLarge(TooMuch):
    """The headers are larger than allowed."""

    code = "headers-too-large"


class RateLimited(TooMuch):
    """Too many requests; wait as long as Retry-After says."""

    code = "rate-limited"


class RequestTimeout(StudyhallError):
    """The request did not arrive in time; send it again."""

    code = "request-timeout"


class Unavailable(StudyhallError):
    """The service cannot answer right now; try again after Retry-After seconds."""

    code = "overloaded"


class StorageBusy(Unavailable):
    """The database is too busy to take this write in time; try again."""

    code = "storage-busy"


class StorageUnavailable(Unavailable):
    """The database cannot be reached; try again shortly."""

    code = "storage-unavailable"


class StorageFull(Unavailable):
    """The database's disk is full; reads go on, free some room and try again."""

    code = "storage-full"


class Unreachable(Unavailable):
    """The server cannot be reached."""

    code = "unreachable"


class Incompatible(StudyhallError):
    """What answers is no Studyhall server of this client's version; check the URL and both versions."""

    code = "incompatible"


def every_error() -> dict[str, type[StudyhallError]]:
    """Maps each stable code to its class."""
    found: dict[str, type[StudyhallError]] = {}
    waiting: list[type[StudyhallError]] = [StudyhallError]
    while waiting:
        kind = waiting.pop()
        found[kind.code] = kind
        waiting.extend(kind.__subclasses__())
    return found


def field_errors(
    error: ValidationError, kind: type[BaseModel] | None = None, *, prefix: Sequence[str | int] = ()
) -> list[FieldError]:
    """The faults pydantic found, with JSON pointers; at most 20, inputs are never echoed.

    Args:
        kind: what was read; unknown fields are then told with the one that was meant.

    A validator that looks at several fields at once raises a custom error whose context holds `at`, a list of
    `(pointer, message)` below its own place.
    """
    found: list[FieldError] = []
    for detail in error.errors(include_url=False, include_input=False):
        here = json_pointer([*prefix, *_sent(detail)])
        at = (detail.get("ctx") or {}).get("at")
        if at:
            found += [FieldError(here + pointer, message) for pointer, message in at]
        elif not (detail["type"] == "too_short" and any(other.pointer.startswith(here + "/") for other in found)):
            # A list whose only item is faulty counts as empty; the item's own fault says it all.
            likely = meant(kind, detail["loc"]) if kind and detail["type"] == "extra_forbidden" else None
            found.append(FieldError(here, f"unknown field; did you mean '{likely}'?" if likely else _readable(detail)))
    return found[:20]


def invalid(at: Iterable[tuple[str, str]]) -> Exception:
    """A pydantic error that carries several faults with their own pointers; raise it inside a validator."""
    from pydantic_core import PydanticCustomError

    listed = list(at)
    return PydanticCustomError("invalid", "does not fit together", {"at": listed})


def json_pointer(path: Iterable[str | int]) -> str:
    """RFC 6901: `["a", 0]` becomes `/a/0`."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _sent(detail: Any) -> list[str | int]:
    """The place of a fault in what was sent: pydantic's own also names the members of unions, and keys as such."""
    path = [
        part
        for position, part in enumerate(detail["loc"])
        if not (position and part in _TAGS and isinstance(detail["loc"][position - 1], int)) and part not in _OUR_TAGS
    ]
    if detail["type"] in ("union_tag_not_found", "union_tag_invalid"):
        return [*path, detail["ctx"]["discriminator"].strip("'")]
    return path[:-1] if path[-1:] == ["[key]"] else path


_TAGS = {"float", "int", "categorical", "ordinal", "bool", "constant", "permutation", "subset", "simplex"}
_OUR_TAGS = {"(value)", "(domain)", "(name)", "(block)"}
"""Of unions that tell their members apart themselves; no field is called so."""


def _readable(detail: Any) -> str:
    facts = detail.get("ctx") or {}
    match detail["type"]:
        case "extra_forbidden":
            return "unknown field; check its spelling"
        case "missing" | "union_tag_not_found":
            return "missing"
        case "union_tag_invalid":
            return f"'{str(facts['tag'])[:64]}' is none of {facts['expected_tags']}"
        case "too_short":
            return f"needs {facts['min_length']} or more"
        case "too_long":
            return f"takes at most {facts['max_length']}"
    message = str(detail["msg"]).removeprefix("Value error, ")
    return re.sub(r"\d{17,}", lambda digits: f"{float(digits[0]):g}", message)[:300]
