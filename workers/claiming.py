"""How a worker comes by trials, and keeps the lease of one that does not run yet."""

import asyncio
import logging
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple

from studyhall.errors import Conflict, StudyhallError
from studyhall.wire.claims import Capabilities, Claim, ClaimedTrial, Heartbeat
from workers.configuration import Configuration
from workers.server import TEMPORARY, NothingNow, Patience, Server

logger = logging.getLogger(__name__)

ASIDE_S: Final = 30.0
"""How long nothing is claimed after the server has said that it gives this worker nothing."""


class Held(NamedTuple):
    """A trial that a worker holds, and the token of its lease."""

    claimed: ClaimedTrial
    token: str


class Claiming:
    """Claims one trial after the other.

    Args:
        name: of the worker, as the server knows it.
        wait_s: how long the server may let a claim wait; by default what the configuration says.
    """

    def __init__(
        self, configuration: Configuration, server: Server, *, name: str | None = None, wait_s: float | None = None
    ) -> None:
        self._configuration, self._server = configuration, server
        self._name = name or configuration.name
        idle_s, patience_s = configuration.exit_when_idle_s, configuration.wait_s if wait_s is None else wait_s
        # No longer than this worker is to stay without work.
        self._wait_s = patience_s if idle_s is None else min(patience_s, idle_s)

    async def next(self, capabilities: Callable[[], Capabilities], ending: asyncio.Event) -> Held | None:
        """A trial; None when the worker is to end, or had nothing to do for as long as its configuration allows.

        Args:
            capabilities: what there is room for, asked before each try.

        Raises:
            StudyhallError: the server does not want this worker.
        """
        claiming = asyncio.create_task(self._claim(capabilities))
        waiting = asyncio.create_task(ending.wait())
        try:
            await asyncio.wait([claiming, waiting], return_when=asyncio.FIRST_COMPLETED)
            return claiming.result() if claiming.done() else None
        finally:
            waiting.cancel()
            claiming.cancel()

    async def _claim(self, capabilities: Callable[[], Capabilities]) -> Held | None:
        loop, token, patience = asyncio.get_running_loop(), uuid.uuid4().hex, Patience()
        idle_since = loop.time()
        while True:
            try:
                claimed = await self._server.claim(self._claim_with(token, capabilities()))
                return Held(claimed.trials[0], token)
            except NothingNow as nothing:
                patience, pause_s = Patience(), nothing.retry_after_s or 0.0
                if nothing.is_pending:
                    idle_since = loop.time()
            except TEMPORARY as error:
                await patience.pause(error)  # the same token again: an answer that was lost is given once more
                continue
            except Conflict as error:
                logger.warning("no trial for this worker: %s", error)
                patience, pause_s = Patience(), ASIDE_S
            idle_s = self._configuration.exit_when_idle_s
            if idle_s is not None and loop.time() - idle_since >= idle_s:
                return None
            await asyncio.sleep(pause_s if idle_s is None else min(pause_s, idle_s))

    def _claim_with(self, token: str, capabilities: Capabilities) -> Claim:
        return Claim(
            token=token,
            worker=self._name,
            study=self._configuration.study,
            wait_s=self._wait_s,
            lease_s=self._configuration.lease_s,
            capabilities=capabilities,
        )


@contextmanager
def lease_kept(server: Server, held: Held) -> Iterator[None]:
    """Renews the lease of a trial that nobody runs yet."""
    beating = asyncio.create_task(_beat(server, held))
    try:
        yield
    finally:
        beating.cancel()


async def _beat(server: Server, held: Held) -> None:
    beat = Heartbeat(attempt=held.claimed.attempt, token=held.token)
    while True:
        await asyncio.sleep(held.claimed.lease.heartbeat_s)
        with suppress(StudyhallError):  # the attempt itself hears what the server has to say
            await server.heartbeat(held.claimed.trial.id, beat)
