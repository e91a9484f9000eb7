"""Readings that many share, and what nobody is given of another's."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import pytest

from app.services.principal import Principal
from app.services.shared_reading import KEPT_FOR_S, Answer, SharedReading, place_of
from app.storage.database import Database

pytestmark = pytest.mark.anyio


class Reads:
    """A query that counts how often it runs, on a clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self._count = count(1)

    def __call__(self, _: Any) -> Answer:
        times = next(self._count)
        return Answer(str(times).encode(), 10 * times)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def reads() -> Reads:
    return Reads()


@pytest.fixture
async def shared(sqlite_url: str, reads: Reads) -> AsyncIterator[SharedReading]:
    database = Database(sqlite_url, lambda _: None)
    yield SharedReading(database, monotonic=lambda: reads.now)
    database.close()


async def test_those_who_ask_during_a_reading_share_the_next_one(shared: SharedReading, reads: Reads) -> None:
    first = asyncio.create_task(shared.read("a", reads))
    await asyncio.sleep(0)

    others = await asyncio.gather(*(shared.read("a", reads) for _ in range(20)))

    assert (await first).body == b"1"
    assert {answer.body for answer in others} == {b"2"}


async def test_one_who_leaves_takes_the_answer_from_nobody(shared: SharedReading, reads: Reads) -> None:
    leaving, staying = (asyncio.create_task(shared.read("a", reads)) for _ in range(2))
    await asyncio.sleep(0)

    leaving.cancel()

    assert (await staying).body == b"2"


async def test_an_error_reaches_everybody_and_is_not_kept(shared: SharedReading, reads: Reads) -> None:
    def fails(_: Any) -> Answer:
        raise LookupError

    failed = await asyncio.gather(*(shared.read("a", fails) for _ in range(3)), return_exceptions=True)

    assert [type(each) for each in failed] == [LookupError] * 3
    assert (await shared.read("a", reads)).body == b"1"


async def test_a_kept_answer_is_given_for_a_number_that_it_holds_for(shared: SharedReading, reads: Reads) -> None:
    first = await shared.answer("a", reads, at_least=10)

    assert await shared.answer("a", reads, at_least=10) == first
    assert (await shared.answer("a", reads, at_least=11)).sequence == 20


async def test_who_names_no_number_is_told_how_it_is_now(shared: SharedReading, reads: Reads) -> None:
    await shared.answer("a", reads, at_least=10)

    assert (await shared.answer("a", reads, at_least=None)).body == b"2"


async def test_an_answer_is_kept_for_a_moment_only(shared: SharedReading, reads: Reads) -> None:
    await shared.answer("a", reads, at_least=10)

    reads.now = KEPT_FOR_S

    assert (await shared.answer("a", reads, at_least=10)).body == b"2"


async def test_projects_and_share_links_share_nothing(shared: SharedReading, reads: Reads) -> None:
    askers = [
        Principal("1", "mine", "reader"),
        Principal("2", "theirs", "reader"),
        Principal("3", "mine", "guest", study="st_1"),
        Principal("4", "mine", "guest", study="st_2"),
    ]

    told = [await shared.answer(place_of(each, "summary", "digits"), reads, at_least=1) for each in askers]

    assert len({answer.body for answer in told}) == 4
