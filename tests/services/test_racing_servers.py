"""Two servers on one PostgreSQL that are asked for the same at the same time: neither knows what the other is at."""

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.services.fleet import register_worker
from app.services.keys import ON_FIRST_KEY, create_first_key
from app.services.once import Once, Replay, do_once
from app.services.principal import Principal
from app.services.studies import create_study
from app.storage.transaction import Transaction
from studyhall.study import Study
from studyhall.wire.fleet import RegisterWorker
from studyhall.wire.server import Key
from studyhall.wire.studies import CreateStudy
from tests.databases import SPACE, House

Verb = Callable[[Transaction, Principal], Any]


@pytest.fixture
def servers(postgres_url: str) -> Iterator[tuple[House, House]]:
    one, other = House(postgres_url), House(postgres_url)
    yield one, other
    one.database.close()
    other.database.close()


def asked(**fields: Any) -> CreateStudy:
    body = {"name": "digits", "space": SPACE, "objectives": [{"metric": "loss"}]}
    return CreateStudy.model_validate_json(json.dumps(body | fields))


def race(servers: tuple[House, House], verb: Verb) -> tuple[Any, Any]:
    """What two servers answer, of which the second one is done between the first one's looking and its commit."""
    one, other = servers
    seconds: list[Any] = []

    def overtaken(tx: Transaction, principal: Principal) -> Any:
        answer = verb(tx, principal)
        if not seconds:
            seconds.append(other.do(verb))
        return answer

    return one.do(overtaken), seconds[0]


def test_a_study_that_two_scripts_make_or_get_is_the_same(servers: tuple[House, House]) -> None:
    request = asked(if_exists="get")

    (first, made_first), (second, made_second) = race(servers, lambda tx, who: create_study(tx, who, request))

    assert (first.id, made_first, made_second) == (second.id, False, True)


def test_a_request_that_reaches_two_servers_happens_once(servers: tuple[House, House]) -> None:
    once = Once("key", "create_study", "the same", "hash")

    def make(tx: Transaction) -> tuple[Study, int]:
        return create_study(tx, Principal("key", "default", "user"), asked())[0], 201

    first, second = race(servers, lambda tx, _: do_once(tx, once, make))

    assert isinstance(first, Replay)
    assert json.loads(first.body)["id"] == second[0].id


def test_a_worker_that_introduces_itself_to_two_servers_is_one(servers: tuple[House, House]) -> None:
    request = RegisterWorker(name="gpu-1", version="0.1.0")

    first, second = race(servers, lambda tx, who: register_worker(tx, who, request))

    assert first.name == second.name == "gpu-1"


def test_only_one_of_the_servers_that_start_on_an_empty_database_makes_the_first_key(
    servers: tuple[House, House],
) -> None:
    one, other = servers
    made: list[Key | None] = []
    second = threading.Thread(
        target=lambda: made.append(other.database.writer.write_now(create_first_key, ON_FIRST_KEY))
    )

    def slow(tx: Transaction) -> Key | None:
        key = create_first_key(tx)
        second.start()
        second.join(0.5)  # in which it would be done, if nothing held it up
        return key

    first = one.database.writer.write_now(slow, ON_FIRST_KEY)
    second.join()

    assert first is not None
    assert made == [None]
