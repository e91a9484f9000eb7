"""Webhooks: what is told, in which order, how often, and to whom never."""

import asyncio
import json
from typing import Any

import httpx2
import pytest

from app import webhook_post
from app.services import studies, webhooks
from app.services.principal import Principal
from app.services.webhooks import MOST_TRIES, Webhooks, WebhooksOff
from app.storage.database import Database
from app.storage.webhooks import due
from studyhall.errors import Forbidden, InvalidInput
from studyhall.webhooks import CreateWebhook, check_signature
from studyhall.wire.studies import CreateStudy, StopStudy

pytestmark = pytest.mark.anyio

ME = Principal("k", "default", "user")
ORIGIN = "https://hooks.test"
SPACE = {"parameters": [{"name": "x", "type": "float", "low": 0.0, "high": 1.0}]}


@pytest.fixture
def anyio_backend():
    return "asyncio"


class Receiver:
    """Answers what it is told to, and keeps what came."""

    def __init__(self):
        self.answers: list[Any] = [200]
        self.came: list[tuple[str, dict[str, str], bytes]] = []

    async def __call__(self, url, headers, body):
        self.came.append((url, headers, body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def kinds(self):
        return [event["kind"] for _, _, body in self.came for event in json.loads(body)["events"]]


class Server:
    """A database, a clock that moves when it is told to, and webhooks."""

    def __init__(self, url):
        self.now = 1_000_000.0
        self.database = Database(url, lambda _: None, clock=lambda: self.now)
        self.receiver = Receiver()
        self.webhooks = self.another()

    def another(self, origins=(ORIGIN,)):
        return Webhooks(self.database, self.receiver, origins=origins, clock=lambda: self.now, chance=lambda: 0.0)

    def do(self, verb):
        return self.database.writer.write_now(verb)

    def make(self, **fields):
        request = CreateWebhook(**({"url": f"{ORIGIN}/in", "kinds": ("*",)} | fields))
        return self.do(lambda tx: webhooks.create_webhook(tx, ME, request, origins=self.webhooks.origins))

    def make_study(self, name="digits"):
        request = CreateStudy.model_validate_json(
            json.dumps({"name": name, "space": SPACE, "objectives": [{"metric": "loss"}]})
        )
        return self.do(lambda tx: studies.create_study(tx, ME, request))[0].id

    def pause(self, study):
        self.do(lambda tx: studies.pause_study(tx, ME, study))

    def resume(self, study):
        self.do(lambda tx: studies.resume_study(tx, ME, study))


@pytest.fixture
def server(sqlite_url):
    made = Server(sqlite_url)
    yield made
    made.database.close()


@pytest.fixture
def each_server(database_url):
    """On SQLite and on PostgreSQL."""
    made = Server(database_url)
    yield made
    made.database.close()


async def test_events_are_told_once_in_their_order_from_the_webhook_on(each_server):
    study = each_server.make_study()
    each_server.make()
    each_server.pause(study)
    each_server.resume(study)

    assert await each_server.webhooks.tell() == 1
    assert await each_server.webhooks.tell() == 0
    assert each_server.receiver.kinds == ["study.paused", "study.resumed"]


async def test_a_study_made_later_is_told_from_its_beginning(server):
    server.make()
    server.make_study()

    await server.webhooks.tell()

    assert server.receiver.kinds == ["study.created"]


async def test_only_the_kinds_and_the_study_asked_for_are_told(server):
    first, second = server.make_study("one"), server.make_study("two")
    server.make(kinds=("study.completed",), study="one")
    for study in (first, second):
        server.pause(study)
        server.do(lambda tx, study=study: studies.stop_study(tx, ME, study, StopStudy(mode="kill")))

    while await server.webhooks.tell():
        pass

    assert server.receiver.kinds == ["study.completed"]
    assert json.loads(server.receiver.came[0][2])["study_name"] == "one"


async def test_a_receiver_knows_the_sender_by_the_signature(server):
    secret = server.make().secret
    server.make_study()
    await server.webhooks.tell()
    _, headers, body = server.receiver.came[0]

    delivery = check_signature(secret, headers, body, now=lambda: server.now)

    assert [event.kind for event in delivery.events] == ["study.created"]
    forgeries: list[Any] = [(secret + "x", headers, body), (secret, headers, body + b" "), (secret, {}, body)]
    for forged in forgeries:
        with pytest.raises(Forbidden):
            check_signature(*forged, now=lambda: server.now)
    with pytest.raises(Forbidden, match="too long ago"):
        check_signature(secret, headers, body, now=lambda: server.now + 301)


async def test_what_did_not_arrive_is_tried_again_later_and_nothing_overtakes_it(server):
    server.make()
    study = server.make_study()
    server.receiver.answers = [500, OSError("no route"), 200]

    await server.webhooks.tell()
    server.pause(study)
    assert await server.webhooks.tell() == 0  # not before five seconds have passed
    server.now += 5
    await server.webhooks.tell()
    server.now += 9
    assert await server.webhooks.tell() == 0  # and then ten
    server.now += 1
    await server.webhooks.tell()

    assert server.receiver.kinds == ["study.created"] + ["study.created", "study.paused"] * 2
    first, second = (headers["X-Studyhall-Delivery"] for _, headers, _ in server.receiver.came[:2])
    assert first == second


async def test_a_delivery_that_a_crash_cut_off_is_sent_by_the_next_server(server):
    server.make()
    server.make_study()
    found = await server.database.read(lambda connection: due(connection, now=server.now, limit=9))
    server.do(lambda tx: webhooks._taken(tx, found))  # a server took it, and was killed

    restarted = server.another()
    assert await restarted.tell() == 0  # it may still be at it
    server.now += webhooks.TAKEN_S
    assert await restarted.tell() == 1
    assert server.receiver.kinds == ["study.created"]


async def test_two_servers_do_not_tell_the_same_twice(each_server):
    each_server.make()
    each_server.make_study()
    found = await each_server.database.read(lambda connection: due(connection, now=each_server.now, limit=9))

    assert len(each_server.do(lambda tx: webhooks._taken(tx, found))) == 1
    assert each_server.do(lambda tx: webhooks._taken(tx, found)) == []


async def test_who_is_gone_or_fails_for_more_than_a_day_is_left_alone_until_a_test_arrives(each_server):
    hook = each_server.make()
    study = each_server.make_study()
    each_server.receiver.answers = [503]
    for _ in range(MOST_TRIES):
        assert await each_server.webhooks.tell() == 1
        each_server.now += 3600
    assert await each_server.webhooks.tell() == 0

    listed = await each_server.database.read(lambda connection: webhooks.list_webhooks(connection, principal=ME))
    assert (listed[0].state, listed[0].error) == ("disabled", "the receiver answered 503")

    each_server.receiver.answers = [200]
    assert (await each_server.webhooks.test(ME, hook.id)).state == "active"
    each_server.receiver.came.clear()
    await each_server.webhooks.tell()
    assert each_server.receiver.kinds == ["study.created"]

    each_server.receiver.answers = [410]
    each_server.pause(study)
    await each_server.webhooks.tell()
    listed = await each_server.database.read(lambda connection: webhooks.list_webhooks(connection, principal=ME))
    assert listed[0].state == "disabled"


async def test_a_webhook_that_is_ended_while_it_is_told_takes_no_other_one_with_it(each_server):
    doomed = each_server.make(url=f"{ORIGIN}/doomed")
    each_server.make()
    each_server.make_study()

    async def end_it(url, headers, body):
        if url == doomed.url:
            each_server.do(lambda tx: webhooks.delete_webhook(tx, ME, doomed.id))
        return await each_server.receiver(url, headers, body)

    each_server.webhooks = Webhooks(each_server.database, end_it, origins=[ORIGIN], clock=lambda: each_server.now)
    assert await each_server.webhooks.tell() == 2
    each_server.now += webhooks.TAKEN_S
    assert await each_server.webhooks.tell() == 0


async def test_what_was_deleted_since_it_was_found_is_not_told(each_server):
    doomed, kept = each_server.make(), each_server.make()
    each_server.make_study()
    found = await each_server.database.read(lambda connection: due(connection, now=each_server.now, limit=9))
    each_server.do(lambda tx: webhooks.delete_webhook(tx, ME, doomed.id))

    taken = each_server.do(lambda tx: webhooks._taken(tx, found))

    assert [each.webhook.id for each in taken] == [kept.id]


async def test_one_that_is_gone_for_one_study_is_not_called_back_by_a_failure_for_another(server):
    server.make()
    server.make_study("one")
    server.make_study("two")
    server.receiver.answers = [410, 503]

    await server.webhooks.tell()

    listed = await server.database.read(lambda connection: webhooks.list_webhooks(connection, principal=ME))
    assert listed[0].state == "disabled"


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.test/in",
        "https://hooks.test:8443/in",
        "https://hooks.test.evil.example/in",
        "https://user@hooks.test/in",
        "https://hooks.test@127.0.0.1/in",
        "https://127.0.0.1\\@hooks.test/in",
        "http://169.254.169.254/latest/meta-data",
        "https://hooks.test:port/in",
    ],
)
async def test_only_allowed_origins_are_called(server, url):
    with pytest.raises(InvalidInput) as refused:
        server.make(url=url)

    assert refused.value.errors[0].pointer == "/url"


async def test_an_origin_that_is_not_allowed_any_more_is_not_called(server):
    server.make()
    server.make_study()
    stricter = server.another(origins=("https://other.test",))

    await stricter.tell()

    assert server.receiver.came == []


async def test_without_origins_there_are_no_webhooks(server):
    with pytest.raises(WebhooksOff):
        server.do(lambda tx: webhooks.create_webhook(tx, ME, CreateWebhook(url="https://hooks.test/in"), origins=()))
    await server.another(origins=()).tell_for_ever()  # ends at once


async def test_a_receiver_that_does_not_answer_holds_up_no_other(server, monkeypatch):
    monkeypatch.setattr(webhooks, "LOOK_S", 0.001)
    heard: asyncio.Queue[list[str]] = asyncio.Queue()

    async def post(url, headers, body):
        if url.endswith("/slow"):
            await asyncio.Event().wait()
        await heard.put([event["kind"] for event in json.loads(body)["events"]])
        return 200

    server.receiver = post
    server.make(url=f"{ORIGIN}/slow")
    server.make(url=f"{ORIGIN}/quick")
    study = server.make_study()
    telling = asyncio.create_task(server.another().tell_for_ever())

    async with asyncio.timeout(10):
        assert await heard.get() == ["study.created"]
        server.pause(study)
        assert await heard.get() == ["study.paused"]

    telling.cancel()


async def test_a_receiver_has_its_time_for_the_whole_answer_not_for_each_byte(monkeypatch):
    monkeypatch.setattr(webhook_post, "ANSWER_S", 0.05)

    async def drips(_):
        await asyncio.Event().wait()

    post = webhook_post.WebhookPost(httpx2.MockTransport(drips))

    with pytest.raises(OSError, match=r"did not answer within 0\.05 s"):
        await asyncio.wait_for(post(ORIGIN, {}, b"{}"), timeout=5)

    await post.close()
