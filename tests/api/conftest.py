"""An API of its own for each test, on a fresh database, and somebody to call it."""

from collections.abc import Callable, Iterator

import pytest
import structlog
from starlette.testclient import TestClient

from app.api.application import Api
from app.services.services import Services
from tests.api.people import Caller, Keyring, make_api, make_services


@pytest.fixture(autouse=True)
def _plain_log_lines() -> Iterator[None]:
    """Without the values of variables in tracebacks: they are slow to print, and hold keys."""
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    )
    yield
    structlog.reset_defaults()


@pytest.fixture
def services(sqlite_url: str) -> Services:
    return make_services(sqlite_url)


@pytest.fixture
def keyring() -> Keyring:
    return Keyring()


@pytest.fixture
def api(services: Services, keyring: Keyring) -> Api:
    return make_api(services, keyring)


@pytest.fixture
def client(api: Api) -> Iterator[TestClient]:
    """The API, started; whoever uses it needs a key."""
    with TestClient(api) as started:
        yield started


@pytest.fixture
def caller(client: TestClient, keyring: Keyring) -> Callable[..., Caller]:
    """Makes somebody with a key: `caller("worker")`, `caller("user", "other project")`."""

    def make(scope: str, project: str = "default") -> Caller:
        return Caller(client, keyring.make(scope, project))

    return make


@pytest.fixture
def user(caller: Callable[..., Caller]) -> Caller:
    return caller("user")


@pytest.fixture
def worker(caller: Callable[..., Caller]) -> Caller:
    return caller("worker")


@pytest.fixture
def admin(caller: Callable[..., Caller]) -> Caller:
    return caller("admin")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
