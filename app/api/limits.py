"""How much of everything a request may bring, checked before any of it is understood.

Pure functions over the ASGI scope, and the body on its way in. `front_door.py` calls them for every request;
`connection.py` keeps the limits that must hold before there is a request at all.
"""

import asyncio
import contextlib
from typing import Annotated
from urllib.parse import unquote_to_bytes

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope

from studyhall.errors import (
    BadRequest,
    HeadersTooLarge,
    PayloadTooLarge,
    RequestTimeout,
    UnsupportedMediaType,
    UriTooLong,
)

Bytes = Annotated[int, Field(ge=256, le=1 << 30)]
Seconds = Annotated[float, Field(gt=0, le=600)]


class Limits(BaseModel):
    """The limits of every request; sizes in bytes, times in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    body_bytes: Bytes = Field(1 << 20, description="The largest request body.")
    headers_bytes: Bytes = Field(16 << 10, description="The most that all request headers may take together.")
    url_bytes: Bytes = Field(8 << 10, description="The longest address, path and query together.")
    head_s: Seconds = Field(10.0, description="A connection that has not sent a whole request head by then is closed.")
    body_s: Seconds = Field(15.0, description="A request whose body has not arrived by then is answered with 408.")
    read_s: Seconds = Field(30.0, description="A client that takes nothing of its answer for so long is cut off.")
    artifact_bytes: Bytes = Field(1 << 30, description="The largest artifact, which is sent as a stream.")
    artifact_s: Seconds = Field(600.0, description="An artifact that has not arrived by then is answered with 408.")
    connections: Annotated[int, Field(ge=1, le=100_000)] = Field(
        2048, description="The most open connections; each waiting worker and each live dashboard holds one."
    )

    @property
    def of_artifacts(self) -> "Limits":
        """The same for a request that sends an artifact."""
        return self.model_copy(update={"body_bytes": self.artifact_bytes, "body_s": self.artifact_s})


Headers = dict[bytes, bytes]

_ONCE = frozenset(
    {b"host", b"content-type", b"content-length", b"content-encoding", b"idempotency-key", b"if-match", b"origin"}
)
_LINGER_S = 2.0
_LINGER_BYTES = 32 << 20
BODY_HAS_ARRIVED = "studyhall.body_has_arrived"
"""In the scope of a request all of whose body is here."""
AMBIGUOUS = b"\x00"
"""Stands for an Authorization header that was sent twice: no key looks like it."""


def read_headers(scope: Scope, limits: Limits) -> Headers:
    """The request's headers by lower-case name, once their size is known to be within the limits.

    Raises:
        UriTooLong, HeadersTooLarge: too much of it.
        BadRequest: a header that has one value was sent twice, or the address is not UTF-8.
    """
    if len(scope["raw_path"]) + len(scope["query_string"]) > limits.url_bytes:
        raise UriTooLong(f"The address is longer than {limits.url_bytes} bytes.")
    listed: list[tuple[bytes, bytes]] = scope["headers"]
    size = 4 * len(listed)
    for name, value in listed:
        size += len(name) + len(value)
    if size > limits.headers_bytes:
        raise HeadersTooLarge(f"The headers are larger than {limits.headers_bytes} bytes.")
    _check_text(scope)
    headers = dict(listed)
    if len(headers) != len(listed):
        _settle_repeats(listed, headers)
    return headers


def sends_artifact(scope: Scope) -> bool:
    """Whether the body of a request is a file and no JSON."""
    path: str = scope["path"]
    return scope["method"] == "POST" and path.endswith("/artifacts") and path.startswith("/v1/trials/")


def check_body_headers(headers: Headers, limits: Limits, *, media_type: bytes = b"application/json") -> bool:
    """Whether a body follows; what it claims to be is checked before any of it is read.

    Raises:
        PayloadTooLarge, UnsupportedMediaType, BadRequest: it is refused unread.
    """
    length = headers.get(b"content-length")
    if length is None and b"transfer-encoding" not in headers:
        return False
    if length is not None:
        if not length.isdigit() or len(length) > 18:
            raise BadRequest("Content-Length is not a number.")
        if int(length) > limits.body_bytes:
            raise too_large(limits)
        if int(length) == 0:
            return False
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise UnsupportedMediaType("Send the body without a content encoding.")
    _check_media_type(headers.get(b"content-type", b""), media_type)
    return True


def too_large(limits: Limits) -> PayloadTooLarge:
    """The refusal of a body."""
    return PayloadTooLarge(f"The body is larger than {limits.body_bytes} bytes; send less or split it.")


class Body:
    """A `receive` that counts the body and gives it until a deadline to arrive.

    Args:
        has_arrived: whether all of it is here; a deadline costs more than reading it.

    Raises from `receive()`:
        PayloadTooLarge: more came than allowed, whatever was announced.
        RequestTimeout: the rest did not come in time.
        ClientDisconnect: the client left before it had sent everything.
    """

    def __init__(self, receive: Receive, limits: Limits, *, has_arrived: bool = False) -> None:
        self._receive = receive
        self._limits = limits
        self._size = 0
        self._whole = False
        self._deadline = None if has_arrived else asyncio.get_running_loop().time() + limits.body_s

    async def __call__(self) -> Message:
        if self._whole:
            return await self._receive()  # from here on a message can only be the client's leaving
        try:
            async with asyncio.timeout_at(self._deadline) if self._deadline else contextlib.nullcontext():
                message = await self._receive()
        except TimeoutError:
            raise RequestTimeout(f"The body did not arrive within {self._limits.body_s:g} s; send it again.") from None
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        self._size += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._size > self._limits.body_bytes:
            raise too_large(self._limits)
        return message

    async def drain(self) -> None:
        """Reads and forgets the rest for a moment.

        A socket closed with unread bytes is reset, and a reset takes the answer away from a client that is still
        sending.
        """
        size = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_S):
                while not self._whole and size < _LINGER_BYTES:
                    message = await self._receive()
                    size += len(message.get("body", b""))
                    self._whole = message["type"] == "http.disconnect" or not message.get("more_body", False)


def _check_text(scope: Scope) -> None:
    # uvicorn decodes with replacement characters; two different addresses would look the same to a route.
    for part in (scope["raw_path"], scope["query_string"]):
        if b"%" in part or not part.isascii():
            try:
                unquote_to_bytes(part).decode()
            except UnicodeDecodeError:
                raise BadRequest("The address is not valid UTF-8.") from None


def _settle_repeats(listed: list[tuple[bytes, bytes]], headers: Headers) -> None:
    seen: set[bytes] = set()
    for name, _ in listed:
        if name in seen and name in _ONCE:
            raise BadRequest(f"The header {name.decode()} was sent twice.")
        if name in seen and name == b"authorization":
            headers[name] = AMBIGUOUS
        seen.add(name)


def _check_media_type(value: bytes, wanted: bytes) -> None:
    media_type, _, parameters = value.lower().partition(b";")
    if media_type.strip() != wanted:
        raise UnsupportedMediaType
    if parameters and parameters.replace(b" ", b"").replace(b'"', b"") != b"charset=utf-8":
        raise UnsupportedMediaType
