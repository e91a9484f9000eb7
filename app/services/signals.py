"""Waking those who wait: long-polls and streams register here, commits wake them.

Whoever waits registers before looking, so that no wake-up is lost between the look and the wait.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from app.storage.committed import EVERYTHING, Committed

ANY = EVERYTHING


class Waiter:
    """One registration; `wait` returns when its study has changed, or when the time is over."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def wake(self) -> None:
        """Ends the wait, or the next one."""
        self._event.set()

    async def wait(self, timeout_s: float) -> bool:
        """Whether something has happened before the time was over; ready for the next wait afterwards."""
        try:
            await asyncio.wait_for(self._event.wait(), max(0.0, timeout_s))
        except TimeoutError:
            return False
        self._event.clear()
        return True


class Signals:
    """Who waits for what, in this process."""

    def __init__(self) -> None:
        self._changes: dict[str, set[Waiter]] = defaultdict(set)
        self._openings: dict[str, set[Waiter]] = defaultdict(set)
        self._recalls: dict[str, set[Waiter]] = defaultdict(set)
        self._loop: asyncio.AbstractEventLoop | None = None
        self.is_closing = False
        self.on_moved: Callable[[Iterable[str]], None] = _nobody
        """Called with the studies in which a trial has changed its state."""
        self.on_demand: Callable[[dict[str, int]], None] = _nobody
        """Called with the trials that servers without engines are waiting for, by study."""

    def start(self) -> None:
        """Binds to the running event loop."""
        self._loop = asyncio.get_running_loop()

    def committed(self, committed: Committed) -> None:
        """Called by the writer's thread, or for a commit of another server, after each commit."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake, committed)

    @contextmanager
    def on_change(self, study_id: str = ANY) -> Iterator[Waiter]:
        """Waits for any change of a study."""
        yield from self._register(self._changes, study_id)

    @contextmanager
    def on_opening(self, study_id: str = ANY) -> Iterator[Waiter]:
        """Waits until a claim may find a trial in a study."""
        yield from self._register(self._openings, study_id)

    @contextmanager
    def on_recall(self, trial_id: str) -> Iterator[Waiter]:
        """Waits until a trial's worker is to hear something."""
        yield from self._register(self._recalls, trial_id)

    def close(self) -> None:
        """Answers everybody at once; the server is going down."""
        self.is_closing = True
        for waiters in (*self._changes.values(), *self._openings.values(), *self._recalls.values()):
            for waiter in waiters:
                waiter.wake()

    def _register(self, waiting: dict[str, set[Waiter]], study_id: str) -> Iterator[Waiter]:
        waiter = Waiter()
        waiting[study_id].add(waiter)
        try:
            yield waiter
        finally:
            waiting[study_id].discard(waiter)
            if not waiting[study_id]:
                del waiting[study_id]

    def _wake(self, committed: Committed) -> None:
        _wake_all(self._changes, committed.sequences)
        _wake_all(self._openings, committed.openings)
        _wake_all(self._recalls, committed.recalled)
        self.on_moved(committed.moved)
        self.on_demand(committed.demand)


def _nobody(_: Iterable[str]) -> None:
    """Nobody wants to know."""


def _wake_all(waiting: dict[str, set[Waiter]], ids: dict[str, int] | set[str]) -> None:
    if not ids:
        return
    for id in list(waiting) if ANY in ids else (*ids, ANY):
        for waiter in waiting.get(id, ()):
            waiter.wake()
