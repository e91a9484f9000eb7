"""Share links: what they open, and that they open nothing else."""

import pytest

from app.api.application import ROUTES, Api
from app.services.services import Services
from tests.api.people import Caller, Hold

OPENED = {
    "GET /v1/studies",
    "GET /v1/studies/{study}",
    "GET /v1/studies/{study}/analyses/history",
    "GET /v1/studies/{study}/analyses/{kind}",
    "GET /v1/studies/{study}/best",
    "GET /v1/studies/{study}/events",
    "GET /v1/studies/{study}/export",
    "GET /v1/studies/{study}/parameters",
    "GET /v1/studies/{study}/pareto",
    "GET /v1/studies/{study}/summary",
    "GET /v1/studies/{study}/trials",
    "GET /v1/studies/{study}/trials/columns",
    "GET /v1/trials/{trial}",
    "GET /v1/trials/{trial}/attempts",
    "GET /v1/trials/{trial}/explain",
    "GET /v1/trials/{trial}/measurements",
    "GET /v1/trials/{trial}/network",
}


@pytest.fixture
def study(user: Caller) -> str:
    return str(user.make_study()["id"])


@pytest.fixture
def hold(worker: Caller, study: str) -> Hold:
    return worker.hold(study)


@pytest.fixture
def link(api: Api, services: Services, user: Caller, study: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A link to a study, on a server that also looks keys up where it keeps them."""
    made = user.post(f"/v1/studies/{study}/shares", {"name": "a reviewer"})
    assert made.status_code == 201, made.text
    known = api.authenticator._find_key

    async def find(id: str):
        return await known(id) or await services.find_key(id)

    monkeypatch.setattr(api.authenticator, "_find_key", find)
    return str(made.json()["link"])


@pytest.fixture
def guest(user: Caller, link: str) -> Caller:
    return Caller(user._client, link.removeprefix("/#key=").partition("&")[0])


def test_a_link_opens_the_page_of_its_study(link: str, study: str) -> None:
    assert link.startswith("/#key=hps_")
    assert link.endswith(f"&page=/studies/{study}")


def test_a_guest_reads_one_study_and_its_trials(guest: Caller, hold: Hold, study: str, user: Caller) -> None:
    user.make_study()

    assert guest.get(f"/v1/studies/{study}/summary").json()["trials"]["running"] == 1
    assert guest.get(hold.path).json()["state"] == "running"
    assert [each["id"] for each in guest.get("/v1/studies").json()["items"]] == [study]


def test_only_routes_that_read_one_study_are_open_to_guests() -> None:
    assert {f"{route.method} {route.path}" for route in ROUTES if "guest" in route.scopes} == OPENED


@pytest.mark.parametrize("route", sorted(OPENED - {"GET /v1/studies"}))
def test_no_other_study_is_there_for_a_guest(guest: Caller, user: Caller, worker: Caller, route: str) -> None:
    other = str(user.make_study()["id"])
    path = route.partition(" ")[2].replace("{study}", other).replace("{kind}", "timeline")

    answer = guest.get(path.replace("{trial}", worker.hold(other).trial))

    assert answer.status_code == 404, answer.text


@pytest.mark.parametrize("verb", ["pause", "shares", "trials"])
def test_a_guest_changes_nothing(guest: Caller, study: str, verb: str) -> None:
    assert guest.post(f"/v1/studies/{study}/{verb}", {}).status_code == 403


def test_what_trials_printed_and_kept_is_not_shared(guest: Caller, hold: Hold) -> None:
    assert guest.get(f"{hold.path}/logs").status_code == 403
    assert guest.get(f"{hold.path}/artifacts").status_code == 403


def test_a_revoked_link_opens_nothing_at_once(guest: Caller, user: Caller, study: str) -> None:
    assert guest.get(f"/v1/studies/{study}").status_code == 200
    (share,) = user.get(f"/v1/studies/{study}/shares").json()["items"]

    assert user.delete(f"/v1/studies/{study}/shares/{share['id']}").status_code == 204

    assert guest.get(f"/v1/studies/{study}").status_code == 401
    assert "revoked_at" in user.get(f"/v1/studies/{study}/shares").json()["items"][0]
    assert "link" not in share


def test_a_link_lives_a_week_or_as_long_as_was_asked_for_up_to_a_year(user: Caller, study: str) -> None:
    week = user.post(f"/v1/studies/{study}/shares").json()
    long = user.post(f"/v1/studies/{study}/shares", {"expires_in_s": 366 * 86400})

    assert week["expires_at"] > week["created_at"]
    assert long.json()["errors"][0]["pointer"] == "/expires_in_s"


def test_an_expired_link_opens_nothing(api: Api, guest: Caller, study: str) -> None:
    api.authenticator._now = lambda: 9e9

    assert guest.get(f"/v1/studies/{study}").status_code == 401


def test_deleting_the_study_ends_its_links(guest: Caller, user: Caller, study: str) -> None:
    user.delete(f"/v1/studies/{study}")

    assert guest.get("/v1/studies").status_code == 401


def test_the_links_of_another_study_cannot_be_ended_through_this_one(link: str, user: Caller, study: str) -> None:
    (share,) = user.get(f"/v1/studies/{study}/shares").json()["items"]
    other = user.make_study()["id"]

    assert user.delete(f"/v1/studies/{other}/shares/{share['id']}").status_code == 404
