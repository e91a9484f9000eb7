"""An API of a few made-up routes, without a database behind it."""

from types import SimpleNamespace
from typing import Any, cast

from app.api.application import Api
from app.api.auth import Authenticator
from app.api.limits import Limits
from app.api.routing import Routes
from app.meters import Meters
from app.services.services import Services
from tests.api.people import Keyring


def toy_api(routes: Routes, *, keyring: Keyring | None = None, **options: Any) -> Api:
    """The front door and the machinery of routes around endpoints of a test."""
    no_services = cast("Services", SimpleNamespace(meters=Meters()))  # these endpoints use no more
    settings: dict[str, Any] = {"limits": Limits()} | options
    return Api(
        routes=routes.all, services=no_services, authenticator=Authenticator((keyring or Keyring()).find), **settings
    )
