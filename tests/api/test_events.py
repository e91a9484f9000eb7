"""Events over HTTP: pages to wait for, and streams."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from httpx2 import ASGITransport, AsyncClient

from app.api.application import Api
from app.services.services import Services
from tests.api.people import Keyring, definition

pytestmark = pytest.mark.anyio


@pytest.fixture
async def web(api: Api, services: Services, keyring: Keyring) -> AsyncIterator[AsyncClient]:
    """An admin who can wait for one thing while doing another."""
    await services.start()
    headers = {"authorization": f"Bearer {keyring.make('admin')}"}
    async with AsyncClient(transport=ASGITransport(api), base_url="http://testserver", headers=headers) as client:
        yield client
    await services.stop()


@pytest.fixture
async def study(web: AsyncClient) -> str:
    answer = await web.post("/v1/studies", json=definition())
    return str(answer.json()["id"])


class Stream:
    """A stream of server-sent events, without a socket: what was sent can be looked at before it ends."""

    def __init__(self, api: Api, path: str, headers: dict[str, str]) -> None:
        self.heard = b""
        self.status = 0
        self.media_type = b""
        self._something = asyncio.Event()
        self._gone = asyncio.Event()
        self._asked = False
        sent = [(name.encode(), value.encode()) for name, value in {"host": "testserver", **headers}.items()]
        path, _, query = path.partition("?")
        scope: dict[str, Any] = {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "scheme": "http",
            "headers": sent,
            "client": ("192.0.2.1", 1),
        }
        self.task = asyncio.create_task(api(scope, self._receive, self._send))

    async def until(self, condition: Callable[[bytes], bool]) -> bytes:
        async with asyncio.timeout(5):
            while not condition(self.heard):
                self._something.clear()
                await self._something.wait()
        return self.heard

    async def leave(self) -> None:
        self._gone.set()
        async with asyncio.timeout(5):
            await self.task

    async def _receive(self) -> Any:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.media_type = dict(message["headers"])[b"content-type"]
        self.heard += message.get("body", b"")
        self._something.set()


def sequences(heard: bytes) -> list[int]:
    return [json.loads(line[6:])["sequence"] for line in heard.decode().splitlines() if line.startswith("data: ")]


async def test_events_are_told_in_order(web: AsyncClient, study: str) -> None:
    await web.post(f"/v1/studies/{study}/pause")

    told = (await web.get(f"/v1/studies/{study}/events")).json()

    assert [event["kind"] for event in told["items"]] == ["study.created", "study.paused"]
    assert told["sequence"] == told["items"][-1]["sequence"]


async def test_whoever_waits_hears_of_the_next_event(web: AsyncClient, study: str) -> None:
    waiting = asyncio.create_task(web.get(f"/v1/studies/{study}/events?after=1&wait_s=30"))
    await asyncio.sleep(0)

    await web.post(f"/v1/studies/{study}/pause")

    async with asyncio.timeout(5):
        told = (await waiting).json()
    assert [event["kind"] for event in told["items"]] == ["study.paused"]


async def test_when_nothing_happens_the_cursor_stays(web: AsyncClient, study: str) -> None:
    told = (await web.get(f"/v1/studies/{study}/events?after=1&wait_s=0.01")).json()

    assert told == {"items": [], "sequence": 1}


async def test_a_waiting_claim_gets_the_trial_that_is_queued(web: AsyncClient, study: str) -> None:
    await web.patch(f"/v1/studies/{study}", json={"parallelism": 1})
    claim = {"worker": "w-1", "study": study, "wait_s": 30}
    first = await web.post("/v1/claims", json=claim | {"token": "0123456789abcdef-1"})
    held = first.json()["trials"][0]
    waiting = asyncio.create_task(web.post("/v1/claims", json=claim | {"token": "0123456789abcdef-2"}))
    await asyncio.sleep(0.05)  # so that it waits; were it late, it would be answered all the same

    lease = {"attempt": 1, "token": "0123456789abcdef-1"}
    await web.post(f"/v1/trials/{held['trial']['id']}/complete", json=lease | {"metrics": {"loss": 1.0}})

    async with asyncio.timeout(5):
        answer = await waiting
    assert answer.json()["trials"][0]["trial"]["number"] == 1


async def test_those_who_wait_are_answered_when_the_server_goes_down(
    web: AsyncClient, study: str, services: Services
) -> None:
    waiting = asyncio.create_task(web.get(f"/v1/studies/{study}/events?after=1&wait_s=60"))
    await asyncio.sleep(0.05)

    services.signals.close()

    async with asyncio.timeout(5):
        assert (await waiting).status_code == 200
    ready = await web.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
    assert (await web.get("/healthz")).status_code == 200


async def test_a_claim_of_a_worker_that_left_takes_no_trial(
    api: Api, web: AsyncClient, study: str, services: Services
) -> None:
    await web.patch(f"/v1/studies/{study}", json={"parallelism": 1})
    claim = {"worker": "w-1", "study": study, "wait_s": 30, "token": "0123456789abcdef-1"}
    held = (await web.post("/v1/claims", json=claim)).json()["trials"][0]
    left = Leaver(api, claim | {"token": "0123456789abcdef-2"}, dict(web.headers))
    await left.done()

    lease = {"attempt": 1, "token": "0123456789abcdef-1"}
    await web.post(f"/v1/trials/{held['trial']['id']}/complete", json=lease | {"metrics": {"loss": 1.0}})

    summary = (await web.get(f"/v1/studies/{study}/summary")).json()
    assert summary["trials"]["running"] == 0


class Leaver:
    """A worker that asks, waits, and leaves before it is answered."""

    def __init__(self, api: Api, claim: dict[str, Any], headers: dict[str, str]) -> None:
        self._body = json.dumps(claim).encode()
        self._asked = False
        sent = [
            (b"host", b"testserver"),
            (b"authorization", headers["authorization"].encode()),
            (b"content-type", b"application/json"),
            (b"content-length", str(len(self._body)).encode()),
        ]
        scope: dict[str, Any] = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "path": "/v1/claims",
            "raw_path": b"/v1/claims",
            "query_string": b"",
            "root_path": "",
            "headers": sent,
            "client": ("192.0.2.1", 1),
        }
        self._task = asyncio.create_task(api(scope, self._receive, self._send))

    async def done(self) -> None:
        async with asyncio.timeout(5):
            await self._task

    async def _receive(self) -> Any:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": self._body, "more_body": False}
        await asyncio.sleep(0.1)
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        raise AssertionError(f"nobody is there to hear {message}")


async def test_a_stream_tells_how_far_the_study_is(api: Api, web: AsyncClient, study: str) -> None:
    headers = dict(web.headers) | {"accept": "text/event-stream"}
    stream = Stream(api, f"/v1/studies/{study}/events", headers)
    await stream.until(lambda heard: b"data: " in heard)

    await web.post(f"/v1/studies/{study}/pause")
    heard = await stream.until(lambda heard: heard.count(b"data: ") == 2)

    await stream.leave()
    assert (stream.status, stream.media_type) == (200, b"text/event-stream; charset=utf-8")
    assert sequences(heard) == [1, 2]
    assert heard.startswith(b'id: 1\ndata: {"sequence": 1}\n\n')


async def test_a_stream_goes_on_where_it_was(api: Api, web: AsyncClient, study: str) -> None:
    await web.post(f"/v1/studies/{study}/pause")
    headers = dict(web.headers) | {"accept": "text/event-stream", "last-event-id": "1"}

    stream = Stream(api, f"/v1/studies/{study}/events?after=0", headers)
    heard = await stream.until(lambda heard: b"data: " in heard)

    await stream.leave()
    assert sequences(heard) == [2]


async def test_streams_speak_at_common_moments_and_tell_of_measurements_too(
    api: Api, web: AsyncClient, study: str
) -> None:
    headers = dict(web.headers) | {"accept": "text/event-stream", "last-event-id": "1"}
    streams = [Stream(api, f"/v1/studies/{study}/events", headers) for _ in range(2)]
    claim = {"worker": "w-1", "study": study, "token": "0123456789abcdef-1"}
    trial = (await web.post("/v1/claims", json=claim)).json()["trials"][0]["trial"]["id"]
    told = {"attempt": 1, "token": claim["token"], "measurements": [{"step": 1, "metrics": {"loss": 1.0}}]}
    await web.post(f"/v1/trials/{trial}/measurements", json=told)
    sequence = (await web.get(f"/v1/studies/{study}")).json()["sequence"]

    heard = [await stream.until(lambda heard: sequences(heard)[-1:] == [sequence]) for stream in streams]

    assert sequences(heard[0]) == sequences(heard[1])
    for stream in streams:
        await stream.leave()


async def test_a_quiet_stream_pings(api: Api, web: AsyncClient, study: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.api.events.PING_S", 0.02)
    headers = dict(web.headers) | {"accept": "text/event-stream", "last-event-id": "1"}

    stream = Stream(api, f"/v1/studies/{study}/events", headers)

    await stream.until(lambda heard: heard.count(b": ping\n\n") >= 2)
    await stream.leave()


async def test_a_stream_ends_when_the_server_goes_down(
    api: Api, web: AsyncClient, study: str, services: Services
) -> None:
    headers = dict(web.headers) | {"accept": "text/event-stream"}
    stream = Stream(api, f"/v1/studies/{study}/events", headers)
    await stream.until(lambda heard: b"data: " in heard)

    services.signals.close()

    async with asyncio.timeout(5):
        await stream.task


async def test_a_stream_outlives_hundreds_of_events(
    api: Api, web: AsyncClient, study: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.api.events.PAUSE_S", 0.001)
    stream = Stream(api, f"/v1/studies/{study}/events", dict(web.headers) | {"accept": "text/event-stream"})

    for turn in range(300):
        await web.post(f"/v1/studies/{study}/{'resume' if turn % 2 else 'pause'}")

    await stream.until(lambda heard: sequences(heard)[-1:] == [301])
    await stream.leave()


@pytest.mark.parametrize("text", ["-1", "x", "1.5", "9" * 19])
async def test_a_stream_is_resumed_by_a_sequence_number(web: AsyncClient, study: str, text: str) -> None:
    headers = {"accept": "text/event-stream", "last-event-id": text}

    answer = await web.get(f"/v1/studies/{study}/events", headers=headers)

    assert answer.status_code == 422


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_whoever_knows_more_than_there_is_does_not_wait_for_ever(
    web: AsyncClient, study: str, accept: str
) -> None:
    answer = await web.get(f"/v1/studies/{study}/events?after=42&wait_s=30", headers={"accept": accept})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-cursor")
    assert answer.json()["errors"][0]["message"].startswith("the study is at 1;")


@pytest.mark.parametrize("accept", ["text/event-stream;q=0", "text/event-stream; q=0.0, application/json"])
async def test_whoever_takes_no_stream_gets_none(web: AsyncClient, study: str, accept: str) -> None:
    for path in (f"/v1/studies/{study}/events", "/v1/events"):
        assert (await web.get(path, headers={"accept": accept})).headers["content-type"] == "application/json"


async def test_a_stream_of_nothing_is_not_found(web: AsyncClient) -> None:
    answer = await web.get("/v1/studies/nothing/events", headers={"accept": "text/event-stream"})

    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


async def test_the_feed_tells_how_far_every_study_is_and_waits_for_news(web: AsyncClient, study: str) -> None:
    first = (await web.get("/v1/events")).json()

    waiting = asyncio.create_task(web.get(f"/v1/events?after={first['cursor']}&wait_s=30"))
    await web.post(f"/v1/studies/{study}/pause")
    second = (await waiting).json()

    assert first["sequences"] == {study: 1}
    assert second["sequences"] == {study: 2}
    assert (await web.get(f"/v1/events?after={second['cursor']}")).json() == second


async def test_a_stream_of_the_feed_tells_what_has_changed_and_what_is_gone(
    api: Api, web: AsyncClient, study: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.api.events.FEED_PAUSE_S", 0.0)
    other = (await web.post("/v1/studies", json=definition())).json()["id"]
    stream = Stream(api, "/v1/events", dict(web.headers) | {"accept": "text/event-stream"})
    await stream.until(lambda heard: b"data: " in heard)

    await web.post(f"/v1/studies/{study}/pause")
    await stream.until(lambda heard: heard.count(b"data: ") == 2)
    await web.delete(f"/v1/studies/{other}")
    heard = await stream.until(lambda heard: heard.count(b"data: ") == 3)

    await stream.leave()
    lines = [line for line in heard.split(b"\n") if line.startswith(b"data: ")]
    told = [json.loads(line.removeprefix(b"data: "))["sequences"] for line in lines]
    assert told == [{study: 1, other: 1}, {study: 2}, {other: None}]


async def test_a_stream_of_the_feed_resumes_without_telling_all_again(
    api: Api, web: AsyncClient, study: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.api.events.PING_S", 0.02)
    cursor = (await web.get("/v1/events")).json()["cursor"]

    stream = Stream(api, "/v1/events", dict(web.headers) | {"accept": "text/event-stream", "last-event-id": cursor})

    assert b"data: " not in await stream.until(lambda heard: heard.count(b": ping\n\n") >= 2)
    await stream.leave()


async def test_the_feed_knows_no_study_of_another_project(web: AsyncClient, keyring: Keyring, study: str) -> None:
    theirs = {"authorization": f"Bearer {keyring.make('reader', 'theirs')}"}

    assert (await web.get("/v1/events", headers=theirs)).json()["sequences"] == {}


async def test_a_waiting_heartbeat_sleeps_until_its_own_trial_is_to_stop(
    web: AsyncClient, study: str, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = []
    for n in (1, 2):
        claim = {"worker": f"w-{n}", "study": study, "token": f"0123456789abcdef-{n}"}
        held.append((await web.post("/v1/claims", json=claim)).json()["trials"][0]["trial"]["id"])
    leases = [{"attempt": 1, "token": f"0123456789abcdef-{n}"} for n in (1, 2)]
    urgent, asked, write = [], asyncio.Event(), services.write

    async def counted(*verb: Any, **how: Any) -> Any:
        if how.get("urgent"):
            urgent.append(verb)
            asked.set()
        return await write(*verb, **how)

    monkeypatch.setattr(services, "write", counted)
    waiting = asyncio.create_task(web.post(f"/v1/trials/{held[0]}/heartbeat", json=leases[0] | {"wait_s": 30}))
    await asked.wait()

    for step in range(3):
        report = {"measurements": [{"step": step, "metrics": {"loss": 1.0}}]}
        await web.post(f"/v1/trials/{held[1]}/measurements", json=leases[1] | report)
    assert len(urgent) == 1
    await web.post(f"/v1/trials/{held[0]}/stop", json={"reason": "enough"})

    async with asyncio.timeout(5):
        told = (await waiting).json()
    assert (told["directive"], told["reason"], len(urgent)) == ("stop", "enough", 2)
