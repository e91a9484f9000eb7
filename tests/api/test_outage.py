"""What the API says while its database does not answer."""

import pytest
from starlette.testclient import TestClient

from app.services.services import Services
from app.storage.database import Database
from studyhall.errors import StorageBusy, StorageFull, StorageUnavailable, StudyhallError
from tests.api.people import Caller, definition


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch, user: Caller) -> None:
    """A database that has gone, after the key was seen once."""
    user.get("/v1/studies")

    async def gone(*_: object, **_how: object) -> None:
        raise StorageUnavailable(retry_after_s=3) from OSError("connect to 10.0.0.7 as studyhall: hunter2")

    monkeypatch.setattr(Database, "read", gone)
    monkeypatch.setattr(Database, "write", gone)


def test_it_is_alive_and_not_ready(broken: None, client: TestClient) -> None:
    assert client.get("/healthz").status_code == 200
    assert (client.get("/readyz").status_code, client.get("/readyz").json()) == (503, {"status": "unavailable"})


def test_requests_hear_when_to_come_again(broken: None, user: Caller) -> None:
    for answer in (user.get("/v1/studies"), user.post("/v1/studies", definition())):
        assert (answer.status_code, answer.json()["code"]) == (503, "storage-unavailable")
        assert answer.headers["retry-after"] == "3"
        assert "hunter2" not in answer.text


@pytest.mark.parametrize(("error", "code"), [(StorageFull(), "storage-full"), (StorageBusy(), "storage-busy")])
def test_other_troubles_have_names_of_their_own(
    error: StudyhallError, code: str, user: Caller, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def trouble(*_: object, **_how: object) -> None:
        raise error

    monkeypatch.setattr(services.database, "write", trouble)

    answer = user.post("/v1/studies", definition())

    assert (answer.status_code, answer.json()["code"]) == (503, code)
    assert int(answer.headers["retry-after"]) >= 1
    assert user.get("/v1/studies").status_code == 200
