"""Artifacts over HTTP: whole, in parts, by whom, and never as a page."""

import hashlib
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response

from app.services import artifacts
from app.services.services import Services
from app.storage.contents import YOUNG_S, Contents
from app.storage.object_contents import ObjectContents
from tests.api.people import Caller, Hold

WEIGHTS = bytes(range(256)) * 40


Store = Contents | ObjectContents


@pytest.fixture(autouse=True, params=["directory", "object store"])
def contents(request: pytest.FixtureRequest, services: Services, tmp_path: Path) -> Store:
    """Where the contents are: everything here holds for both."""
    in_directory = request.param == "directory"
    services.contents = Contents(tmp_path / "contents") if in_directory else ObjectContents(f"memory://{tmp_path.name}")
    return services.contents


def how_many(contents: Store) -> int:
    """How many contents there are."""
    if isinstance(contents, Contents):
        return len(list(contents._directory.glob("??/*")))
    return len(contents._files.find(contents._root))


def is_there(contents: Store, sha256: str) -> bool:
    return contents.path(sha256).exists() if isinstance(contents, Contents) else contents.size(sha256) is not None


def make_old(contents: Store, sha256: str) -> None:
    """As if it had come more than an hour ago."""
    if isinstance(contents, Contents):
        os.utime(contents.path(sha256), (0, contents.path(sha256).stat().st_mtime - YOUNG_S - 1))
    else:
        contents._files.store[contents._place(sha256)].modified -= timedelta(seconds=YOUNG_S + 1)


@pytest.fixture
def hold(worker: Caller, user: Caller) -> Hold:
    return worker.hold(str(user.make_study()["id"]))


def send(who: Caller, hold: Hold, name: str = "model/weights", content: bytes = WEIGHTS, **changes: Any) -> Response:
    query = {"name": name, "attempt": str(hold.lease["attempt"])} | changes.get("query", {})
    headers = {"content-type": "application/octet-stream", "x-lease-token": str(hold.lease["token"])}
    headers |= changes.get("headers", {})
    return who("POST", f"{hold.path}/artifacts", params=query, content=content, headers=headers)


def test_what_was_sent_is_listed_and_read(worker: Caller, user: Caller, hold: Hold) -> None:
    sent = send(worker, hold)

    sha256 = hashlib.sha256(WEIGHTS).hexdigest()
    assert sent.status_code == 201
    assert sent.json() | {"created_at": ""} == {
        "name": "model/weights", "attempt": 1, "sha256": sha256, "size": len(WEIGHTS), "created_at": "",
    }  # fmt: skip
    assert user.get(f"{hold.path}/artifacts").json()["items"] == [sent.json()]
    assert user.get(f"{hold.path}/artifacts/model/weights").content == WEIGHTS


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [("bytes=250-259", 250, 260), ("bytes=10000-", 10_000, 10_240), ("bytes=-40", 10_200, 10_240)],
)
def test_a_range_is_read_alone(worker: Caller, user: Caller, hold: Hold, wanted: str, start: int, end: int) -> None:
    send(worker, hold)

    part = user("GET", f"{hold.path}/artifacts/model/weights", headers={"range": wanted})

    assert (part.status_code, part.content) == (206, WEIGHTS[start:end])
    assert part.headers["content-range"] == f"bytes {start}-{end - 1}/{len(WEIGHTS)}"


def test_a_range_that_is_not_there_is_refused(worker: Caller, user: Caller, hold: Hold) -> None:
    send(worker, hold)

    answer = user("GET", f"{hold.path}/artifacts/model/weights", headers={"range": "bytes=20000-"})

    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(WEIGHTS)}")


def test_an_object_store_that_is_away_is_told_as_such(
    worker: Caller, user: Caller, hold: Hold, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.contents = contents = ObjectContents("memory://away")
    send(worker, hold)
    monkeypatch.setattr(contents, "_files", object())  # whatever is asked of it fails in a way of its own

    answers = [send(worker, hold, "other"), user.get(f"{hold.path}/artifacts/model/weights")]

    assert [answer.status_code for answer in answers] == [503, 503]


@pytest.mark.catalogue("WK-029")
def test_a_browser_saves_an_artifact_and_runs_nothing_in_it(worker: Caller, user: Caller, hold: Hold) -> None:
    send(worker, hold, "page.html", b"<script>alert(1)</script>")

    headers = user.get(f"{hold.path}/artifacts/page.html").headers

    assert headers["content-type"] == "application/octet-stream"
    assert headers["content-disposition"] == 'attachment; filename="page.html"'
    assert headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert headers["x-content-type-options"] == "nosniff"


def test_the_same_name_again_replaces_and_the_same_content_is_there_once(
    worker: Caller, user: Caller, hold: Hold, contents: Store
) -> None:
    send(worker, hold, "a", b"old")
    send(worker, hold, "a", b"new")
    send(worker, hold, "b", b"new")

    assert user.get(f"{hold.path}/artifacts/a").content == b"new"
    assert how_many(contents) == 2


@pytest.mark.catalogue("WK-027")
@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a//b", ".hidden", "a/../b", "a\\b", "x" * 257, ""])
def test_a_name_that_is_none_is_refused(worker: Caller, hold: Hold, name: str) -> None:
    assert send(worker, hold, name).json()["errors"][0]["pointer"] == "/query/name"


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"headers": {"x-lease-token": "another-token-of-16"}}, 409, "stale-lease"),
        ({"headers": {"content-type": "application/json"}}, 415, "unsupported-media-type"),
        ({"query": {"sha256": "0" * 64}}, 422, "validation"),
        ({"query": {"attempt": "2"}}, 409, "stale-lease"),
    ],
)
def test_what_does_not_fit_is_refused_and_not_listed(
    worker: Caller, user: Caller, hold: Hold, changes: dict[str, Any], status: int, code: str
) -> None:
    answer = send(worker, hold, **changes)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert user.get(f"{hold.path}/artifacts").json()["items"] == []


def test_a_trial_keeps_no_more_than_it_may(worker: Caller, hold: Hold, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "MOST_BYTES", 10)

    answers = [
        send(worker, hold, "a", b"12345678"),
        send(worker, hold, "b", b"345"),
        send(worker, hold, "a", b"1" * 10),
    ]

    assert [answer.status_code for answer in answers] == [201, 409, 201]


def test_others_and_those_without_the_scope_read_nothing(caller: Any, worker: Caller, hold: Hold) -> None:
    send(worker, hold)

    path = f"{hold.path}/artifacts/model/weights"
    assert worker.get(path).status_code == 403
    assert caller("user", "elsewhere").get(path).status_code == 404


@pytest.mark.anyio
async def test_contents_that_no_trial_has_are_removed_after_a_while(
    worker: Caller, services: Services, hold: Hold, contents: Store
) -> None:
    shas = [send(worker, hold, "a", content).json()["sha256"] for content in (b"replaced", b"kept")]
    for sha256 in shas:
        make_old(contents, sha256)

    assert await services.tidy() == 1

    assert [is_there(contents, sha256) for sha256 in shas] == [False, True]
