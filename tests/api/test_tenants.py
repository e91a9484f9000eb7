"""Every route walked by a stranger: what another project has is answered like what never was, and stays as it is."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from app.api.application import ROUTES
from docs.reference.examples import EXAMPLES
from tests.api.people import Caller, Keyring, make_api, make_services

NAMING = [route for route in ROUTES if "{" in route.path]
NEVER = {
    "study": "st_00000000000000000000000000000", "trial": "tr_00000000000000000000000000000", "key": "zzzzzzzz",
    "share": "zzzzzzzz", "webhook": "wh_00000000000000000000000000000", "worker": "nobody", "name": "model.txt",
    "kind": "edf",
}  # fmt: skip


@dataclass(frozen=True)
class House:
    """What one project has, a stranger with every right in another one, and what stands in addresses of ours."""

    owner: Caller
    stranger: Caller
    ids: dict[str, str]
    token: str


@pytest.fixture(scope="module")
def house(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    database = tmp_path_factory.mktemp("tenants") / "studyhall.db"
    shutil.copy(migrated_sqlite, database)
    keyring, services = Keyring(), make_services(f"sqlite:///{database}")
    with TestClient(make_api(services, keyring)) as client:
        owner, stranger = (Caller(client, keyring.make("admin", project)) for project in ("mine", "theirs"))
        study = owner.make_study(name="digits")["id"]
        hold = owner.hold(study)
        owner.post("/v1/workers", {"name": "gpu-box", "version": "0.1.0"})
        made = {
            "key": owner.post("/v1/keys", {"name": "ci", "scope": "worker"}).json()["id"],
            "share": owner.post(f"/v1/studies/{study}/shares", {"name": "review"}).json()["id"],
            "worker": "gpu-box",
        }
        yield House(owner, stranger, NEVER | made | {"study": study, "trial": hold.trial}, str(hold.lease["token"]))


def ask(house: House, route: Any, ids: dict[str, str]) -> Response:
    """What the reference's example of a route sends, by the stranger, about these."""
    example = EXAMPLES[route.name]
    names = {**ids, "kind": "edf"}
    path = route.path.replace(":path}", "}").format(**names)
    rest: dict[str, Any] = {}
    if example.content:
        lease = {"content-type": "application/octet-stream", "x-lease-token": house.token}
        rest = {"content": example.content, "headers": lease}
    elif example.body is not None:
        rest = {"json": json.loads(json.dumps(example.body).replace("$TOKEN", house.token))}
    return house.stranger(route.method, f"{path}?{example.query}" if example.query else path, **rest)


@pytest.mark.catalogue("AU-012", "AU-014", "AU-015")
@pytest.mark.parametrize("route", NAMING, ids=lambda route: route.name)
def test_what_another_project_has_is_answered_like_what_never_was(route: Any, house: House) -> None:
    before = house.owner.get(f"/v1/studies/{house.ids['study']}").json()

    foreign, never = ask(house, route, house.ids), ask(house, route, NEVER)

    assert (foreign.status_code, foreign.json()["code"]) == (404, "not-found"), foreign.text
    assert told(foreign, house.ids) == told(never, NEVER)
    assert house.owner.get(f"/v1/studies/{house.ids['study']}").json() == before


def told(answer: Response, ids: dict[str, str]) -> Any:
    """A problem without what differs between any two requests."""
    problem = answer.json() | {"request_id": ""}
    text = json.dumps(problem)
    for name in ("study", "trial", "key", "share", "worker", "webhook"):
        text = text.replace(ids[name], name)
    return json.loads(text)


def test_a_claim_finds_no_study_of_another_project(house: House) -> None:
    for name in (house.ids["study"], "digits"):
        answer = house.stranger.post("/v1/claims", {"token": "0" * 16, "worker": "w", "study": name, "wait_s": 0})
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


@pytest.mark.parametrize("path", ["/v1/studies", "/v1/workers", "/v1/webhooks", "/v1/trainables"])
def test_a_list_holds_nothing_of_another_project(path: str, house: House) -> None:
    assert house.stranger.get(path).json()["items"] == []


def test_keys_are_listed_for_their_own_project(house: House) -> None:
    assert house.ids["key"] not in [key["id"] for key in house.stranger.get("/v1/keys").json()["items"]]
