"""Webhooks over HTTP, and over HTTP to their receiver."""

import httpx2
import pytest

from app.services.services import Services
from app.services.webhooks import Webhooks
from app.webhook_post import WebhookPost
from tests.api.people import Caller

URL = "https://hooks.test/in"


@pytest.fixture
def came(services: Services) -> list[httpx2.Request]:
    """Turns webhooks on; what a receiver gets, that redirects whoever asks twice."""
    got: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        got.append(request)
        return httpx2.Response(204 if len(got) < 2 else 307, headers={"location": "http://127.0.0.1/"})

    services.webhooks = Webhooks(
        services.database, WebhookPost(httpx2.MockTransport(answer)), origins=["https://hooks.test"], clock=lambda: 1.0
    )
    return got


def test_a_webhook_is_made_tried_listed_and_ended(came: list[httpx2.Request], user: Caller) -> None:
    made = user.post("/v1/webhooks", {"url": URL, "kinds": ["study.*"]})
    tried = user.post(f"/v1/webhooks/{made.json()['id']}/test").json()
    listed = user.get("/v1/webhooks").json()["items"]
    ended = user.delete(f"/v1/webhooks/{made.json()['id']}")

    assert made.status_code == 201
    assert made.json()["secret"].startswith("whs_")
    assert "error" not in tried
    assert [hook["kinds"] for hook in listed] == [["study.*"]]
    assert "secret" not in listed[0]
    assert (ended.status_code, user.get("/v1/webhooks").json()["items"]) == (204, [])
    assert came[0].headers["x-studyhall-signature"].startswith("v1=")


def test_redirects_are_not_followed(came: list[httpx2.Request], user: Caller) -> None:
    path = f"/v1/webhooks/{user.post('/v1/webhooks', {'url': URL}).json()['id']}/test"
    user.post(path)

    assert user.post(path).json()["error"] == "the receiver answered 307"
    assert [request.url.host for request in came] == ["hooks.test"] * 2


def test_a_foreign_project_s_webhook_is_not_there(came: list[httpx2.Request], user: Caller, caller) -> None:
    made = user.post("/v1/webhooks", {"url": URL}).json()["id"]

    assert caller("user", "elsewhere").delete(f"/v1/webhooks/{made}").status_code == 404
    assert caller("reader").get("/v1/webhooks").status_code == 403


def test_webhooks_are_off_unless_an_origin_is_allowed(user: Caller) -> None:
    refused = user.post("/v1/webhooks", {"url": URL})

    assert (refused.status_code, refused.json()["code"]) == (409, "webhooks-off")


@pytest.mark.catalogue("ST-032", "ST-034")
@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "https://[fd00:ec2::254]/",
        "https://127.0.0.1/in",
        "https://localhost/in",
        "https://hooks.test:8443/in",
        "http://hooks.test/in",
        "https://hooks.test@169.254.169.254/in",
        "https://hooks.test\\@169.254.169.254/in",
        "https://hooks.test.evil.example/in",
        "file:///etc/passwd",
        "gopher://hooks.test/in",
        "ftp://hooks.test/in",
        "hooks.test/in",
    ],
)
def test_an_address_that_was_not_allowed_is_refused_and_not_called(
    came: list[httpx2.Request], user: Caller, url: str
) -> None:
    refused = user.post("/v1/webhooks", {"url": url})

    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/url")
    assert came == []


@pytest.mark.parametrize("kinds", [[], ["study.completed "], ["worker.*"], [3]])
def test_kinds_that_do_not_exist_are_named(came: list[httpx2.Request], user: Caller, kinds: list[object]) -> None:
    refused = user.post("/v1/webhooks", {"url": URL, "kinds": kinds})

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"].startswith("/kinds")
