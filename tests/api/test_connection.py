"""Clients that are slow, endless or no clients at all, on real sockets."""

from collections.abc import Iterator

import pytest
from starlette.responses import Response

from app.api.application import Api
from app.api.context import Open
from app.api.limits import Limits
from app.api.routing import OPEN, Routes
from studyhall.wire.server import Health
from tests.api.live import Wire, live
from tests.api.toys import toy_api

Address = tuple[str, int]

SHORT = Limits(head_s=0.3, body_s=0.3, read_s=0.3, connections=4, body_bytes=4096, headers_bytes=2048, url_bytes=1024)
LARGE = 32 << 20
JSON = b"content-type: application/json\r\n"
routes = Routes("toys")


@routes.get("/ok", scopes=OPEN)
async def get_ok(context: Open) -> Health:
    """Answers."""
    return Health(status="ok")


@routes.post("/echo", scopes=OPEN)
async def echo(context: Open, body: Health) -> Health:
    """Gives back what it was given."""
    return body


@routes.get("/large", scopes=OPEN)
async def get_large(context: Open) -> Response:
    """Answers more than the system keeps for a client that does not read."""
    return Response(b"x" * LARGE)


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with live(an_api(), SHORT) as address:
        yield address


def an_api() -> Api:
    return toy_api(routes, limits=SHORT)


def get(path: bytes = b"/ok", headers: bytes = b"") -> bytes:
    return b"GET " + path + b" HTTP/1.1\r\nhost: x\r\n" + headers + b"\r\n"


def post(body: bytes, headers: bytes) -> bytes:
    return b"POST /echo HTTP/1.1\r\nhost: x\r\n" + JSON + headers + b"\r\n" + body


def test_a_whole_request_is_answered(address: Address) -> None:
    with Wire(address) as wire:
        assert wire.say(get()).hear_head().startswith(b"HTTP/1.1 200")


def test_a_connection_that_says_nothing_is_closed(address: Address) -> None:
    with Wire(address) as wire:
        assert wire.hear() == b""


def test_a_head_that_comes_too_slowly_is_refused(address: Address) -> None:
    with Wire(address) as wire:
        heard = wire.say(b"GET /ok HTTP/1.1\r\nhost: ").hear()

    assert heard.startswith(b"HTTP/1.1 408")
    assert b'"code":"request-timeout"' in heard


def test_the_second_head_of_a_connection_has_a_deadline_too(address: Address) -> None:
    with Wire(address) as wire:
        wire.say(get()).hear_head()

        assert wire.say(b"GET /ok HT").hear().startswith(b"HTTP/1.1 408")


def test_empty_lines_between_requests_do_not_hold_a_connection_open(address: Address) -> None:
    with Wire(address) as wire:
        wire.say(get()).hear_head()

        wire.say(b"\r\n").hear()


def test_a_connection_may_be_used_again(address: Address) -> None:
    with Wire(address) as wire:
        for _ in range(3):
            assert wire.say(get()).hear_head().startswith(b"HTTP/1.1 200")


@pytest.mark.catalogue("HT-020")
def test_a_body_that_does_not_come_is_not_waited_for(address: Address) -> None:
    with Wire(address) as wire:
        heard = wire.say(post(b'{"status"', b"content-length: 100\r\n")).hear()

    assert heard.startswith(b"HTTP/1.1 408")
    assert b'"code":"request-timeout"' in heard


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (get(headers=b"x: " + b"y" * 3000 + b"\r\n"), b"431"),
        (get(headers=b"x: " + b"y" * 300_000 + b"\r\n"), b"431"),
        (get(headers=b"x: y\r\n" * 1000), b"431"),
        (get(path=b"/ok?" + b"y" * 1500), b"414"),
        (get(path=b"/ok?" + b"y" * 300_000), b"414"),
    ],
    ids=["header", "huge header", "many headers", "address", "huge address"],
)
def test_what_is_too_long_is_refused(address: Address, request_bytes: bytes, status: bytes) -> None:
    with Wire(address) as wire:
        assert wire.say(request_bytes).hear().startswith(b"HTTP/1.1 " + status)


def test_a_head_without_end_is_cut_off(address: Address) -> None:
    with Wire(address) as wire:
        wire.say(b"GET /ok HTTP/1.1\r\nhost: x\r\nx: ")
        try:
            for _ in range(1000):
                wire.say(b"y" * 10_000)
        except (ConnectionResetError, BrokenPipeError):
            return

    raise AssertionError("ten megabytes of one header were taken")


@pytest.mark.parametrize(
    "noise", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"hello\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"]
)
def test_what_is_not_http_is_answered_with_a_problem(address: Address, noise: bytes) -> None:
    with Wire(address) as wire:
        heard = wire.say(noise).hear()

    assert heard.startswith(b"HTTP/1.1 400")
    assert b"content-type: application/problem+json" in heard


def test_an_announced_body_that_is_too_large_is_refused_before_it_comes(address: Address) -> None:
    with Wire(address) as wire:
        heard = wire.say(post(b"", b"content-length: 20000000\r\n")).hear_head()

    assert heard.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in heard


def test_a_client_that_goes_on_sending_still_hears_why_it_was_refused(address: Address) -> None:
    with Wire(address) as wire:
        heard = wire.say(post(b"x" * 500_000, b"content-length: 500000\r\n")).hear()

    assert heard.startswith(b"HTTP/1.1 413")
    assert b'"code":"payload-too-large"' in heard


@pytest.mark.catalogue("HT-019")
def test_a_chunked_body_without_end_is_refused(address: Address) -> None:
    with Wire(address) as wire:
        wire.say(post(b"", b"transfer-encoding: chunked\r\n"))
        for _ in range(10):
            wire.say(b"400\r\n" + b"x" * 1024 + b"\r\n")

        assert wire.hear_head().startswith(b"HTTP/1.1 413")


@pytest.mark.catalogue("HT-022")
def test_a_client_that_does_not_read_its_answer_is_cut_off(address: Address) -> None:
    with Wire(address) as wire:
        wire.say(get(path=b"/large")).wait_for_reset()

        assert len(wire.hear()) < LARGE


def test_a_client_that_reads_gets_all_of_a_large_answer(address: Address) -> None:
    with Wire(address) as wire:
        assert len(wire.say(get(path=b"/large", headers=b"connection: close\r\n")).hear()) > LARGE


def test_one_connection_too_many_is_turned_away(address: Address) -> None:
    with live(an_api(), SHORT) as own:
        kept = [Wire(own) for _ in range(SHORT.connections)]
        for wire in kept:
            wire.say(get()).hear_head()

        with Wire(own) as last:
            heard = last.hear()

        for wire in kept:
            wire.__exit__()
    assert heard.startswith(b"HTTP/1.1 503")
    assert b"retry-after: 1" in heard
