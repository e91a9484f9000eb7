"""Errors as answers."""

import json
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from app.api.context import Open
from app.api.problems import STATUS, problem_of, render, status_of, understood
from app.api.queries import TrialId
from app.api.routing import OPEN, Routes
from studyhall import errors
from studyhall.errors import FieldError, InvalidInput, RateLimited, StudyhallError, Unauthenticated, every_error
from studyhall.wire.pages import Problem
from studyhall.wire.server import Health
from tests.api.toys import toy_api

AWKWARD = "NaN \ud800 \x00 \x1b[31m \u202e </script>\r\nSet-Cookie: a=b"


@pytest.mark.parametrize("kind", every_error().values(), ids=lambda kind: kind.__name__)
def test_every_error_has_a_status_and_a_title(kind: type[StudyhallError]) -> None:
    problem = problem_of(kind("sorry") if kind is not StudyhallError else kind())

    assert 400 <= problem.status <= 599
    assert problem.type == f"problems:{kind.code}"
    assert problem.title


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.MalformedRequest, 400),
        (errors.BadRequest, 400),
        (errors.Unauthenticated, 401),
        (errors.Forbidden, 403),
        (errors.CrossOrigin, 403),
        (errors.NotFound, 404),
        (errors.MethodNotAllowed, 405),
        (errors.RequestTimeout, 408),
        (errors.NameTaken, 409),
        (errors.StaleLease, 409),
        (errors.LastAdmin, 409),
        (errors.TooMuch, 409),
        (errors.VersionConflict, 412),
        (errors.PayloadTooLarge, 413),
        (errors.UriTooLong, 414),
        (errors.UnsupportedMediaType, 415),
        (errors.InvalidInput, 422),
        (errors.InvalidCursor, 422),
        (errors.IdempotencyKeyReused, 422),
        (errors.RateLimited, 429),
        (errors.HeadersTooLarge, 431),
        (errors.StorageFull, 503),
    ],
)
def test_the_status_is_that_of_the_contract(kind: type[StudyhallError], status: int) -> None:
    assert status_of(kind) == status


def test_the_table_lists_no_kind_whose_ancestor_says_the_same() -> None:
    doubled = [
        kind for kind, status in STATUS.items() if kind is not StudyhallError and status_of(kind.__mro__[1]) == status
    ]

    assert doubled == []


@settings(deadline=None)
@given(message=st.text(), pointer=st.text(), count=st.integers(0, 50))
def test_anything_can_be_rendered(message: str, pointer: str, count: int) -> None:
    error = InvalidInput(message, errors=[FieldError(pointer, message)] * count)

    _, _, body = render(error, "req_1")

    problem = Problem.model_validate_json(body)
    assert len(problem.errors) <= 20


def test_awkward_text_stays_text() -> None:
    _, headers, body = render(InvalidInput(AWKWARD, errors=[FieldError(AWKWARD, AWKWARD)]))

    assert json.loads(body)["detail"].startswith("NaN ?")
    assert all(b"\r" not in value and b"\n" not in value for _, value in headers)


def test_a_megabyte_of_message_is_cut() -> None:
    _, _, body = render(InvalidInput("x" * 1_000_000, errors=[FieldError("/" + "y" * 100_000, "z" * 100_000)] * 30))

    assert len(body) < 20_000


def test_advice_travels_in_headers() -> None:
    assert (b"retry-after", b"3") in render(RateLimited(retry_after_s=2.1))[1]
    assert (b"retry-after", b"1") in render(errors.StorageBusy())[1]
    assert (b"www-authenticate", b"Bearer") in render(Unauthenticated())[1]


def test_what_nobody_expected_keeps_its_secrets() -> None:
    ours = understood(RuntimeError("SELECT secret FROM keys /etc/passwd"), {})

    status, _, body = render(ours)

    assert status == 500
    assert b"SELECT" not in body
    assert b"passwd" not in body


def test_a_bare_error_of_ours_counts_as_unexpected() -> None:
    assert understood(StudyhallError("internals"), {}).code == "internal"


def test_a_broken_endpoint_answers_500_and_is_found_in_the_log_by_its_request_id(
    capsys: pytest.CaptureFixture[str],
) -> None:
    routes = Routes("toys")

    @routes.get("/broken", scopes=OPEN)
    async def broken(context: Open) -> Health:
        """Breaks."""
        raise ValueError("the reason")

    answer = TestClient(toy_api(routes)).get("/broken")

    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "internal"
    assert "the reason" not in answer.text
    assert answer.headers["x-request-id"] == answer.json()["request_id"]
    logged = capsys.readouterr()
    assert "the reason" in logged.out + logged.err


def test_an_unknown_path_is_a_problem_too() -> None:
    answer = TestClient(toy_api(Routes("none"))).get("/nothing/here", headers={"accept": "text/html"})

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "not-found"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/v1/trials/3", "There is no such trial: it should be its id, which begins with tr_"),
        ("/v1/kinds/wide", "There is no such kind; it is one of 'flat' or 'tall'."),
    ],
)
def test_a_word_in_a_path_that_names_nothing_is_told_what_would(path: str, said: str) -> None:
    routes = Routes("toys")

    @routes.get("/v1/trials/{trial}", scopes=OPEN)
    async def get_trial(context: Open, trial: TrialId) -> Health:
        """Reads."""
        return Health(status="ok")

    @routes.get("/v1/kinds/{kind}", scopes=OPEN)
    async def get_kind(context: Open, kind: Literal["flat", "tall"]) -> Health:
        """Reads."""
        return Health(status="ok")

    answer = TestClient(toy_api(routes)).get(path)

    assert answer.status_code == 404
    assert answer.json()["detail"].startswith(said)


def test_the_wrong_method_is_told_all_the_right_ones() -> None:
    routes = Routes("toys")

    @routes.get("/thing", scopes=OPEN)
    async def get_thing(context: Open) -> Health:
        """Reads."""
        return Health(status="ok")

    @routes.delete("/thing", scopes=OPEN)
    async def delete_thing(context: Open) -> None:
        """Removes."""

    answer = TestClient(toy_api(routes)).put("/thing")

    assert answer.status_code == 405
    assert answer.headers.get_list("allow") == ["DELETE, GET, HEAD"]
    assert answer.json()["code"] == "method-not-allowed"
