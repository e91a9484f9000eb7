"""Keys over HTTP: made, rotated, revoked, and what of it is written down."""

from collections.abc import Callable
from datetime import datetime
from unittest.mock import ANY

import pytest
from starlette.testclient import TestClient

from app.api.application import Api
from app.api.auth import Authenticator
from app.services.keys import create_admin_key
from app.services.services import Services
from app.storage import reader
from studyhall.wire.pages import Page
from studyhall.wire.server import Key
from tests.api.people import Caller


def test_keys_are_made_told_once_and_revoked(admin: Caller, api: Api) -> None:
    made = admin.post("/v1/keys", {"name": "laptop", "scope": "user"})

    key = made.json()
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    assert key["secret"].startswith(f"hps_{key['id']}_")
    assert "secret" not in admin.get("/v1/keys").json()["items"][0]
    assert admin.delete(f"/v1/keys/{key['id']}").status_code == 204
    assert "revoked_at" in admin.get("/v1/keys").json()["items"][0]


def test_a_rotated_key_has_a_successor_and_is_taken_for_its_grace(admin: Caller) -> None:
    old = admin.post("/v1/keys", {"name": "ci", "scope": "worker", "expires_in_s": 864_000}).json()

    new = admin.post(f"/v1/keys/{old['id']}/rotate", {"grace_s": 3600})

    keys = Page[Key].model_validate_json(admin.get("/v1/keys").content).items
    kept, made = (next(key for key in keys if key.id == id) for id in (old["id"], new.json()["id"]))
    assert (new.status_code, made.name, made.scope, kept.revoked_at) == (201, "ci", "worker", None)
    assert new.json()["secret"] != old["secret"]
    assert lifetime_s(made.created_at, kept.expires_at) == 3600
    assert lifetime_s(made.created_at, made.expires_at) == 864_000


def test_a_key_that_is_rotated_in_its_grace_has_a_successor_that_lives_as_long(admin: Caller) -> None:
    worker = admin.post("/v1/keys", {"name": "ci", "scope": "worker", "expires_in_s": 864_000}).json()
    root = admin.post("/v1/keys", {"name": "root", "scope": "admin"}).json()
    for key in (worker, root):
        admin.post(f"/v1/keys/{key['id']}/rotate", {"grace_s": 3600})

    successors = [Key.model_validate(admin.post(f"/v1/keys/{key['id']}/rotate").json(), strict=False)
                  for key in (worker, root)]  # fmt: skip

    assert lifetime_s(successors[0].created_at, successors[0].expires_at) == 864_000
    assert successors[1].expires_at is None
    kept = {key.id: key for key in Page[Key].model_validate_json(admin.get("/v1/keys").content).items}[worker["id"]]
    assert lifetime_s(kept.created_at, kept.expires_at) == 3600  # the shorter grace holds


def lifetime_s(begin: datetime, end: datetime | None) -> int:
    assert end is not None
    return round((end - begin).total_seconds())


def test_a_key_rotated_without_grace_is_refused_at_once(client: TestClient, api: Api, services: Services) -> None:
    api.authenticator = Authenticator(services.find_key)
    first = services.database.writer.write_now(create_admin_key)
    only = Caller(client, first.secret)

    new = only.post(f"/v1/keys/{first.id}/rotate", {"grace_s": 0}).json()

    assert only.get("/v1/keys").status_code == 401
    assert Caller(client, new["secret"]).get("/v1/keys").status_code == 200
    again = Caller(client, new["secret"]).post(f"/v1/keys/{first.id}/rotate")
    assert (again.status_code, again.json()["code"]) == (409, "key-ended")


def test_a_key_tells_when_it_was_used_last(client: TestClient, api: Api, services: Services) -> None:
    api.authenticator = Authenticator(services.find_key, on_use=services.key_used)
    used = Caller(client, services.database.writer.write_now(create_admin_key).secret)
    unused = used.post("/v1/keys", {"name": "ci", "scope": "worker"}).json()

    assert client.portal is not None
    client.portal.call(services.sweep)

    keys = {key.name: key.last_used_at for key in Page[Key].model_validate_json(used.get("/v1/keys").content).items}
    assert keys == {"recovery": ANY, "ci": None}
    assert keys["recovery"] is not None
    assert "last_used_at" not in unused


def test_of_very_many_keys_those_that_work_longest_are_listed(admin: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MOST_KEYS", 3)
    made = {
        name: admin.post("/v1/keys", {"name": name, "scope": "reader", "expires_in_s": days * 86_400}).json()["id"]
        for name, days in (("revoked", 90), ("soon", 1), ("first", 30), ("second", 60), ("third", 7))
    }
    admin.delete(f"/v1/keys/{made['revoked']}")

    listed = [key["name"] for key in admin.get("/v1/keys").json()["items"]]

    assert listed == ["first", "second", "third"]


@pytest.mark.catalogue("AU-020")
def test_the_last_admin_key_stays(admin: Caller) -> None:
    key = admin.post("/v1/keys", {"name": "only", "scope": "admin"}).json()

    answer = admin.delete(f"/v1/keys/{key['id']}")

    assert (answer.status_code, answer.json()["code"]) == (409, "last-admin")


def test_an_admin_key_that_has_ended_may_be_revoked_beside_the_only_one_that_works(
    client: TestClient, api: Api, services: Services
) -> None:
    ended = services.database.writer.write_now(create_admin_key)
    services.database.writer.write_now(lambda tx: tx.change(tx.all_keys()[0], expires_at=tx.now))
    api.authenticator = Authenticator(services.find_key)
    only = services.database.writer.write_now(create_admin_key)

    answer = Caller(client, only.secret).delete(f"/v1/keys/{ended.id}")

    assert answer.status_code == 204


@pytest.mark.catalogue("AU-011")
def test_the_successor_of_the_last_admin_key_stays_too_while_the_old_one_has_its_grace(
    client: TestClient, api: Api, services: Services
) -> None:
    api.authenticator = Authenticator(services.find_key)
    first = services.database.writer.write_now(create_admin_key)
    old = Caller(client, first.secret)
    new = old.post(f"/v1/keys/{first.id}/rotate", {"grace_s": 3600}).json()

    answer = old.delete(f"/v1/keys/{new['id']}")

    assert (answer.status_code, answer.json()["code"]) == (409, "last-admin")
    assert old.delete(f"/v1/keys/{first.id}").status_code == 204


def test_users_make_no_keys(user: Caller) -> None:
    answer = user.post("/v1/keys", {"name": "mine", "scope": "admin"})

    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient-scope")


def test_who_did_what_is_told_newest_first_and_to_admins_of_the_project_alone(
    caller: Callable[..., Caller], admin: Caller, user: Caller
) -> None:
    key = admin.post("/v1/keys", {"name": "ci", "scope": "worker"}).json()["id"]
    admin.post(f"/v1/keys/{key}/rotate")
    admin.delete(f"/v1/keys/{key}")
    study = user.make_study()["id"]
    user.delete(f"/v1/studies/{study}")

    first = admin.get("/v1/audit?limit=3").json()
    rest = admin.get(f"/v1/audit?limit=3&cursor={first['next_cursor']}").json()

    told = [(line["action"], line["subject"]) for line in (*first["items"], *rest["items"])]
    assert told == [("study.deleted", study), ("key.revoked", key), ("key.rotated", key), ("key.created", key)]
    assert "secret" not in str(first)
    assert caller("admin", "other project").get("/v1/audit").json()["items"] == []
    assert user.get("/v1/audit").status_code == 403
