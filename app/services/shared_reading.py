"""Reading once what many ask for together: twenty dashboards hear of one result, and then ask the same.

Somebody else's answer is given in two cases only. Whoever asks while the same is being read waits for the next reading
and shares it: that is no older than the question. And whoever says which sequence number will do (`at_least`) may get
an answer that is kept since a moment, if it holds for that number. Questions are told apart by whose they are.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from app.services.principal import Principal
from app.storage import reader
from app.storage.database import Database

T = TypeVar("T")

KEPT_FOR_S: Final = 2.0
KEPT_BYTES: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it is sent, and the sequence number of the study that it holds for: that or a later one."""

    body: bytes
    sequence: int


def place_of(principal: Principal, *asked: Hashable) -> Hashable:
    """Two questions of one place have one answer: the reading verbs look at the project and at the share link only."""
    return (principal.project, principal.study, *asked)


class SharedReading:
    """The readings of one server process that several may share."""

    def __init__(self, database: Database, *, monotonic: Callable[[], float]) -> None:
        self._database = database
        self._monotonic = monotonic
        self._running: dict[Hashable, asyncio.Task[Any]] = {}
        self._next: dict[Hashable, asyncio.Task[Any]] = {}
        self._kept: OrderedDict[Hashable, tuple[float, Answer]] = OrderedDict()

    async def read(self, place: Hashable, query: Callable[[reader.Connection], T]) -> T:
        """What a query finds that begins from now on; those who ask meanwhile at the same place wait for one of it."""
        task = self._next.get(place)
        if task is None:
            before = self._running.get(place)
            task = asyncio.create_task(self._read(place, query, before), name="shared reading")
            task.add_done_callback(_looked_at)
            (self._running if before is None else self._next)[place] = task
        found: T = await asyncio.shield(task)  # who leaves takes it from nobody else
        return found

    async def answer(
        self, place: Hashable, query: Callable[[reader.Connection], Answer], *, at_least: int | None
    ) -> Answer:
        """An answer as `read` finds it; or with `at_least` one of the last seconds that holds for this number."""
        if at_least is None:
            return await self.read(place, query)
        self._forget_old()
        kept = self._kept.get(place)
        if kept is not None and kept[1].sequence >= at_least:
            return kept[1]
        answer = await self.read(place, query)
        self._kept[place] = (self._monotonic(), answer)
        self._kept.move_to_end(place)
        return answer

    async def _read(
        self, place: Hashable, query: Callable[[reader.Connection], T], before: asyncio.Task[Any] | None
    ) -> T:
        if before is not None:
            await asyncio.wait({before})
            self._running[place] = self._next.pop(place)
        try:
            return await self._database.read(query)
        finally:
            del self._running[place]

    def _forget_old(self) -> None:
        """Few are kept: dashboards ask at common moments, and after them nobody asks the same again."""
        before, size = self._monotonic() - KEPT_FOR_S, sum(len(kept.body) for _, kept in self._kept.values())
        while self._kept:
            place, (since, kept) = next(iter(self._kept.items()))
            if since > before and size <= KEPT_BYTES:
                return
            size -= len(kept.body)
            del self._kept[place]


def _looked_at(task: asyncio.Task[Any]) -> None:
    """All who waited may have left: then nobody else would look at its error, and asyncio would complain."""
    if not task.cancelled():
        task.exception()
