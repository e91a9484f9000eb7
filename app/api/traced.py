"""Requests as OpenTelemetry spans: in front of the front door where traces are wanted, and nowhere else."""

from typing import Final

from opentelemetry.trace import SpanKind, StatusCode
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studyhall import tracing

_OF_MACHINES: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked every few seconds, of no interest, and never below anything."""
_HEADER: Final = tracing.HEADER.encode()


class Traced:
    """An application of which each request is a span, below the caller's where it names one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _OF_MACHINES:
            await self._app(scope, receive, send)
            return
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        facts = {"http.request.method": scope["method"], "url.path": scope["path"]}
        with tracing.span(scope["method"], facts, parent=_parent(scope), kind=SpanKind.SERVER) as span:
            await self._app(scope, receive, watched)
            if span is None:
                return
            route = getattr(scope.get("route"), "path", None)
            if route is not None:
                span.update_name(f"{scope['method']} {route}")
                span.set_attribute("http.route", route)
            for name, value in scope.get("path_params", {}).items():
                span.set_attribute(f"studyhall.{name}", value)
            if (request_id := scope.get("request_id")) is not None:
                span.set_attribute("studyhall.request_id", request_id)
            span.set_attribute("http.response.status_code", status)
            if status >= 500:
                span.set_status(StatusCode.ERROR)


def _parent(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == _HEADER:
            found: str = value.decode("latin-1")
            return found
    return ""
