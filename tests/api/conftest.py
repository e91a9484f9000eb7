"""An API of its own for each test, on a fresh database, and somebody to call it."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.api.application import Api
from app.api.auth import Authenticator
from app.api.limits import Limits
from app.search.engine import Suggestion
from app.services.engine_pool import EngineFailed, SuggestRequest
from app.services.services import Services
from tests.api.people import Caller, Keyring


class NoEngines:
    """A pool for tests in which nobody asks an engine."""

    async def suggest(self, request: SuggestRequest) -> tuple[Suggestion, ...]:
        raise EngineFailed("there is no engine in this test")


@pytest.fixture
def services(sqlite_url: str) -> Services:
    return Services(sqlite_url, NoEngines(), sweep_s=60.0)


@pytest.fixture
def keyring() -> Keyring:
    return Keyring()


@pytest.fixture
def api(services: Services, keyring: Keyring) -> Api:
    @asynccontextmanager
    async def running(_app: FastAPI) -> AsyncIterator[None]:
        await services.start()
        yield
        await services.stop()

    return Api(
        services=services,
        authenticator=Authenticator(keyring.find),
        limits=Limits(),
        hosts=("testserver",),
        lifespan=running,
    )


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
