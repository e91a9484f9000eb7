"""The worker's voice: what it says to the server, over HTTP.

Why not `studyhall.transport.Connection`: it blocks its thread until it is answered, and a worker holds a long poll for
each slot and each running trial at once and drops them in an instant when a trial ends or the worker does. What the
answers mean (`problem_of`, `Answer`) is the same code.

Every request may be sent again: its lease token names its effect.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

import httpx2
from pydantic import BaseModel

from studyhall import tracing
from studyhall.errors import RateLimited, RequestTimeout, StudyhallError, Unavailable, Unreachable
from studyhall.transport import ANSWER_S, BASE_S, CAP_S, MAX_ANSWER_BYTES, Answer, check_version, path_of, problem_of
from studyhall.trial import Trial
from studyhall.wire.claims import (
    Claim,
    Claimed,
    Complete,
    Completed,
    Fail,
    Heartbeat,
    Infeasible,
    Release,
    Report,
    Told,
)
from studyhall.wire.fleet import RegisterWorker, Worker
from studyhall.wire.outputs import Artifact, LogKept, SendLog
from studyhall.wire.results import Best
from studyhall.words import Word

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")
logger = logging.getLogger(__name__)

UPLOAD_S: Final = 600.0
"""For one artifact."""
TEMPORARY: Final = (Unavailable, RateLimited, RequestTimeout)
"""Another try may not meet these."""


class NothingNow(Exception):
    """There is no trial to claim at the moment.

    Args:
        retry_after_s: when to ask again, if the server said.
        is_pending: whether trials for this worker are on their way: an engine computes them, or they wait out a pause.
    """

    def __init__(self, retry_after_s: float | None, *, is_pending: bool) -> None:
        self.retry_after_s, self.is_pending = retry_after_s, is_pending
        super().__init__("nothing to claim")


class Server:
    """One server, as a worker sees it. Each method sends one request once, and raises what went wrong.

    The first answer raises Incompatible where server and worker are of versions that do not fit together.

    Args:
        key: sent as a bearer; never given to a trial.
        transport: any httpx2 transport; tests pass an in-process one.
    """

    def __init__(self, url: str, key: str | None, *, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self.url = url.rstrip("/")
        self.is_away = False
        """Whether the last request found nobody."""
        self._knows_version = False
        headers = {"Accept": "application/json", "User-Agent": "studyhall-worker/1"}
        host = httpx2.URL(self.url).host
        self._http = httpx2.AsyncClient(
            base_url=self.url,
            headers=headers | ({"Authorization": f"Bearer {key}"} if key else {}),
            transport=transport,
            follow_redirects=False,
            trust_env=host not in ("localhost", "127.0.0.1", "::1"),
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=32, keepalive_expiry=60),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def register(self, worker: RegisterWorker) -> Worker:
        """Says who this is and what it can run."""
        return (await self._post(path_of("workers"), worker)).read(Worker)

    async def claim(self, claim: Claim) -> Claimed:
        """Asks for trials.

        Raises:
            NothingNow: there is none at the moment.
        """
        answer = await self._post(path_of("claims"), claim, wait_s=claim.wait_s)
        if answer.status == 204:
            raise NothingNow(answer.retry_after_s, is_pending=answer.headers.get("x-pending-trials", "0") != "0")
        return answer.read(Claimed)

    async def best(self, study: str) -> tuple[Trial, ...]:
        """The best trial of a study, or the Pareto front of several objectives."""
        request = self._http.build_request("GET", path_of("studies", study, "best"), timeout=ANSWER_S)
        return (await self._send(request)).read(Best).trials

    async def report(self, trial: str, report: Report) -> Told:
        """Tells measurements of a running trial."""
        return (await self._post(path_of("trials", trial, "measurements"), report)).read(Told)

    async def heartbeat(self, trial: str, heartbeat: Heartbeat) -> Told:
        """Renews a lease and hears of directives."""
        path = path_of("trials", trial, "heartbeat")
        return (await self._post(path, heartbeat, wait_s=heartbeat.wait_s)).read(Told)

    async def send_log(self, trial: str, piece: SendLog) -> LogKept:
        """Sends a piece of what an attempt prints."""
        return (await self._post(path_of("trials", trial, "logs"), piece)).read(LogKept)

    async def send_artifact(self, trial: str, held: tuple[int, str], name: str, path: Path) -> Artifact:
        """Sends a file that an attempt keeps.

        Args:
            held: the attempt, and the token of its lease.
        """
        attempt, token = held
        request = self._http.build_request(
            "POST",
            path_of("trials", trial, "artifacts"),
            params={"name": name, "attempt": attempt},
            headers={"Content-Type": "application/octet-stream", "X-Lease-Token": token},
            content=_pieces_of(path),
            timeout=httpx2.Timeout(UPLOAD_S, connect=10.0),
        )
        return (await self._send(request)).read(Artifact)

    async def end(self, trial: str, ending: Complete | Infeasible | Fail | Release) -> Claimed | None:
        """Ends a trial; answers the next one if the ending claims it and there is one."""
        answer = await self._post(path_of("trials", trial, _VERBS[type(ending)]), ending)
        return answer.read(Completed).claimed if isinstance(ending, Complete) else None

    async def _post(self, path: str, body: Word, *, wait_s: float = 0.0) -> Answer:
        timeout = httpx2.Timeout(ANSWER_S + wait_s, connect=10.0)
        headers = {"Content-Type": "application/json"}
        if (traceparent := tracing.current()) is not None:
            headers[tracing.HEADER] = traceparent
        request = self._http.build_request(
            "POST", path, content=body.to_json().encode(), headers=headers, timeout=timeout
        )
        return await self._send(request)

    async def _send(self, request: httpx2.Request) -> Answer:
        try:
            response = await self._http.send(request, stream=True)
            try:
                content = await _limited(response)
            finally:
                await response.aclose()
        except httpx2.HTTPError as error:
            reason = str(error) or type(error).__name__
            unreachable = Unreachable(f"the server at {self.url} cannot be reached: {reason}")
            self._note(unreachable)
            raise unreachable from error
        self._note(None)
        self._check_version(response.headers.get("x-studyhall-version"))
        if response.is_success:
            return Answer(response.status_code, response.headers, content)
        raise problem_of(response.status_code, response.headers, content)

    def _check_version(self, there: str | None) -> None:
        if not self._knows_version and there is not None:
            check_version(there)
            self._knows_version = True  # once: what runs already is not given up for a server that was replaced

    def _note(self, trouble: Unreachable | None) -> None:
        """Logs once that the server is away, and once that it is back."""
        if trouble is not None and not self.is_away:
            logger.warning("%s; trying again until it answers", trouble)
        elif trouble is None and self.is_away:
            logger.info("the server at %s is back", self.url)
        self.is_away = trouble is not None


_VERBS: Final[dict[type[Word], str]] = {
    Complete: "complete",
    Infeasible: "infeasible",
    Fail: "fail",
    Release: "release",
}


async def _pieces_of(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, 1 << 20):
            yield piece


async def _limited(response: httpx2.Response) -> bytes:
    found = bytearray()
    async for piece in response.aiter_bytes():
        found += piece
        if len(found) > MAX_ANSWER_BYTES:
            raise httpx2.RemoteProtocolError("the answer is too large")
    return bytes(found)


class Patience:
    """Pauses between tries: full jitter on a growing range (Brooker, AWS 2015), on top of what the server asks for.

    Args:
        chance: in [0, 1).
    """

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        self._chance = chance
        self._tries = 0

    async def pause(self, error: StudyhallError) -> None:
        """Waits before the next try."""
        longest_s = min(CAP_S, BASE_S * 2.0 ** min(self._tries, 30))
        self._tries += 1
        await asyncio.sleep((error.retry_after_s or 0.0) + self._chance() * longest_s)


async def insist(request: Callable[[], Awaitable[T]], *, patience: Patience | None = None) -> T:
    """Sends until the server answers, however long it is away; cancel it to give up.

    Raises:
        StudyhallError: an answer that another try would not change.
    """
    patience = patience or Patience()
    while True:
        try:
            return await request()
        except TEMPORARY as error:
            await patience.pause(error)
