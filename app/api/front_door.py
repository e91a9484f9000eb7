"""The one ASGI middleware: every request passes it first, every answer last.

Why one, and why pure ASGI: a middleware of Starlette's `BaseHTTPMiddleware` kind costs 230 microseconds a request, this
one about ten. It gives the request its id, refuses what breaks a limit or comes from a foreign page, turns any error
into a problem and puts the security headers on whatever goes out.
"""

import random
import re
import time
from collections.abc import Collection
from contextvars import ContextVar
from importlib.metadata import version
from typing import Any, Final

import structlog
from prometheus_client import Counter, Histogram
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.limits import BODY_HAS_ARRIVED, Body, Headers, Limits, check_body_headers, read_headers, sends_artifact
from app.api.problems import InternalError, render, understood
from app.meters import Meters
from studyhall.errors import BadRequest, CrossOrigin, PayloadTooLarge, StudyhallError

REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request being answered; log lines carry it."""

SECURITY_HEADERS: Final = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        b"base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
_VERSION: Final = (b"x-studyhall-version", version("studyhall").encode())
"""Clients of another major version notice, and say so, before they misread an answer."""
_POLICY: Final = SECURITY_HEADERS[0][0]
_READS: Final = frozenset({"GET", "HEAD"})
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._:-]{1,128}")

log = structlog.get_logger("api")


class FrontDoor:
    """Wraps the application.

    Args:
        hosts: names that may stand in the Host header, lower case without port; empty: any.
        origins: origins of foreign pages that may write (`https://host:port`); pages of our own host always may.
        logs_requests: whether each request leaves a line in the log, and not only those refused.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        meters: Meters,
        limits: Limits,
        hosts: Collection[str] = (),
        origins: Collection[str] = (),
        logs_requests: bool = False,
    ) -> None:
        self._app = app
        self._meters = meters
        self._counted: dict[tuple[str, int], Counter] = {}
        self._timed: dict[str, Histogram] = {}
        self._logs_requests = logs_requests
        self._limits = limits
        self._artifact_limits = limits.of_artifacts
        self._hosts = frozenset(host.encode() for host in hosts)
        self._origins = frozenset(origin.encode() for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send, _request_id(scope))
        scope["request_id"] = answer.request_id
        REQUEST_ID.set(answer.request_id)
        limits = self._artifact_limits if sends_artifact(scope) else self._limits
        body = Body(receive, limits, has_arrived=BODY_HAS_ARRIVED in scope)
        began = time.perf_counter()
        try:
            has_body = self._admit(scope)
            if scope["method"] == "HEAD":
                scope = {**scope, "method": "GET"}  # a copy: the server must still know not to send the body
            await self._app(scope, body if has_body else receive, answer)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001  # the edge of the process: whatever happened becomes an answer
            await self._refuse(error, scope, body, answer)
        took_s = time.perf_counter() - began
        self._meter(scope, answer.status or 500, took_s)
        if self._logs_requests:
            took_ms = round(took_s * 1000, 2)
            log.info("answered", **_about(scope), status=answer.status, took_ms=took_ms)

    def _meter(self, scope: Scope, status: int, took_s: float) -> None:
        # By the route's name, of which there are few; the address is the client's choice and would grow for ever.
        route = getattr(scope.get("route"), "unique_id", "page" if "endpoint" in scope else "none")
        counter, timer = self._counted.get((route, status)), self._timed.get(route)
        if counter is None or timer is None:  # looking labels up costs more than counting
            counter = self._counted[route, status] = self._meters.requests.labels(route, str(status))
            timer = self._timed[route] = self._meters.request_s.labels(route)
        counter.inc()
        timer.observe(took_s)

    def _admit(self, scope: Scope) -> bool:
        headers = read_headers(scope, self._limits)
        self._check_host(headers)
        if scope["method"] not in _READS:
            self._check_origin(headers)
        scope["headers_by_name"] = headers
        if sends_artifact(scope):
            return check_body_headers(headers, self._artifact_limits, media_type=b"application/octet-stream")
        return check_body_headers(headers, self._limits)

    def _check_host(self, headers: Headers) -> None:
        host = headers.get(b"host", b"").lower()
        if self._hosts and _without_port(host) not in self._hosts:
            raise BadRequest("This server is not known by the name in the Host header; see the setting `hosts`.")

    def _check_origin(self, headers: Headers) -> None:
        origin = headers.get(b"origin")
        if origin is None or origin in self._origins:
            return
        # The scheme is not compared: behind a proxy that ends TLS ours is always http.
        if origin.lower().partition(b"://")[2] != headers.get(b"host", b"").lower():
            raise CrossOrigin

    async def _refuse(self, error: Exception, scope: Scope, body: Body, answer: "_Answer") -> None:
        where = _about(scope)
        if answer.status is not None:
            log.error("answer broken off", **where, exc_info=error)
            raise error
        ours = understood(error, scope)
        if isinstance(ours, InternalError):
            log.error("unexpected error", **where, exc_info=error)
        status, headers, content = render(ours, answer.request_id)
        log.info("refused", **where, status=status, code=ours.code, cause=_cause(ours))
        await answer({"type": "http.response.start", "status": status, "headers": headers})
        if not isinstance(ours, PayloadTooLarge):
            await answer({"type": "http.response.body", "body": content})
            return
        await answer({"type": "http.response.body", "body": content, "more_body": True})
        await body.drain()
        await answer({"type": "http.response.body", "body": b""})


class _Answer:
    """A `send` that adds the request id and the security headers, and knows what it has said."""

    __slots__ = ("_send", "request_id", "status")

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self.request_id = request_id
        self.status: int | None = None
        """None until it has begun."""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = message["headers"]
            for name, _ in headers:
                if name == _POLICY:  # the dashboard brings its own, which is stricter
                    break
            else:
                headers.extend(SECURITY_HEADERS)
            headers.append((b"x-request-id", self.request_id.encode()))
            headers.append(_VERSION)
        await self._send(message)


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return value.decode() if _REQUEST_ID.fullmatch(value) else _new_request_id()
    return _new_request_id()


def _new_request_id() -> str:
    return f"req_{random.getrandbits(96):024x}"


def _cause(error: StudyhallError) -> str | None:
    """What is behind an error that tells the client little: a database's own words, for instance."""
    return None if error.__cause__ is None else repr(error.__cause__)


def _about(scope: Scope) -> dict[str, Any]:
    """What a log line says of a request: which study, trial and attempt it was about, where it names them."""
    named = {
        name: value for name, value in scope.get("path_params", {}).items() if name in ("study", "trial", "worker")
    }
    if (attempt := scope.get("attempt")) is not None:
        named["attempt"] = attempt
    return {"method": scope["method"], "path": scope["path"], **named}


def _without_port(host: bytes) -> bytes:
    if host.startswith(b"["):
        return host.partition(b"]")[0] + b"]"
    return host.partition(b":")[0]
