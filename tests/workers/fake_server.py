"""A server in memory that speaks the wire and keeps the rules of a lease, for workers under test.

It holds a queue of trials, hands them out, and remembers what it is told. A test can take a lease away, ask for a stop,
or let the server be away. The real server's own tests hold its rules; `test_worker_and_server.py` holds the two
together.
"""

import asyncio
import contextlib
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx2

from studyhall.study import Objective, Task
from studyhall.trial import Measurement, Trial, TrialState
from studyhall.wire.claims import (
    Claim,
    Claimed,
    ClaimedTrial,
    Complete,
    Completed,
    Fail,
    Heartbeat,
    Infeasible,
    Lease,
    Release,
    Report,
    StudyBrief,
    Told,
)
from studyhall.wire.fleet import RegisterWorker
from studyhall.wire.outputs import Artifact, LogKept, SendLog
from studyhall.wire.results import Best

WHEN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Held:
    """A trial and what became of it."""

    number: int
    task: Task
    parameters: dict[str, Any]
    parent: int | None = None
    attempt: int = 0
    token: str | None = None
    state: str = "waiting"
    stop: str | None = None
    give_back: str | None = None
    ending: Complete | Infeasible | Fail | Release | None = None
    measurements: dict[int, Measurement] = field(default_factory=dict)
    heartbeats: int = 0
    log: str = ""
    artifacts: dict[str, bytes] = field(default_factory=dict)

    @property
    def steps(self) -> list[int]:
        """The steps reported by the current attempt."""
        return sorted(self.measurements)

    def hear(self, measurements: Iterable[Measurement]) -> None:
        """Keeps measurements; more metrics of a known step are added to it."""
        for each in measurements:
            known = self.measurements.get(each.step)
            self.measurements[each.step] = (
                each if known is None else each.model_copy(update={"metrics": {**known.metrics, **each.metrics}})
            )

    @property
    def id(self) -> str:
        """As in the API."""
        return f"tr_{self.number}"


class FakeServer:
    """Use `transport` as a worker's transport."""

    def __init__(
        self, *, lease_s: float = 30.0, objectives: tuple[str, ...] = ("loss",), long_poll: bool = True
    ) -> None:
        self.trials: list[Held] = []
        self.best: list[Held] = []
        self.workers: list[RegisterWorker] = []
        self.requests: list[str] = []
        self._is_away = False
        self.lease_s, self._long_poll = lease_s, long_poll
        self.pending = 0
        """How many trials it says are on their way."""
        self.objectives = tuple(Objective(metric=name) for name in objectives)
        self._news = asyncio.Event()
        self.transport = httpx2.MockTransport(self._answer)

    @property
    def is_away(self) -> bool:
        """Whether nobody answers; setting it breaks every request that waits."""
        return self._is_away

    @is_away.setter
    def is_away(self, value: bool) -> None:
        self._is_away = value
        self._tell_news()

    def add(self, task: Task | dict[str, Any], *, parent: int | None = None, **parameters: Any) -> Held:
        """Queues a trial."""
        task = task if isinstance(task, Task) else Task.model_validate_json(json.dumps(task))
        trial = Held(len(self.trials), task, parameters, parent)
        self.trials.append(trial)
        self._tell_news()
        return trial

    def ask_to_stop(self, trial: Held, reason: str = "enough") -> None:
        """A person's request."""
        trial.stop = reason
        self._tell_news()

    def pause(self, trial: Held) -> None:
        """A person wants the trial saved and given back."""
        trial.give_back = "the study is paused"
        self._tell_news()

    def resume(self, trial: Held) -> None:
        """And then that it goes on."""
        trial.give_back, trial.ending = None, None
        self._tell_news()

    def take_away(self, trial: Held) -> None:
        """What the sweeper does, and another worker's claim after it."""
        trial.attempt, trial.token, trial.state = trial.attempt + 1, "somebody-elses-token", "running"
        self._tell_news()

    async def until(self, fact: Any, timeout_s: float = 30.0) -> None:
        """Waits until something is true of the server."""
        async with asyncio.timeout(timeout_s):
            while not fact():
                self._news.clear()
                await self._news.wait()

    async def ended(self, trial: Held) -> Any:
        """Waits for a trial's ending and answers it."""
        await self.until(lambda: trial.ending is not None)
        return trial.ending

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        self.requests.append(path)
        try:
            if self.is_away:
                raise httpx2.ConnectError("nobody is there")
            if path.endswith("/artifacts"):
                return await self._take_artifact(request)
            if path == "/v1/studies/st_1/best":
                return httpx2.Response(200, text=Best(trials=tuple(self._trial(each) for each in self.best)).to_json())
            return await self._route(path, request.content)
        finally:
            self._tell_news()

    async def _route(self, path: str, body: bytes) -> httpx2.Response:
        if path == "/v1/workers":
            self.workers.append(RegisterWorker.model_validate_json(body))
            return httpx2.Response(201, text=_worker(self.workers[-1]))
        if path == "/v1/claims":
            return await self._claim(Claim.model_validate_json(body))
        found = re.fullmatch(r"/v1/trials/tr_(\d+)/(\w+)", path)
        assert found, path
        trial, verb = self.trials[int(found[1])], found[2]
        kind = _KINDS[verb].model_validate_json(body)
        if isinstance(kind, SendLog):
            return _take_log(trial, kind)
        if (refusal := _refusal(trial, kind)) is not None:
            return refusal
        if isinstance(kind, Heartbeat):
            trial.heartbeats += 1
            await self._wait(lambda: trial.stop or trial.give_back or _refusal(trial, kind), kind.wait_s)
            return _refusal(trial, kind) or self._told(trial)
        if isinstance(kind, Report):
            trial.hear(kind.measurements)
            return self._told(trial)
        return self._end(trial, kind)

    async def _take_artifact(self, request: httpx2.Request) -> httpx2.Response:
        trial, name = self.trials[int(request.url.path.split("/")[3][3:])], request.url.params["name"]
        assert request.headers["X-Lease-Token"] == trial.token
        trial.artifacts[name] = content = await request.aread()
        sha256 = hashlib.sha256(content).hexdigest()
        artifact = Artifact(name=name, attempt=trial.attempt, sha256=sha256, size=len(content), created_at=WHEN)
        return httpx2.Response(201, text=artifact.to_json())

    def _end(self, trial: Held, ending: Any) -> httpx2.Response:
        if isinstance(ending, Release):
            trial.state, trial.token = "waiting", None
        else:
            trial.state = "completed"
        trial.ending = ending
        if not isinstance(ending, Complete):
            return httpx2.Response(200, text=self._trial(trial).to_json())
        trial.hear(ending.measurements)
        claimed = None
        if ending.claim is not None and (given := self._hand_out(ending.claim.token)):
            claimed = Claimed(trials=(given,))
        return httpx2.Response(200, text=Completed(trial=self._trial(trial), claimed=claimed).to_json())

    async def _claim(self, claim: Claim) -> httpx2.Response:
        await self._wait(lambda: any(_is_for(trial, claim.token) for trial in self.trials), claim.wait_s)
        given = self._hand_out(claim.token)
        if given is None:
            return httpx2.Response(204, headers=self._nothing_now)
        return httpx2.Response(200, text=Claimed(trials=(given,)).to_json())

    @property
    def _nothing_now(self) -> dict[str, str]:
        return {"Retry-After": "0", "X-Study-State": "active", "X-Pending-Trials": str(self.pending)}

    def _hand_out(self, token: str) -> ClaimedTrial | None:
        for trial in self.trials:
            if trial.state == "waiting" and trial.ending is None:
                trial.attempt, trial.token, trial.state = trial.attempt + 1, token, "running"
            if trial.token == token and trial.state == "running":
                brief = StudyBrief(id="st_1", name="study", objectives=self.objectives, seed=7, task=trial.task)
                return ClaimedTrial(trial=self._trial(trial), attempt=trial.attempt, lease=self._lease(), study=brief)
        return None

    async def _wait(self, fact: Any, seconds: float) -> None:
        if not self._long_poll:
            return
        with contextlib.suppress(TimeoutError):
            await self.until(lambda: self.is_away or fact(), seconds)
        if self.is_away:
            raise httpx2.ReadError("nobody is there any more")

    def _lease(self) -> Lease:
        return Lease(expires_in_s=self.lease_s, heartbeat_s=self.lease_s / 3)

    def _told(self, trial: Held) -> httpx2.Response:
        told = Told(
            directive="stop" if trial.stop else "continue",
            reason=trial.stop,
            give_back=trial.give_back,
            lease=self._lease(),
        )
        return httpx2.Response(200, text=told.to_json())

    def _trial(self, trial: Held) -> Trial:
        return Trial(
            id=trial.id,
            study="st_1",
            number=trial.number,
            state=TrialState(trial.state),
            parameters=trial.parameters,
            attempt=trial.attempt,
            parent=trial.parent,
            metrics=trial.ending.metrics if isinstance(trial.ending, Complete) else {},
            source="queue",
            sequence=1,
            created_at=WHEN,
        )

    def _tell_news(self) -> None:
        self._news.set()


def _is_for(trial: Held, token: str) -> bool:
    return trial.state == "waiting" or (trial.token == token and trial.state == "running")


def _refusal(trial: Held, told: Any) -> httpx2.Response | None:
    if trial.token == told.token and trial.attempt == told.attempt and trial.state == "running":
        return None
    problem = {"type": "p", "title": "stale", "status": 409, "detail": "not yours any more", "code": "stale-lease"}
    return httpx2.Response(409, json=problem)


def _take_log(trial: Held, piece: SendLog) -> httpx2.Response:
    if trial.attempt == piece.attempt and piece.start == len(trial.log):
        trial.log += piece.text
    return httpx2.Response(200, text=LogKept(next=len(trial.log)).to_json())


def _worker(worker: RegisterWorker) -> str:
    return json.dumps(
        {
            "name": worker.name,
            "version": worker.version,
            "state": "online",
            "capabilities": worker.capabilities.to_dict(),
            "first_seen_at": "2026-01-01T00:00:00Z",
            "last_seen_at": "2026-01-01T00:00:00Z",
        }
    )


_KINDS: dict[str, Any] = {
    "logs": SendLog,
    "measurements": Report,
    "heartbeat": Heartbeat,
    "complete": Complete,
    "infeasible": Infeasible,
    "fail": Fail,
    "release": Release,
}
