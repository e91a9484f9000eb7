"""The server goes away and comes back: training goes on and no result is lost."""

import asyncio
import dataclasses
import json
from functools import partial

import httpx2
import pytest

from studyhall.errors import StudyhallError, Unreachable
from studyhall.trial import Measurement
from studyhall.wire.claims import Complete, Fail, NextClaim, Report
from tests.workers.conftest import QUICK, at_work, task
from tests.workers.fake_server import FakeServer
from tests.workers.processes import becomes_true
from workers import __main__ as program
from workers import server as worker_server
from workers.server import Patience, Server
from workers.spool import Ending, Spool, deliver
from workers.worker import Worker

TOKEN = "a-token-of-the-test"


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    monkeypatch.setattr(worker_server, "BASE_S", 0.02)
    monkeypatch.setattr(worker_server, "CAP_S", 0.1)


def complete(loss=0.5):
    return Complete(attempt=1, token=TOKEN, metrics={"loss": loss})


@pytest.mark.catalogue("WK-030")
def test_a_training_goes_on_without_its_server_and_tells_everything_afterwards(configuration):
    async def play():
        server = FakeServer()
        async with at_work(configuration, server):
            trial = server.add(task("patient"))
            await server.until(lambda: trial.measurements)
            server.is_away = True
            seen, refused = max(trial.steps), len(server.requests)
            await server.until(lambda: len(server.requests) > refused + 3)
            server.is_away = False
            await server.until(lambda: max(trial.steps) > seen + 5)
            server.ask_to_stop(trial)
            await server.ended(trial)
        return trial

    trial = asyncio.run(play())

    assert trial.steps == list(range(1, max(trial.steps) + 1))


def test_a_result_found_during_an_outage_is_delivered_afterwards(configuration):
    async def play():
        server = FakeServer()
        async with at_work(configuration, server):
            trial = server.add(task("good"), steps=5)
            await server.until(lambda: trial.state == "running")
            server.is_away = True
            spool = configuration.directory / "spool"
            await server.until(lambda: list(spool.glob("*.json")))
            server.is_away = False
            ending = await server.ended(trial)
        return trial, ending, list(spool.iterdir())

    trial, ending, left = asyncio.run(play())

    assert (ending.metrics, trial.steps, left) == ({"loss": 0.25}, [1, 2, 3, 4, 5], [])


def test_an_artifact_that_is_kept_during_an_outage_comes_to_the_server_afterwards(configuration, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"

    async def play():
        server = FakeServer()
        trial = server.add(task("keeps_a_file_when_told"), first=str(first), second=str(second))
        async with at_work(configuration, server):
            await server.until(lambda: trial.state == "running")
            server.is_away = True
            first.touch()
            await becomes_true(lambda: any(path.endswith("/artifacts") for path in server.requests))
            server.is_away = False
            second.touch()
            await server.ended(trial)
        return trial.artifacts

    assert asyncio.run(play()) == {"a": b"kept"}


def test_a_worker_delivers_what_one_before_it_left_behind(configuration):
    async def play():
        server = FakeServer()
        trial = server.add(task("good"))
        trial.attempt, trial.token, trial.state = 1, TOKEN, "running"
        Spool(configuration.directory / "spool", Server("http://x.test", None)).put(
            Ending.of(trial.id, complete(0.125), ())
        )
        async with at_work(configuration, server):
            return await server.ended(trial)

    assert asyncio.run(play()).metrics == {"loss": 0.125}


def test_an_ending_that_the_server_refuses_is_not_tried_again(configuration):
    async def play():
        server = FakeServer()
        server.add(task("good")).state = "completed"
        spool = Spool(configuration.directory / "spool", Server("http://x.test", None, transport=server.transport))
        spool.put(Ending.of("tr_0", complete(), ()))
        emptying = asyncio.create_task(spool.empty())
        await server.until(lambda: not spool.waiting())
        emptying.cancel()
        return server.requests

    assert asyncio.run(play()) == ["/v1/trials/tr_0/complete"]


def test_an_ending_that_the_disk_cannot_take_costs_the_worker_nothing(tmp_path, caplog):
    (tmp_path / "file").touch()

    Spool(tmp_path / "file" / "spool", Server("http://x.test", None)).put(Ending.of("tr_0", complete(), ()))

    assert "the ending of trial tr_0 is lost" in caplog.text


def test_a_damaged_entry_is_put_aside(configuration, tmp_path):
    async def play():
        spool = Spool(tmp_path, Server("http://x.test", None, transport=FakeServer().transport))
        (tmp_path / "tr_0-1.json").write_text("{")
        emptying = asyncio.create_task(spool.empty())
        await becomes_true(lambda: not spool.waiting())
        emptying.cancel()

    asyncio.run(play())

    assert (tmp_path / "tr_0-1.damaged").exists()


def test_an_entry_is_private_and_does_not_claim_another_trial(tmp_path):
    spool = Spool(tmp_path, Server("http://x.test", None))
    claiming = Complete(attempt=1, token=TOKEN, metrics={"loss": 0.5}, claim=NextClaim(token=TOKEN))

    spool.put(Ending.of("tr_0", claiming, ()))

    (path,) = spool.waiting()
    assert path.stat().st_mode & 0o077 == 0
    assert "claim" not in json.loads(path.read_text())["complete"]


@pytest.mark.parametrize(
    ("told", "requests"),
    [(complete(), [1000, 500]), (Fail(attempt=1, token=TOKEN, kind="user_error"), [1000, 500, 0])],
)
def test_many_measurements_are_delivered_in_portions(told, requests):
    bodies = []

    def answer(request):
        bodies.append(json.loads(request.content))
        lease = {"expires_in_s": 1, "heartbeat_s": 1}
        return httpx2.Response(200, json={"directive": "continue", "lease": lease, **FINISHED})

    async def play():
        async with Server("http://x.test", None, transport=httpx2.MockTransport(answer)) as server:
            measurements = tuple(Measurement(step=step, metrics={"loss": 1.0}) for step in range(1500))
            await deliver(server, Ending.of("tr_0", told, measurements))

    asyncio.run(play())

    assert [len(body.get("measurements", ())) for body in bodies] == requests


FINISHED = {
    "trial": {
        "id": "tr_0",
        "study": "st_1",
        "number": 0,
        "state": "completed",
        "parameters": {},
        "source": "model",
        "sequence": 1,
        "created_at": "2026-01-01T00:00:00Z",
    }
}


@pytest.mark.catalogue("WK-030")
def test_a_trial_without_a_server_ends_after_the_outage_limit(configuration):
    async def play():
        server = FakeServer()
        short = dataclasses.replace(configuration, patiences=dataclasses.replace(QUICK, outage_s=0.2))
        async with at_work(short, server):
            trial = server.add(task("deaf"))
            await server.until(lambda: trial.measurements)
            server.is_away = True
            claims = server.requests.count("/v1/claims")
            await server.until(lambda: server.requests.count("/v1/claims") > claims)  # the slot is free
            assert trial.ending is None
            server.is_away = False

    asyncio.run(play())


def test_a_lost_answer_to_a_claim_is_asked_for_with_the_same_token(configuration):
    tokens = []

    async def play():
        server = FakeServer()
        whole = server.transport

        async def losing_the_first_claim(request):
            found = await whole.handle_async_request(request)
            if request.url.path == "/v1/claims":
                tokens.append(json.loads(request.content)["token"])
                if len(tokens) == 1:
                    raise httpx2.ReadError("the answer is lost")
            return found

        server.transport = httpx2.MockTransport(losing_the_first_claim)
        trial = server.add(task("good"))
        async with at_work(configuration, server):
            await server.ended(trial)
        return trial

    trial = asyncio.run(play())

    assert trial.attempt == 1
    assert tokens[0] == tokens[1]


def test_pauses_grow_with_full_jitter_and_respect_what_the_server_asks(monkeypatch):
    slept = []

    async def note(seconds):
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", note)
    patience = Patience(chance=lambda: 1.0)
    error = Unreachable(retry_after_s=5.0)

    asyncio.run(_pause_often(patience, error))

    assert slept == pytest.approx([5.02, 5.04, 5.08, 5.1, 5.1])


async def _pause_often(patience, error):
    for _ in range(5):
        await patience.pause(error)


def test_a_server_that_does_not_want_this_worker_ends_it(configuration):
    problem = {"type": "p", "title": "no", "status": 401, "detail": "a valid key is needed", "code": "unauthenticated"}
    refusing = httpx2.MockTransport(lambda _: httpx2.Response(401, json=problem))

    with pytest.raises(StudyhallError, match="a valid key is needed"):
        asyncio.run(Worker(configuration, transport=refusing).run())


@pytest.mark.catalogue("CF-023")
def test_a_worker_of_another_version_than_its_server_says_what_to_install(configuration, monkeypatch, capsys):
    newer = httpx2.MockTransport(lambda _: httpx2.Response(422, headers={"x-studyhall-version": "99.1.0"}))
    monkeypatch.setattr(program, "read_command_line", lambda _: configuration)
    monkeypatch.setattr(program, "hide_memory", lambda: None)  # this process is the test's own
    monkeypatch.setattr(program, "Worker", partial(Worker, transport=newer))

    assert program.main() == 3

    assert "pip install 'studyhall==99.*'" in capsys.readouterr().err


def test_the_key_is_not_sent_to_another_host():
    asked = []

    def redirect(request):
        asked.append(request.url.host)
        return httpx2.Response(307, headers={"Location": "http://elsewhere.test/"})

    async def play():
        async with Server("http://x.test", "key", transport=httpx2.MockTransport(redirect)) as server:
            measurements = (Measurement(step=1, metrics={"loss": 1.0}),)
            with pytest.raises(StudyhallError, match="redirects"):
                await server.report("tr_0", Report(attempt=1, token=TOKEN, measurements=measurements))

    asyncio.run(play())

    assert asked == ["x.test"]
