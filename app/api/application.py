"""The application: every route, behind the front door, with the dashboard and the OpenAPI document."""

from collections.abc import Collection, Iterable
from functools import cached_property
from importlib.metadata import version
from typing import Any, Final

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from pydantic_core import to_json
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api import (
    artifacts,
    claims,
    events,
    exports,
    fleet,
    health,
    keys,
    logs,
    metrics,
    shares,
    spaces,
    studies,
    trials,
    webhooks,
)
from app.api.auth import Authenticator
from app.api.documented import describe
from app.api.front_door import FrontDoor
from app.api.limits import Limits
from app.api.pages import page_routes
from app.api.rates import Rates, RateSettings
from app.api.routing import StrictRoute
from app.services.services import Services
from studyhall import tracing

ROUTES: Final = tuple(
    route
    for subject in (
        claims,
        logs,
        trials,
        artifacts,
        studies,
        exports,
        shares,
        events,
        spaces,
        fleet,
        keys,
        webhooks,
        health,
        metrics,
    )
    for route in subject.routes.all
)
"""Every route of the API, in the order in which they are matched: what is asked most often first."""

# Asking three times a request whether OpenTelemetry is configured costs a quarter of what the whole request does.
_NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}


class Api(FastAPI):
    """The ASGI application.

    Args:
        routes: what it answers; tests bring their own.
        hosts, origins, logs_requests: as in `FrontDoor`.
    """

    def __init__(
        self,
        *,
        services: Services,
        authenticator: Authenticator,
        limits: Limits,
        rates: RateSettings | None = None,
        routes: Iterable[StrictRoute] = ROUTES,
        hosts: Collection[str] = (),
        origins: Collection[str] = (),
        logs_requests: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(openapi_url=None, docs_url=None, redoc_url=None, telemetry=_NO_TELEMETRY, **options)
        self.services = services
        self.authenticator = authenticator
        self.rates = Rates(rates or RateSettings())
        self.router.redirect_slashes = False
        self._strict_routes = tuple(routes)
        self.router.routes.extend(self._strict_routes)
        self.router.routes.extend(page_routes())
        self._front_door = FrontDoor(
            self._dispatch,
            meters=services.meters,
            limits=limits,
            hosts=hosts,
            origins=origins,
            logs_requests=logs_requests,
        )

    def build_middleware_stack(self) -> ASGIApp:
        """The front door alone, straight before the routes.

        The framework's own five layers do for its endpoints what `StrictRoute` and the front door do for ours, in words
        of their own, and cost a request as much as reading its JSON does.
        """
        if tracing.tracer() is None:
            return self._front_door
        from app.api.traced import Traced  # OpenTelemetry is there, or not, as the operator likes

        return Traced(self._front_door)

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Pages, and what is not found, are left to the framework's router; it is a tenth of what one of ours costs.
        if scope["type"] == "http":
            for route in self._strict_routes:
                match, found = route.matches(scope)
                if match is Match.FULL:
                    scope.update(found)
                    await route.serve(scope, receive, send)
                    return
        await self.router(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document."""
        return self._document

    @cached_property
    def _document(self) -> dict[str, Any]:
        return describe(self.routes, version=version("studyhall"))

    @cached_property
    def _document_json(self) -> bytes:
        return to_json(self._document)

    def openapi_json(self) -> bytes:
        """The same, as it is served."""
        return self._document_json
