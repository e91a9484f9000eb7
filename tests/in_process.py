"""The real application in this process, behind the SDK's own transport: nothing in between is a mock."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from studyhall.client import Client
from studyhall.transport import Connection

SERVER = "http://testserver"


class Door:
    """Makes clients of one running application."""

    def __init__(self, transport: httpx2.BaseTransport, key: str) -> None:
        self.transport = transport
        self.key = key

    def client(self, key: str | None = None, *, worker: str | None = None) -> Client:
        """A client with this key, or the admin's."""
        connection = Connection(SERVER, key or self.key, transport=self.transport, patience_s=0)
        return Client(connection=connection, worker=worker)


@pytest.fixture(scope="session")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """One application for all tests that ask for it; each makes studies of its own."""
    from starlette.testclient import TestClient

    from app.config import Settings, WebhookSettings
    from app.main import create_app
    from app.storage import migrate

    directory: Path = tmp_path_factory.mktemp("in-process")
    url, key_file = f"sqlite:///{directory / 'studyhall.db'}", directory / "key"
    migrate.upgrade(url)
    nobody = WebhookSettings(origins=("http://127.0.0.1:9",))  # a port at which nothing listens
    settings = Settings(webhooks=nobody, database_url=url, first_key_file=key_file, hosts=("testserver",), sweep_s=0.2)
    with TestClient(create_app(settings), base_url=SERVER) as testing:
        yield Door(testing._transport, key_file.read_text().strip())
