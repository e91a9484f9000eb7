"""The real application in this process, behind the SDK's own transport: nothing in between is a mock."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.config import Settings
from app.main import create_app
from app.storage import migrate
from studyhall.client import Client
from studyhall.transport import Connection

SERVER = "http://testserver"


class Door:
    """Makes clients of one running application."""

    def __init__(self, testing, key):
        self._transport = testing._transport
        self.key = key

    def client(self, key=None, **options):
        return Client(connection=self.connection(key), **options)

    def connection(self, key=None):
        return Connection(SERVER, key or self.key, transport=self._transport, patience_s=0)


@pytest.fixture(scope="package")
def door(tmp_path_factory):
    """One application for all tests of the package; each makes studies of its own."""
    directory = tmp_path_factory.mktemp("in-process")
    url, key_file = f"sqlite:///{directory / 'studyhall.db'}", directory / "key"
    migrate.upgrade(url)
    settings = Settings(database_url=url, first_key_file=key_file, hosts=("testserver",), sweep_s=0.2)
    with TestClient(create_app(settings), base_url=SERVER) as testing:
        yield Door(testing, Path(key_file).read_text().strip())


@pytest.fixture
def client(door):
    with door.client(worker="tests") as client:
        yield client


@pytest.fixture
def study(client, request):
    """A study of this test's own, named after it."""
    return client.create_study(request.node.name[:120].replace("[", "-").replace("]", ""), **PARABOLA)


PARABOLA = {
    "space": [{"name": "x", "type": "float", "low": -1, "high": 1}],
    "objectives": [{"metric": "loss", "goal": "minimize"}],
    "algorithm": {"name": "random", "seed": 1},
    "budget": {"max_trials": 5},
}
