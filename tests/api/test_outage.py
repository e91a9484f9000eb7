"""What the API says while its database does not answer."""

from typing import Any

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


@pytest.mark.catalogue("HT-046")
def test_it_is_alive_and_not_ready(broken: None, client: TestClient) -> None:
    assert client.get("/healthz").status_code == 200
    assert (client.get("/readyz").status_code, client.get("/readyz").json()) == (503, {"status": "unavailable"})


@pytest.mark.catalogue("HT-046")
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


@pytest.mark.catalogue("HT-047")
def test_a_full_disk_refuses_writes_and_ends_without_a_restart(
    user: Caller, client: TestClient, services: Services
) -> None:
    def let_the_database_have(pages: int) -> None:
        def verb(tx: Any) -> None:
            tx._session._cursor.execute(f"PRAGMA max_page_count={pages}")  # whoever has no more is told "disk is full"

        services.database.writer.write_now(verb)

    let_the_database_have(1)  # which SQLite takes for "what there is, and no more"
    answers = [user.post("/v1/studies", definition(labels={"a": "x" * 200})) for _ in range(100)]
    refused = [answer for answer in answers if answer.status_code != 201]
    there = user.get("/v1/studies?limit=200").json()["items"]
    let_the_database_have(1 << 30)

    assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {(503, "storage-full")}
    assert len(there) == len(answers) - len(refused)
    assert int(refused[0].headers["retry-after"]) >= 1
    assert user.post("/v1/studies", definition()).status_code == 201
