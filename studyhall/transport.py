"""The one file that sends: a connection to one Studyhall server.

    connection = Connection("http://127.0.0.1:8000", key)
    study = connection.get("/v1/studies/digits", Study)
    claimed = connection.post("/v1/claims", Claim(...), natural_key=True, wait_s=10).read(Claimed)

Every request may be sent again safely: reads, PATCH and DELETE by their nature, a POST by the lease token in its body
(its natural key) or by the Idempotency-Key that is added here. So what was lost on the way is repeated, with full
jitter (Brooker, "Exponential backoff and jitter", AWS 2015), until the caller's patience ends. Problems come back as
the classes of `studyhall.errors`.
"""

import random
import re
import ssl
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from types import TracebackType
from typing import Final, Self, TypeVar, overload
from urllib.parse import quote

import httpx2
from pydantic import BaseModel, ValidationError

from studyhall import tracing
from studyhall.errors import (
    Conflict,
    FieldError,
    Forbidden,
    Incompatible,
    InvalidInput,
    MalformedRequest,
    NotFound,
    PayloadTooLarge,
    RateLimited,
    StudyhallError,
    Unauthenticated,
    Unavailable,
    Unreachable,
    VersionConflict,
    every_error,
)
from studyhall.wire.pages import Page, Problem
from studyhall.words import Word

BASE_S: Final = 0.5
CAP_S: Final = 30.0
PATIENCE_S: Final = 60.0
ANSWER_S: Final = 30.0
"""How long a server may be silent before a request counts as lost."""
MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")
Scalar = str | int | float | bool
Query = Mapping[str, Scalar | Sequence[str] | Sequence[int] | None]

_RETRIED: Final = frozenset({408, 429, 502, 503, 504})
_LOST: Final = (httpx2.NetworkError, httpx2.TimeoutException, httpx2.RemoteProtocolError, httpx2.ProxyError)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered: a status below 300, its headers and its body."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def read(self, kind: type[M]) -> M:
        """The body as one of our words; fields that a newer server added are ignored.

        Raises:
            Incompatible: when it is something else.
        """
        try:
            return kind.model_validate_json(self.content, extra="ignore")
        except ValidationError as error:
            raise Incompatible(f"the server's answer is not a {kind.__name__} as this client knows it") from error

    @property
    def retry_after_s(self) -> float | None:
        """How long the server asks to wait before the next request, in seconds."""
        return _seconds(self.headers.get("retry-after"))


class Connection:
    """Sends requests to one server and repeats what was lost. Threads may share it.

    Args:
        url: the server's address, a path prefix included: `https://search.example/studyhall`.
        key: sent as `Authorization: Bearer KEY`, never to another host: redirects are refused.
        transport: any httpx2 transport; tests pass an in-process one.
        patience_s: for how long a request is repeated, in seconds; each request may have its own.
        sleep, clock, chance: what waiting means; `clock` in seconds, `chance` in [0, 1).
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        transport: httpx2.BaseTransport | None = None,
        patience_s: float = PATIENCE_S,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.url = _checked_url(url)
        self.patience_s = patience_s
        self.sleep, self.clock, self._chance = sleep, clock, chance
        self._knows_version = False
        self._http = httpx2.Client(
            base_url=self.url,
            headers=_headers(key),
            transport=transport,
            verify=_certificates(self.url),
            follow_redirects=False,
            trust_env=not _is_loopback(self.url),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the sockets; a connection is not used after that."""
        self._http.close()

    def get(self, path: str, kind: type[M], *, query: Query | None = None, wait_s: float = 0.0) -> M:
        """Reads one thing."""
        return self.send("GET", path, query=query, wait_s=wait_s).read(kind)

    def pages(self, path: str, kind: type[Page[T]], *, query: Query | None = None, page_size: int = 100) -> Iterator[T]:
        """Reads a list to its end, one page at a time as it is needed."""
        cursor: str | None = None
        while True:
            page = self.get(path, kind, query={**(query or {}), "limit": page_size, "cursor": cursor})
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    @overload
    def post(
        self,
        path: str,
        body: Word | None,
        *,
        natural_key: bool = ...,
        wait_s: float = ...,
        patience_s: float | None = ...,
    ) -> Answer: ...
    @overload
    def post(
        self,
        path: str,
        body: Word | None,
        kind: type[M],
        *,
        natural_key: bool = ...,
        wait_s: float = ...,
        patience_s: float | None = ...,
    ) -> M: ...
    def post(
        self,
        path: str,
        body: Word | None,
        kind: type[M] | None = None,
        *,
        natural_key: bool = False,
        wait_s: float = 0.0,
        patience_s: float | None = None,
    ) -> M | Answer:
        """Writes; answers a word of this `kind`, or the bare answer when there may be none (204)."""
        answer = self.send("POST", path, body, natural_key=natural_key, wait_s=wait_s, patience_s=patience_s)
        return answer if kind is None else answer.read(kind)

    def send(
        self,
        method: str,
        path: str,
        body: Word | None = None,
        *,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
        natural_key: bool = False,
        wait_s: float = 0.0,
        patience_s: float | None = None,
    ) -> Answer:
        """Sends one request until it is answered.

        Args:
            path: from the root of the API, with its parts quoted: `path_of("studies", name)`.
            natural_key: the body names its effect (a lease token), so that it needs no Idempotency-Key.
            wait_s: for how long the server may hold the answer back on purpose (long-poll), in seconds.
            patience_s: no new try starts after this many seconds; None: the connection's own patience.

        Raises:
            Unreachable: no server answered in time.
            Incompatible: something answered that is no Studyhall server of this version.
            StudyhallError: the problem the server told, as its class in `studyhall.errors`.
        """
        request_headers = dict(headers or {})
        if (traceparent := tracing.current()) is not None:
            request_headers[tracing.HEADER] = traceparent
        if method == "POST" and not natural_key:
            request_headers["Idempotency-Key"] = str(uuid.uuid4())
        deadline = self.clock() + (self.patience_s if patience_s is None else patience_s)
        tries = 0
        while True:
            left_s = deadline - self.clock()
            request = self._http.build_request(
                method,
                path,
                content=None if body is None else body.to_json().encode(),
                params=_parameters(query),
                headers=request_headers | ({} if body is None else {"Content-Type": "application/json"}),
                timeout=httpx2.Timeout(wait_s + min(max(left_s, 1.0), ANSWER_S), connect=min(max(left_s, 1.0), 10.0)),
            )
            try:
                return self._try_once(request)
            except _Repeatable as failure:
                tries += 1
                pause_s = self._pause_s(tries, failure.error.retry_after_s)
                if self.clock() + pause_s >= deadline:
                    raise failure.error from failure.__cause__
                self.sleep(pause_s)
            except NotFound:
                if method == "DELETE" and tries:
                    return Answer(204, {}, b"")  # an earlier try did it and its answer was lost
                raise

    def stream(self, path: str, *, query: Query | None = None) -> Iterator[bytes]:
        """The body of an answer of any length, in pieces as they come. It is asked for once: a file has no middle.

        Raises:
            Unreachable: no server answered, or the answer was cut off.
            StudyhallError: the problem the server told.
        """
        request = self._http.build_request("GET", path, params=_parameters(query), timeout=ANSWER_S)
        try:
            response = self._http.send(request, stream=True)
            try:
                self._check_version(response.headers.get("x-studyhall-version"))
                if not response.is_success:
                    raise problem_of(response.status_code, response.headers, _limited(response))
                yield from response.iter_bytes()
            finally:
                response.close()
        except httpx2.HTTPError as error:
            raise Unreachable(f"the answer of {self.url} was cut off: {_reason(error)}; ask again") from error

    def _try_once(self, request: httpx2.Request) -> Answer:
        if self._http.is_closed:
            raise Unreachable("this connection has been closed")
        try:
            response = self._http.send(request, stream=True)
            try:
                content = _limited(response)
            finally:
                response.close()
        except _LOST as error:
            raise _Repeatable(Unreachable(f"the server at {self.url} cannot be reached: {_reason(error)}")) from error
        except httpx2.HTTPError as error:
            raise Unreachable(f"the server at {self.url} cannot be asked: {_reason(error)}") from error
        self._check_version(response.headers.get("x-studyhall-version"))
        if response.is_success:
            return Answer(response.status_code, response.headers, content)
        problem = problem_of(response.status_code, response.headers, content)
        if _may_pass(response.status_code, problem, "Idempotency-Key" in request.headers):
            raise _Repeatable(problem)
        raise problem

    def _check_version(self, there: str | None) -> None:
        # Once: a server that is replaced by another major version drops its connections, not its clients' words.
        if not self._knows_version and there is not None:
            check_version(there)
            self._knows_version = True

    def _pause_s(self, tries: int, retry_after_s: float | None) -> float:
        # The jitter comes on top of Retry-After: a fleet that was told the same second would come back as one.
        return (retry_after_s or 0.0) + self._chance() * min(CAP_S, BASE_S * 2.0 ** min(tries - 1, 30))


class _Repeatable(Exception):
    """A failure that another try may not meet."""

    def __init__(self, error: StudyhallError) -> None:
        super().__init__(str(error))
        self.error = error


def major(version: str) -> str:
    """The part of a version that changes when old clients no longer fit: below 1.0 the minor version counts too."""
    parts = version.split(".")
    return ".".join(parts[:2]) if parts[0] == "0" else parts[0]


def check_version(there: str) -> None:
    """Holds a server's version against ours.

    Raises:
        Incompatible: one of the two does not understand the other.
    """
    here = version("studyhall")
    if major(here) != major(there):
        raise Incompatible(
            f"the server is {there}, this client {here}: pip install 'studyhall=={major(there)}.*', or use a server"
            f" of version {major(here)}"
        )


def path_of(*parts: str) -> str:
    """The path of a thing under /v1, with each part quoted: names may hold spaces.

    Raises:
        InvalidInput: when a part is empty, or names a folder.
    """
    if any(not part or part in (".", "..") for part in parts):
        raise InvalidInput("a name or id is missing")
    return "/".join(["/v1", *(quote(part, safe="") for part in parts)])


def problem_of(status: int, headers: Mapping[str, str], content: bytes) -> StudyhallError:
    """The error that an answer of status 300 or above stands for; a proxy's answer counts by its status alone."""
    retry_after_s = _seconds(headers.get("retry-after"))
    try:
        problem = Problem.model_validate_json(content, extra="ignore")
    except ValidationError:
        return _from_status(status, headers, retry_after_s)
    kind = _BY_CODE.get(problem.code) or _class_for(status)
    errors = [FieldError(fault.pointer, fault.message) for fault in problem.errors]
    error = kind(problem.detail or problem.title, errors=errors, retry_after_s=retry_after_s)
    error.request_id = problem.request_id or headers.get("x-request-id")
    return error


def _from_status(status: int, headers: Mapping[str, str], retry_after_s: float | None) -> StudyhallError:
    if 300 <= status < 400:
        return Incompatible(f"the server redirects to {headers.get('location', 'another address')}; use its final URL")
    if status in (404, 405):
        return Incompatible(f"what answers here ({status}) is no Studyhall server of this version; check the URL")
    return _class_for(status)(f"the server answered {status} without saying why", retry_after_s=retry_after_s)


def _class_for(status: int) -> type[StudyhallError]:
    return _BY_STATUS.get(status) or (Unavailable if status >= 500 else StudyhallError)


# Only the language's own: where the application lives in the same process it has made subclasses of them.
_BY_CODE: Final = {code: kind for code, kind in every_error().items() if kind.__module__ == StudyhallError.__module__}
_BY_STATUS: Final[dict[int, type[StudyhallError]]] = {
    400: MalformedRequest,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    412: VersionConflict,
    413: PayloadTooLarge,
    422: InvalidInput,
    429: RateLimited,
}


def _may_pass(status: int, problem: StudyhallError, has_key: bool) -> bool:
    if status == 409:
        return problem.code == "request-in-progress"  # our own earlier try, whose answer was lost, is still at work
    return status in _RETRIED or (status == 500 and has_key)


def _limited(response: httpx2.Response) -> bytes:
    found = bytearray()
    for piece in response.iter_bytes():
        found += piece
        if len(found) > MAX_ANSWER_BYTES:
            raise Incompatible(f"the server's answer is larger than {MAX_ANSWER_BYTES} bytes; ask for fewer items")
    return bytes(found)


def _headers(key: str | None) -> dict[str, str]:
    headers = {"Accept": "application/json", "User-Agent": "studyhall-python/1"}
    if key is None:
        return headers
    if not re.fullmatch(r"[\x21-\x7e]{1,256}", key):
        raise Unauthenticated("the key holds characters that no key has; copy it again")
    return headers | {"Authorization": f"Bearer {key}"}


def _checked_url(url: str) -> str:
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, TypeError) as error:
        raise InvalidInput(f"'{url}' is not a URL") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise InvalidInput(f"'{url}' is not a URL; it looks like http://127.0.0.1:8000")
    if parsed.userinfo or parsed.query or parsed.fragment:
        raise InvalidInput("the URL holds more than an address; pass the key as `key`")
    url = url.rstrip("/")
    if url.endswith("/v1"):
        raise InvalidInput(f"the server's URL is {url.removesuffix('/v1')}, without the /v1 of its API")
    return url


def _is_loopback(url: str) -> bool:
    # A proxy from the environment would be asked for 127.0.0.1 and could only look for it on its own machine.
    return httpx2.URL(url).host in ("localhost", "127.0.0.1", "::1")


def _certificates(url: str) -> ssl.SSLContext | bool:
    # A plain address needs none, and reading all of the system's takes 40 ms: much for a command line.
    return True if url.startswith("https:") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _seconds(text: str | None) -> float | None:
    return float(text) if text and re.fullmatch(r"\d{1,6}(\.\d{1,3})?", text) else None


def _parameters(query: Query | None) -> dict[str, str | list[str]]:
    return {name: _text(value) for name, value in (query or {}).items() if value is not None}


def _text(value: Scalar | Sequence[str] | Sequence[int]) -> str | list[str]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [str(one) for one in value]
    return str(value).lower() if isinstance(value, bool) else str(value)


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
