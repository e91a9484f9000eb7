"""What an endpoint is given besides its path, query and body: who asks, the services, and how to shape the answer."""

import hashlib
import re
from dataclasses import dataclass, field
from typing import Annotated, Final, Protocol

from fastapi import Depends, Security
from fastapi.security import HTTPBearer
from starlette.responses import Response
from starlette.types import Receive

from app.api.auth import Authenticator
from app.api.rates import Rates
from app.services.principal import Principal
from app.services.services import Services
from studyhall.errors import InvalidInput, VersionConflict

_IDEMPOTENCY_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_VERSION: Final = re.compile(r'(?:W/)?"(\d{1,18})"')

ANYONE: Final = Principal(key_id="", project="", scope="reader")
"""Who asks at an open route: nobody in particular, and of no project."""


class Application(Protocol):
    """What a request needs of the application it came to."""

    services: Services
    authenticator: Authenticator
    rates: Rates


@dataclass(slots=True)
class Context:
    """One request on its way through an endpoint."""

    services: Services
    authenticator: Authenticator
    principal: Principal
    route: str
    """Its name in the OpenAPI document."""
    path: str
    request_id: str
    headers: dict[bytes, bytes]
    receive: Receive
    body: bytes = b""
    status: int | None = None
    """Set by an endpoint whose answer has another status than its route declares."""
    answer_headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    etag: str | None = None

    def header(self, name: str) -> str | None:
        """A request header."""
        value = self.headers.get(name.encode())
        return None if value is None else value.decode("latin-1")

    def add_header(self, name: str, value: str) -> None:
        """Adds a header to the answer."""
        self.answer_headers.append((name.encode(), value.encode("latin-1")))

    def tag(self, sequence: int) -> None:
        """Gives the answer its version; a client that has it already gets 304 and no body."""
        self.etag = f'"{sequence}"'
        self.add_header("etag", self.etag)

    @property
    def is_known(self) -> bool:
        """Whether the client already has this version of the answer."""
        known = self.headers.get(b"if-none-match")
        return known is not None and self.etag is not None and self.etag in known.decode("latin-1")

    def json(self, body: bytes) -> Response:
        """An answer that is JSON already, or 304 when the client has this version of it."""
        headers = dict(self.answer_headers) | {b"cache-control": b"private, no-cache"}
        text = {name.decode(): value.decode("latin-1") for name, value in headers.items()}
        if self.is_known:
            return Response(status_code=304, headers=text)
        return Response(body, media_type="application/json", headers=text)

    @property
    def if_match(self) -> int | None:
        """The version that a change is meant for; None: whatever it is now.

        Raises:
            VersionConflict: the header holds something that was never a version.
        """
        text = self.header("if-match")
        if text is None or text.strip() == "*":
            return None
        match = _VERSION.fullmatch(text.strip())
        if match is None:
            raise VersionConflict('If-Match takes an ETag, "42" for instance.')
        return int(match.group(1))

    @property
    def idempotency_key(self) -> str | None:
        """The client's name for this request."""
        return self.header("idempotency-key")

    def check_idempotency_key(self) -> None:
        """Refuses a strange one, whether or not the endpoint needs it.

        Raises:
            InvalidInput: it is longer than 255 characters or holds others than printable ASCII.
        """
        if not _IDEMPOTENCY_KEY.fullmatch(self.idempotency_key or ""):
            raise InvalidInput("An Idempotency-Key has 1 to 255 printable ASCII characters, without spaces.")

    @property
    def request_hash(self) -> str:
        """What tells whether two requests with one Idempotency-Key are the same."""
        return hashlib.sha256(self.path.encode() + b"\0" + self.body).hexdigest()


def _nothing() -> None:
    """Marks a context of an open route: no key is asked for."""


BEARER: Final = HTTPBearer(scheme_name="key", description="A key: `Authorization: Bearer hps_…`", auto_error=False)

Caller = Annotated[Context, Security(BEARER)]
"""The context of a route that needs a key. The annotation is for OpenAPI: `StrictRoute` does the work itself."""
Open = Annotated[Context, Depends(_nothing)]
"""The context of a route that anyone may call."""
