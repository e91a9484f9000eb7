"""The front door: what is refused before any of it is understood, and what every answer carries."""

import re
from collections.abc import Iterator

import pytest
import structlog
from starlette.testclient import TestClient

from app.api.context import Open
from app.api.front_door import SECURITY_HEADERS
from app.api.limits import Limits
from app.api.routing import OPEN, Routes
from studyhall.wire.server import Health
from tests.api.toys import toy_api

SMALL = Limits(body_bytes=1000, headers_bytes=1000, url_bytes=300)
JSON = {"content-type": "application/json"}
OK = b'{"status":"ok"}'
routes = Routes("toys")


@routes.get("/ok", scopes=OPEN)
async def get_ok(context: Open) -> Health:
    """Answers."""
    return Health(status="ok")


@routes.post("/echo", scopes=OPEN)
async def echo(context: Open, body: Health) -> Health:
    """Gives back what it was given."""
    return body


@pytest.fixture
def client() -> TestClient:
    return TestClient(
        toy_api(routes, limits=SMALL, hosts=("testserver", "[::1]"), origins=("https://notebook.example",))
    )


def test_every_answer_carries_the_security_headers(client: TestClient) -> None:
    for answer in (client.get("/ok"), client.get("/nothing"), client.post("/echo", content=b"{")):
        for name, value in SECURITY_HEADERS:
            assert answer.headers[name.decode()] == value.decode()
        assert "server" not in answer.headers
        assert "access-control-allow-origin" not in answer.headers


def test_answers_are_not_stored(client: TestClient) -> None:
    assert client.get("/ok").headers["cache-control"] == "no-store"


def test_every_request_has_an_id(client: TestClient) -> None:
    first, second = client.get("/ok"), client.get("/ok")

    assert re.fullmatch(r"req_[0-9a-f]{24}", first.headers["x-request-id"])
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


def test_a_client_may_name_its_request(client: TestClient) -> None:
    assert client.get("/ok", headers={"x-request-id": "run-7:step.3"}).headers["x-request-id"] == "run-7:step.3"


@pytest.mark.parametrize("name", ["a b", 'x"y', "x" * 129, "", "é".encode("latin-1")])
def test_a_strange_request_id_is_replaced(client: TestClient, name: str | bytes) -> None:
    sent = name if isinstance(name, bytes) else name.encode()

    answer = client.get("/ok", headers={b"x-request-id": sent})

    assert answer.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/octet-stream"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "application/json; charset=utf-16"}, 415),
        ({"content-type": ""}, 415),
        (JSON | {"content-encoding": "gzip"}, 415),
        (JSON | {"content-encoding": "identity"}, 200),
        ({"content-type": "application/json; charset=UTF-8"}, 200),
        ({"content-type": 'Application/JSON;charset="utf-8"'}, 200),
    ],
)
def test_a_body_is_json_in_utf_8(client: TestClient, headers: dict[str, str], status: int) -> None:
    assert client.post("/echo", content=OK, headers=headers).status_code == status


def test_a_body_without_a_media_type_is_refused(client: TestClient) -> None:
    assert client.post("/echo", content=OK).status_code == 415


def test_a_body_that_is_announced_too_large_is_refused(client: TestClient) -> None:
    answer = client.post("/echo", content=b" " * 1001, headers=JSON)

    assert (answer.status_code, answer.json()["code"]) == (413, "payload-too-large")


def test_a_body_of_exactly_the_limit_is_taken(client: TestClient) -> None:
    assert client.post("/echo", content=OK.ljust(1000), headers=JSON).status_code == 200


def test_a_body_in_pieces_is_counted(client: TestClient) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(100):
            yield b" " * 100

    assert client.post("/echo", content=pieces(), headers=JSON).status_code == 413


def test_long_headers_are_refused(client: TestClient) -> None:
    answer = client.get("/ok", headers={"x-long": "y" * 1000})

    assert (answer.status_code, answer.json()["code"]) == (431, "headers-too-large")


def test_a_long_address_is_refused(client: TestClient) -> None:
    answer = client.get("/ok?" + "y" * 300)

    assert (answer.status_code, answer.json()["code"]) == (414, "uri-too-long")


@pytest.mark.parametrize("path", ["/v1/%ff", "/ok?name=%ff", "/ok?name=%c0%af", "/%ed%a0%80"])
def test_an_address_that_is_not_utf_8_is_refused(client: TestClient, path: str) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.json()["code"]) == (400, "bad-request")


@pytest.mark.parametrize("host", ["evil.example", "testserver.evil.example", "", "127.0.0.1:8000", "[::2]:80"])
def test_a_server_answers_to_its_own_names_only(client: TestClient, host: str) -> None:
    assert client.get("/ok", headers={"host": host}).status_code == 400


@pytest.mark.parametrize("host", ["testserver", "testserver:8000", "TestServer", "[::1]:8000"])
def test_a_name_may_come_with_a_port(client: TestClient, host: str) -> None:
    assert client.get("/ok", headers={"host": host}).status_code == 200


@pytest.mark.catalogue("AU-023")
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://testserver.evil.example", "testserver", ""])
def test_a_foreign_page_may_not_write(client: TestClient, origin: str) -> None:
    answer = client.post("/echo", content=OK, headers=JSON | {"origin": origin})

    assert (answer.status_code, answer.json()["code"]) == (403, "csrf")


@pytest.mark.parametrize("origin", ["http://testserver", "https://testserver", "https://notebook.example"])
def test_our_own_pages_and_those_that_were_named_may_write(client: TestClient, origin: str) -> None:
    assert client.post("/echo", content=OK, headers=JSON | {"origin": origin}).status_code == 200


def test_a_foreign_page_may_not_write_with_any_verb(client: TestClient) -> None:
    for method in ("PUT", "PATCH", "DELETE", "POST"):
        assert client.request(method, "/ok", headers={"origin": "https://evil.example"}).status_code == 403


@pytest.mark.catalogue("AU-024")
def test_a_preflight_of_a_foreign_page_gets_no_permission(client: TestClient) -> None:
    answer = client.options(
        "/echo", headers={"origin": "https://evil.example", "access-control-request-method": "POST"}
    )

    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("name", ["content-type", "host", "if-match", "idempotency-key", "origin"])
def test_a_header_with_one_value_may_not_come_twice(client: TestClient, name: str) -> None:
    value = "testserver" if name == "host" else "application/json"

    answer = client.get("/ok", headers=[(name, value), (name, value)])

    assert (answer.status_code, answer.json()["code"]) == (400, "bad-request")


def test_other_headers_may_come_twice(client: TestClient) -> None:
    assert client.get("/ok", headers=[("accept", "a/b"), ("accept", "c/d")]).status_code == 200


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "9" * 30, "1,2"])
def test_a_length_is_a_number(client: TestClient, length: str) -> None:
    answer = client.post("/echo", content=OK, headers=JSON | {"content-length": length})

    assert answer.status_code == 400


def test_every_request_leaves_a_line_when_it_is_told_to() -> None:
    talkative = TestClient(toy_api(routes, logs_requests=True))
    with structlog.testing.capture_logs() as lines:
        talkative.get("/ok")
        talkative.get("/nothing")

    assert [(line["event"], line["status"]) for line in lines] == [
        ("answered", 200),
        ("refused", 404),
        ("answered", 404),
    ]


def test_only_what_is_refused_leaves_a_line_otherwise(client: TestClient) -> None:
    with structlog.testing.capture_logs() as lines:
        client.get("/ok")
        client.get("/nothing")

    assert [line["event"] for line in lines] == ["refused"]
