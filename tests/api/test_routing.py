"""The one kind of route: what it takes, what it gives, and who may use it."""

import inspect
from typing import Annotated

import pytest
from pydantic import Field
from starlette.responses import PlainTextResponse, Response
from starlette.testclient import TestClient

from app.api.application import ROUTES, Api
from app.api.context import Caller, Open
from app.api.queries import TrialId
from app.api.routing import ADMINS, EVERY_KEY, OPEN, READERS, USERS, VIEWERS, WORKERS, Routes, StrictRoute
from studyhall.wire.claims import Heartbeat
from studyhall.wire.server import Health
from studyhall.words import Word
from tests.api.people import Keyring
from tests.api.toys import toy_api

routes = Routes("toys")
OK = Health(status="ok")


class Thing(Word):
    """What the made-up routes answer."""

    number: int = 0
    words: tuple[str, ...] = ()
    absent: str | None = None


class ThingQuery(Word):
    """A query with one of each."""

    number: Annotated[int, Field(ge=1, le=10)] = 5
    words: tuple[str, ...] = ()
    flag: bool = False


@routes.get("/query", scopes=OPEN)
async def get_query(context: Open, query: ThingQuery) -> Thing:
    """Tells its query."""
    return Thing(number=query.number, words=(*query.words, str(query.flag)))


@routes.get("/trials/{trial}", scopes=OPEN)
async def get_trial(context: Open, trial: TrialId) -> Thing:
    """Tells its path."""
    return Thing(words=(trial,))


@routes.post("/beat", scopes=OPEN, status=201)
async def beat(context: Open, body: Heartbeat) -> Thing:
    """Takes a body."""
    context.add_header("location", "/beat/1")
    return Thing(number=body.attempt)


@routes.post("/optional", scopes=OPEN)
async def optional(context: Open, body: Thing = Thing(number=7)) -> Thing:  # noqa: B008  # a frozen value
    """Takes a body, or none."""
    return body


@routes.post("/move", scopes=OPEN)
async def move(context: Open) -> None:
    """Takes nothing and gives nothing."""


@routes.get("/versioned", scopes=OPEN)
async def versioned(context: Open) -> Thing:
    """Has a version."""
    context.tag(42)
    return Thing()


@routes.get("/own", scopes=OPEN)
async def own(context: Open) -> Thing | Response:
    """Answers in its own way."""
    return PlainTextResponse("own")


@routes.get("/who", scopes=READERS)
async def who(context: Caller) -> Thing:
    """Tells who asks."""
    return Thing(words=(context.principal.scope, context.principal.project))


@routes.get("/condition", scopes=OPEN)
async def condition(context: Open) -> Thing:
    """Reads If-Match and Idempotency-Key."""
    return Thing(number=-1 if context.if_match is None else context.if_match, words=(context.idempotency_key or "",))


@pytest.fixture
def keyring() -> Keyring:
    return Keyring()


@pytest.fixture
def client(keyring: Keyring) -> TestClient:
    return TestClient(toy_api(routes, keyring=keyring))


def test_absent_fields_are_left_out(client: TestClient) -> None:
    assert client.get("/versioned").json() == {"number": 0, "words": []}


def test_a_query_is_read_by_its_model(client: TestClient) -> None:
    answer = client.get("/query?number=3&words=a&words=b,c&flag=true")

    assert answer.json() == {"number": 3, "words": ["a", "b", "c", "True"]}


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("number=0", "/query/number"),
        ("number=11", "/query/number"),
        ("number=abc", "/query/number"),
        ("number=", "/query/number"),
        ("number=1.5", "/query/number"),
        ("number=1&number=2", "/query/number"),
        ("nubmer=1", "/query/nubmer"),
        ("flag=maybe", "/query/flag"),
        ("flag=%F0%9F%98%80", "/query/flag"),
    ],
)
def test_a_query_that_does_not_fit_is_refused(client: TestClient, query: str, pointer: str) -> None:
    answer = client.get(f"/query?{query}")

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_a_route_without_a_query_takes_none(client: TestClient) -> None:
    assert client.get("/versioned?verbose=1").status_code == 422


def test_a_query_of_a_hundred_fields_is_refused(client: TestClient) -> None:
    assert client.get("/query?" + "&".join(f"words={n}" for n in range(100))).status_code == 400


def test_what_cannot_be_an_id_is_the_id_of_nothing(client: TestClient) -> None:
    assert client.get("/trials/tr_1").json()["words"] == ["tr_1"]
    for strange in ("1", "tr_%00", "tr_..", "tr_" + "x" * 100, "%F0%9F%98%80"):
        assert client.get(f"/trials/{strange}").status_code == 404


@pytest.mark.parametrize("attempt", ['"1"', "1.5", "true", "null", "0", "[1]", "9223372036854775808"])
def test_a_body_is_taken_as_it_is(client: TestClient, attempt: str) -> None:
    body = f'{{"attempt": {attempt}, "token": "0123456789abcdef"}}'

    answer = client.post("/beat", content=body, headers={"content-type": "application/json"})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/attempt"


def test_a_route_says_its_status_and_headers(client: TestClient) -> None:
    answer = client.post("/beat", json={"attempt": 3, "token": "0123456789abcdef"})

    assert (answer.status_code, answer.headers["location"], answer.json()["number"]) == (201, "/beat/1", 3)


def test_a_needed_body_that_is_missing_is_malformed(client: TestClient) -> None:
    answer = client.post("/beat")

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed-json")


def test_an_optional_body_may_be_missing(client: TestClient) -> None:
    assert client.post("/optional").json()["number"] == 7
    assert client.post("/optional", json={}).json()["number"] == 0


def test_a_route_without_a_body_takes_an_empty_one(client: TestClient) -> None:
    assert client.post("/move").status_code == 204
    assert client.post("/move", json={}).status_code == 204
    assert client.post("/move", json={"fast": True}).status_code == 422


def test_a_known_version_is_not_sent_again(client: TestClient) -> None:
    first = client.get("/versioned")

    again = client.get("/versioned", headers={"if-none-match": first.headers["etag"]})
    other = client.get("/versioned", headers={"if-none-match": '"41"'})

    assert (first.headers["etag"], again.status_code, again.content, other.status_code) == ('"42"', 304, b"", 200)


def test_head_is_a_get_without_a_body(client: TestClient) -> None:
    assert client.head("/versioned").status_code == 200


def test_a_ready_made_response_goes_out_as_it_is(client: TestClient) -> None:
    assert client.get("/own").text == "own"


@pytest.mark.parametrize(("text", "number"), [('"7"', 7), ('W/"7"', 7), ("*", -1)])
def test_if_match_is_a_version(client: TestClient, text: str, number: int) -> None:
    assert client.get("/condition", headers={"if-match": text}).json()["number"] == number


@pytest.mark.parametrize("text", ["7", '"abc"', '"7", "8"', '""', '"' + "9" * 30 + '"'])
def test_if_match_that_was_never_a_version_matches_nothing(client: TestClient, text: str) -> None:
    assert client.get("/condition", headers={"if-match": text}).status_code == 412


@pytest.mark.parametrize("key", ["x" * 256, "a b", "", "é".encode("latin-1"), "a\tb"])
def test_an_idempotency_key_is_short_and_printable(client: TestClient, key: str | bytes) -> None:
    headers = {"idempotency-key": key}

    assert client.get("/condition", headers=headers).status_code == 422  # type: ignore[arg-type]  # bytes pass as they are


def test_a_trailing_slash_is_another_address(client: TestClient) -> None:
    answer = client.get("/versioned/", follow_redirects=False)

    assert answer.status_code == 404


@pytest.mark.parametrize("scope", ["admin", "user", "reader"])
def test_a_key_with_the_scope_may(client: TestClient, keyring: Keyring, scope: str) -> None:
    answer = client.get("/who", headers={"authorization": f"Bearer {keyring.make(scope, 'mine')}"})

    assert answer.json()["words"] == [scope, "mine"]


def test_a_key_without_the_scope_may_not(client: TestClient, keyring: Keyring) -> None:
    answer = client.get("/who", headers={"authorization": f"Bearer {keyring.make('worker')}"})

    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient-scope")


def test_who_has_no_key_hears_that_first_whatever_else_is_wrong(client: TestClient) -> None:
    assert client.get("/who?nonsense=1").status_code == 401


def test_every_route_of_the_house_declares_who_may_use_it() -> None:
    known = {OPEN, ADMINS, USERS, READERS, VIEWERS, WORKERS, EVERY_KEY}

    assert all(isinstance(route, StrictRoute) and route.scopes in known for route in ROUTES)
    assert {route.path for route in ROUTES if not route.scopes} == {"/healthz", "/readyz"}


def test_what_is_served_besides_the_api_is_listed(api: Api) -> None:
    others = {route.path for route in api.routes if not isinstance(route, StrictRoute)}  # type: ignore[attr-defined]  # each has one

    assert others == {"/", "/dashboard/{rest:path}", "/openapi.json", "/v1/schemas/study.json"}


def test_readers_can_only_read() -> None:
    writes = {route.name for route in ROUTES if "reader" in route.scopes and route.method != "GET"}

    assert writes == {"predict", "validate_space"}  # both change nothing


@pytest.mark.catalogue("AU-009")
def test_workers_can_do_no_more_than_their_work() -> None:
    allowed = {route.name for route in ROUTES if "worker" in route.scopes}

    assert allowed == {
        "claim", "report", "heartbeat", "complete", "infeasible", "fail", "release", "register_worker",
        "send_log", "send_artifact",
        "get_study", "get_trial", "get_best",
    }  # fmt: skip


def test_a_route_has_no_scope_by_default() -> None:
    assert inspect.signature(StrictRoute).parameters["scopes"].default is inspect.Parameter.empty
    with pytest.raises(TypeError, match="scopes"):
        Routes("toys").get("/open")  # type: ignore[call-arg]  # what the test is about
