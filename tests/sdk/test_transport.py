"""How a connection sends: what it repeats, for how long, and what it makes of the answers."""

import json

import httpx2
import pytest

from studyhall.errors import (
    Incompatible,
    InvalidInput,
    NameTaken,
    NotFound,
    RateLimited,
    StaleLease,
    StorageBusy,
    StudyhallError,
    Unauthenticated,
    Unavailable,
    Unreachable,
    every_error,
)
from studyhall.transport import MAX_ANSWER_BYTES, Connection, path_of, problem_of
from studyhall.wire.server import Health
from studyhall.wire.studies import Ask
from tests.sdk.scripted import ScriptedServer

OK = httpx2.Response(200, json={"status": "ok"})


class World:
    """A scripted server, and a clock that moves only when somebody waits."""

    def __init__(self, *answers, takes_s=0.0):
        self.answers = list(answers)
        self.takes_s = takes_s
        self.now_s = 0.0
        self.pauses = []
        self.requests = []

    def connection(self, *, key="k-1", chance=1.0, **options):
        return Connection(
            "http://server.test",
            key,
            transport=httpx2.MockTransport(self.answer),
            sleep=self.sleep,
            clock=lambda: self.now_s,
            chance=lambda: chance,
            **options,
        )

    def sleep(self, pause_s):
        self.pauses.append(pause_s)
        self.now_s += pause_s

    def answer(self, request):
        self.requests.append(request)
        self.now_s += self.takes_s
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx2.Response(answer.status_code, headers=answer.headers, content=answer.content)


def problem(status, code, *, detail="no", errors=(), headers=()):
    body = {
        "type": "about:blank",
        "title": code,
        "status": status,
        "detail": detail,
        "code": code,
        "errors": list(errors),
    }
    return httpx2.Response(status, json=body | {"request_id": "rq-7"}, headers=dict(headers))


def health(world, **options):
    return world.connection(**options).get("/healthz", Health)


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
def test_what_may_pass_is_asked_again(status):
    world = World(httpx2.Response(status), OK)

    assert health(world).status == "ok"
    assert len(world.requests) == 2


@pytest.mark.parametrize(
    "lost",
    [
        httpx2.ConnectError("refused"),
        httpx2.ConnectTimeout("slow"),
        httpx2.ReadError("reset"),
        httpx2.ReadTimeout("silent"),
        httpx2.RemoteProtocolError("closed"),
    ],
)
def test_what_was_lost_on_the_way_is_sent_again(lost):
    world = World(lost, OK)

    assert health(world).status == "ok"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 415, 422, 500, 501])
def test_what_will_not_pass_is_asked_once(status):
    world = World(httpx2.Response(status))

    with pytest.raises(StudyhallError):
        health(world)
    assert len(world.requests) == 1


def test_a_500_is_repeated_only_where_an_idempotency_key_makes_it_safe():
    keyed, natural = World(httpx2.Response(500), OK), World(httpx2.Response(500), OK)

    keyed.connection().post("/v1/x", Ask(), Health)
    with pytest.raises(Unavailable):
        natural.connection().post("/v1/x", Ask(), Health, natural_key=True)

    assert (len(keyed.requests), len(natural.requests)) == (2, 1)


def test_a_repeated_post_keeps_its_idempotency_key_and_the_next_post_has_another():
    world = World(httpx2.Response(503), OK)
    connection = world.connection()

    connection.post("/v1/x", Ask(), Health)
    connection.post("/v1/x", Ask(), Health)

    first, again, other = [request.headers["idempotency-key"] for request in world.requests]
    assert first == again != other


def test_a_post_with_a_natural_key_and_a_get_carry_no_idempotency_key():
    world = World(OK)

    world.connection().post("/v1/claims", Ask(), Health, natural_key=True)
    health(world)

    assert ["idempotency-key" in request.headers for request in world.requests] == [False, False]


def test_a_request_whose_first_try_is_still_at_work_waits_for_it():
    world = World(problem(409, "request-in-progress"), OK)

    assert world.connection().post("/v1/x", Ask(), Health).status == "ok"


def test_pauses_double_from_half_a_second_to_thirty():
    world = World(httpx2.ConnectError("refused"))

    with pytest.raises(Unreachable):
        health(world, patience_s=150.0)

    assert world.pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_pauses_are_drawn_from_zero_up():
    world = World(httpx2.ConnectError("refused"), httpx2.ConnectError("refused"), OK)

    health(world, chance=0.25)

    assert world.pauses == [0.125, 0.25]


def test_retry_after_is_waited_for_in_full():
    world = World(httpx2.Response(429, headers={"retry-after": "7"}), OK)

    health(world, chance=0.5)

    assert world.pauses == [7.25]


def test_nobody_waits_longer_than_their_patience():
    world = World(problem(503, "storage-busy", headers={"retry-after": "120"}.items()))

    with pytest.raises(StorageBusy) as caught:
        health(world, patience_s=60.0)

    assert world.pauses == []
    assert caught.value.retry_after_s == 120


def test_a_request_may_have_less_patience_than_its_connection():
    world = World(httpx2.ConnectError("refused"))

    with pytest.raises(Unreachable, match=r"http://server\.test cannot be reached: refused"):
        world.connection(patience_s=600).post("/v1/x", Ask(), Health, patience_s=0)

    assert len(world.requests) == 1


def test_time_spent_waiting_for_answers_counts_against_the_patience():
    world = World(httpx2.ReadTimeout("silent"), takes_s=30.0)

    with pytest.raises(Unreachable):
        health(world, patience_s=60.0)

    assert len(world.requests) == 2


def test_a_long_poll_is_given_the_time_it_asked_for():
    world = World(OK)

    world.connection(patience_s=600).get("/healthz", Health, wait_s=45)

    assert world.requests[0].extensions["timeout"]["read"] == 75


def test_a_problem_comes_back_as_its_error_with_fields_and_request_id():
    fault = {"pointer": "/space/parameters/0/low", "message": "low must not be above high"}
    world = World(problem(422, "space-infeasible", detail="hardly any", errors=[fault]))

    with pytest.raises(InvalidInput) as caught:
        health(world)

    assert type(caught.value).__name__ == "SpaceInfeasible"
    assert (caught.value.errors[0].pointer, caught.value.errors[0].message) == tuple(fault.values())
    assert caught.value.request_id == "rq-7"
    assert str(caught.value) == "hardly any (/space/parameters/0/low: low must not be above high)"


def test_every_code_of_ours_finds_its_class():
    ours = {code: kind for code, kind in every_error().items() if kind.__module__ == "studyhall.errors"}

    found = {code: type(problem_of(400, {}, problem(400, code).content)) for code in ours}

    assert found == ours
    assert len(ours) > 30


def test_a_code_that_only_a_newer_server_knows_falls_back_to_its_status():
    assert type(problem_of(429, {}, problem(429, "from-the-future").content)) is RateLimited
    assert type(problem_of(507, {}, problem(507, "from-the-future").content)) is Unavailable


def test_conflicts_keep_their_own_classes():
    assert type(problem_of(409, {}, problem(409, "stale-lease").content)) is StaleLease
    assert type(problem_of(409, {}, problem(409, "name-taken").content)) is NameTaken


def test_a_page_of_something_else_says_that_this_is_not_studyhall():
    world = World(httpx2.Response(404, html="<h1>nginx</h1>"))

    with pytest.raises(Incompatible, match="check the URL"):
        health(world)


def test_an_answer_that_does_not_fit_is_refused():
    with pytest.raises(Incompatible, match="not a Health"):
        health(World(httpx2.Response(200, json={"status": 1})))


def test_fields_of_a_newer_server_are_ignored():
    assert health(World(httpx2.Response(200, json={"status": "ok", "mood": "sunny"}))).status == "ok"


def test_an_answer_larger_than_eight_mebibytes_is_refused():
    with pytest.raises(Incompatible, match="larger than"):
        health(World(httpx2.Response(200, content=b" " * (MAX_ANSWER_BYTES + 1))))


def streamed(answer):
    return Connection("http://server.test", "k", transport=httpx2.MockTransport(lambda _: answer)).stream("/v1/file")


class CutOff(httpx2.SyncByteStream):
    def __iter__(self):
        yield b"begun"
        raise httpx2.RemoteProtocolError("peer closed connection")


def test_a_stream_has_no_such_bound_and_tells_problems_too():
    whole = streamed(httpx2.Response(200, content=b" " * (MAX_ANSWER_BYTES + 1)))

    assert sum(map(len, whole)) == MAX_ANSWER_BYTES + 1
    with pytest.raises(NotFound):
        next(streamed(problem(404, "not-found")))


def test_a_stream_that_is_cut_off_says_so():
    pieces = streamed(httpx2.Response(200, stream=CutOff()))

    assert next(pieces) == b"begun"
    with pytest.raises(Unreachable, match="cut off"):
        next(pieces)


def test_the_key_never_follows_a_redirect():
    world = World(httpx2.Response(307, headers={"location": "http://evil.test/healthz"}))

    with pytest.raises(Incompatible, match=r"redirects to http://evil\.test"):
        health(world)

    assert [request.url.host for request in world.requests] == ["server.test"]


def test_the_key_travels_as_a_bearer_token():
    world = World(OK)

    health(world, key="hps_abc")

    assert world.requests[0].headers["authorization"] == "Bearer hps_abc"


@pytest.mark.parametrize("key", ["", "two words", "line\nbreak", "schlüssel"])
def test_what_cannot_be_a_key_is_refused_before_it_is_sent(key):
    with pytest.raises(Unauthenticated, match="copy it again"):
        Connection("http://server.test", key)


@pytest.mark.parametrize(
    "url", ["", "server.test:8000", "ftp://server.test", "http://", "http://u:p@server.test", "http://a?b=1"]
)
def test_what_is_no_address_is_refused(url):
    with pytest.raises(InvalidInput, match="URL"):
        Connection(url)


def test_an_address_is_that_of_the_server_not_of_its_api():
    with pytest.raises(InvalidInput, match=r"URL is http://server\.test/search, without the /v1"):
        Connection("http://server.test/search/v1/")


def test_an_address_may_have_a_path():
    world = World(OK)
    connection = Connection("http://server.test/search/", transport=httpx2.MockTransport(world.answer))

    connection.get(path_of("studies", "a b"), Health)

    assert str(world.requests[0].url) == "http://server.test/search/v1/studies/a%20b"


def test_names_are_quoted_and_never_leave_the_path():
    assert path_of("studies", "a/b c?d#e") == "/v1/studies/a%2Fb%20c%3Fd%23e"
    with pytest.raises(InvalidInput):
        path_of("studies", "..")


def test_a_delete_whose_answer_was_lost_counts_as_done():
    lost, once = World(httpx2.ReadError("reset"), problem(404, "not-found")), World(problem(404, "not-found"))

    assert lost.connection().send("DELETE", "/v1/studies/x").status == 204
    with pytest.raises(NotFound):
        once.connection().send("DELETE", "/v1/studies/x")


def test_a_closed_connection_says_so():
    connection = World(OK).connection()
    connection.close()

    with pytest.raises(Unreachable, match="has been closed"):
        connection.get("/healthz", Health)


def test_absent_query_values_are_left_out_and_facts_are_json_words():
    world = World(OK)

    world.connection().get("/v1/studies", Health, query={"limit": 2, "cursor": None, "force": True})

    assert str(world.requests[0].url) == "http://server.test/v1/studies?limit=2&force=true"


def test_bodies_are_json_without_absent_fields():
    world = World(OK)

    world.connection().post("/v1/x", Ask(reason=None), Health)

    assert json.loads(world.requests[0].content) == {}
    assert world.requests[0].headers["content-type"] == "application/json"


@pytest.mark.parametrize(("there", "fits"), [("0.1.9", True), ("7.0.0", False)])
def test_a_server_of_another_major_version_is_refused_with_what_to_install(there, fits):
    connection = ScriptedServer({"GET /healthz": (200, {"status": "ok"}, {"x-studyhall-version": there})}).client()

    if fits:
        assert connection.connection.get("/healthz", Health).status == "ok"
        return
    with pytest.raises(Incompatible, match=r"pip install 'studyhall==7\.\*'"):
        connection.connection.get("/healthz", Health)
