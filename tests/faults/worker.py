"""Simulated workers: one process, several workers, raw HTTP, a ledger line before and after everything they say.

    python -m tests.faults.worker '{"port": …, "key": …, "socket": …, "workers": 4, "seed": 1, "study": "…", …}'

SIGUSR1: no new studies; each worker stays until the study it is in has ended. SIGKILL and SIGSTOP come from outside.
"""

import asyncio
import json
import os
import random
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from tests.faults.connection import Answer, Connection
from tests.faults.ledger import Ledger

RETRIED = frozenset({408, 429, 503})


@dataclass(frozen=True)
class Plan:
    """What the workers of one process do."""

    ports: tuple[int, ...]
    key: str
    socket: str
    study: str
    workers: int = 4
    seed: int = 0
    lease_s: float = 3.0
    trial_s: tuple[float, float] = (0.05, 0.5)
    max_trials: int = 40
    parallelism: int = 10
    patience_s: float = 60.0
    abandons: float = 0.0
    """How often a worker gives up on a reply after its first try, for ever."""
    poison: int | None = None
    """The number of a trial that kills whatever process takes it."""
    retries: int = 20
    heartbeats: bool = True
    fragile_heartbeat: bool = False
    """Seeded defect: the heartbeat ends with its first error."""
    shared_token: bool = False
    """Seeded defect: the token is the host's name."""
    algorithm: str = "random"
    endings: tuple[str, ...] = field(
        default=("complete",) * 14 + ("pruned", "infeasible", "user_error", "killed", "release", "queue")
    )


class Refused(Exception):
    """The server said no; a trial that is not ours any more is dropped."""


class Unknown(Exception):
    """No answer was had; what was said may have been done or not."""


class Worker:
    """Claims, reports, ends, and claims again."""

    def __init__(self, plan: Plan, ledger: Ledger, name: str, rng: random.Random) -> None:
        self.plan, self.ledger, self.name, self.rng = plan, ledger, name, rng
        self.connections = [Connection("127.0.0.1", port, plan.key) for port in plan.ports]
        self.number = 0
        self.is_ending = False

    async def run(self) -> None:
        """Works through one study after the other, until there is to be no next one."""
        while not self.is_ending:
            try:
                await self.say("create", "POST", "/v1/studies", self.definition(), key=f"create-{self.study}")
                await self.work_through()
            except (Refused, Unknown):
                await asyncio.sleep(0.2)
                continue
            self.number += 1

    @property
    def study(self) -> str:
        return f"{self.plan.study}-{self.number}"

    def definition(self) -> dict[str, Any]:
        return {
            "name": self.study,
            "space": {
                "parameters": [
                    {"name": "x", "type": "float", "low": 0.0, "high": 1.0},
                    {"name": "lr", "type": "float", "low": 1e-5, "high": 0.1, "scale": "log"},
                    {"name": "layers", "type": "int", "low": 1, "high": 8},
                    {"name": "act", "type": "categorical", "choices": ["relu", "tanh", "gelu"]},
                ]
            },
            "objectives": [{"metric": "loss"}],
            "algorithm": {"name": self.plan.algorithm, "seed": 7},
            "budget": {"max_trials": self.plan.max_trials},
            "parallelism": self.plan.parallelism,
            "retry": {"infrastructure": self.plan.retries},
            "if_exists": "get",
        }

    async def work_through(self) -> None:
        """One study, to its end."""
        held: dict[str, Any] | None = None
        while True:
            held = held or await self.claim()
            if held is None:
                return
            try:
                held = await self.work(held)
            except (Refused, Unknown):
                held = None

    async def claim(self) -> dict[str, Any] | None:
        """The next trial; None once the study has ended."""
        while True:
            token = f"host-{os.uname().nodename}-token-0000"[:40] if self.plan.shared_token else uuid4().hex
            body = {
                "token": token,
                "worker": self.name,
                "study": self.study,
                "lease_s": self.plan.lease_s,
                "wait_s": 0.5,
            }
            answer = await self.say("claim", "POST", "/v1/claims", body)
            if answer.status == 200:
                return {"token": token} | claimed(answer.json())
            if answer.headers.get("x-study-state") in ("completed", "failed"):
                return None

    async def work(self, held: dict[str, Any]) -> dict[str, Any] | None:
        """One attempt, from its first report to its end; gives what was claimed with its last word."""
        beating = asyncio.create_task(self.beat(held)) if self.plan.heartbeats else None
        try:
            seconds = self.rng.uniform(*self.plan.trial_s)
            for step in range(3):
                await asyncio.sleep(seconds / 3)
                if held["number"] == self.plan.poison:
                    os.kill(os.getpid(), signal.SIGKILL)
                point = {"step": step, "metrics": {"loss": self.value()}}
                told = await self.tell("report", held, "measurements", {"measurements": [point]})
                if told.json()["directive"] == "stop":
                    break
            return await self.end(held)
        finally:
            if beating is not None:
                beating.cancel()

    async def beat(self, held: dict[str, Any]) -> None:
        """Renews the lease three times as often as needed, through any error; on a connection of its own."""
        line = Connection("127.0.0.1", self.connections[0].port, self.plan.key)
        ports = list(self.plan.ports)
        body = {"attempt": held["attempt"], "token": held["token"]}
        while True:
            await asyncio.sleep(self.plan.lease_s / 9)
            try:
                answer = await line.ask("POST", f"/v1/trials/{held['trial']}/heartbeat", body, timeout_s=1.0)
                if answer.status == 409:
                    return
            except (OSError, TimeoutError):
                if self.plan.fragile_heartbeat:
                    return
                line.port = ports[(ports.index(line.port) + 1) % len(ports)]

    async def end(self, held: dict[str, Any]) -> dict[str, Any] | None:
        """One of the ways a trial ends."""
        match self.rng.choice(self.plan.endings):
            case "infeasible":
                await self.tell("infeasible", held, "infeasible", {"reason": "not finite"})
            case "release":
                await self.tell("release", held, "release", {})
            case "user_error" | "killed" as kind:
                await self.tell(kind, held, "fail", {"kind": kind, "message": "simulated"})
            case "queue":
                await self.queue()
                return await self.complete(held, pruned=False)
            case ending:
                return await self.complete(held, pruned=ending == "pruned")
        return None

    async def complete(self, held: dict[str, Any], *, pruned: bool) -> dict[str, Any] | None:
        body: dict[str, Any] = {"metrics": {"loss": self.value()}, "pruned": pruned}
        token = uuid4().hex
        if self.rng.random() < 0.3:
            body["claim"] = {"token": token, "lease_s": self.plan.lease_s}
            body["measurements"] = [{"step": 3, "metrics": {"loss": self.value()}}]
        answer = (await self.tell("pruned" if pruned else "complete", held, "complete", body)).json()
        return {"token": token} | claimed(answer["claimed"]) if answer.get("claimed") else None

    async def queue(self) -> None:
        """A person queues a trial; the label tells how often it was done."""
        key = uuid4().hex
        item = {"parameters": {"x": 0.5}, "labels": {"queued": key}}
        with suppress(Refused):  # the budget may be spent
            await self.say("queue", "POST", f"/v1/studies/{self.study}/trials", {"trials": [item]}, key=key)

    async def tell(self, kind: str, held: dict[str, Any], verb: str, body: dict[str, Any]) -> Answer:
        """A word about a trial that we hold."""
        body |= {"attempt": held["attempt"], "token": held["token"]}
        return await self.say(kind, "POST", f"/v1/trials/{held['trial']}/{verb}", body, trial=held["trial"])

    async def say(
        self, kind: str, method: str, path: str, body: Any, *, key: str | None = None, **facts: Any
    ) -> Answer:
        """Says one thing until it is answered, and writes both down.

        Raises:
            Refused: the answer is no.
            Unknown: no answer within the worker's patience.
        """
        op = uuid4().hex
        await self.ledger.write(op=op, intent=kind, path=path, body=body, key=key, worker=self.name, **facts)
        headers = {"Idempotency-Key": key} if key else {}
        deadline = asyncio.get_running_loop().time() + self.plan.patience_s
        tries, pause = 0, 0.05
        gives_up = self.rng.random() < self.plan.abandons
        while asyncio.get_running_loop().time() < deadline and not (gives_up and tries):
            line = self.connections[tries % len(self.connections)]
            tries += 1
            try:
                answer = await line.ask(method, path, body, headers=headers, timeout_s=3.0)
            except (OSError, TimeoutError, ValueError):
                answer = None
            if answer is not None and answer.status not in RETRIED:
                return await self.answered(op, kind, answer)
            if answer is not None:
                await self.ledger.write(op=op, later=answer.status, retry_after=answer.headers.get("retry-after"))
            await asyncio.sleep(self.rng.uniform(0.5, 1.0) * pause)
            pause = min(0.4, pause * 2)
        await self.ledger.write(op=op, outcome="unknown")
        raise Unknown(kind)

    async def answered(self, op: str, kind: str, answer: Answer) -> Answer:
        told = {} if answer.status == 204 else answer.json()
        if answer.status < 300:
            await self.ledger.write(op=op, outcome="acked", kind=kind, answer=told)
            return answer
        await self.ledger.write(op=op, outcome="refused", status=answer.status, code=told.get("code"), answer=told)
        raise Refused(told.get("code"))

    def value(self) -> float:
        """A value that nobody else says: the full width of a double."""
        return self.rng.random() * 10.0 ** self.rng.randint(-3, 3)


def claimed(answer: dict[str, Any]) -> dict[str, Any]:
    """What a worker keeps of a claim's answer."""
    (first,) = answer["trials"]
    return {"trial": first["trial"]["id"], "attempt": first["attempt"], "number": first["trial"]["number"]}


async def main(plan: Plan) -> None:
    """Runs the workers until all of them have ended."""
    ledger = Ledger()
    await ledger.open(plan.socket)
    workers = [
        Worker(plan, ledger, f"w{os.getpid()}-{n}", random.Random(f"{plan.seed}/{n}")) for n in range(plan.workers)
    ]

    def end(*_: Any) -> None:
        for worker in workers:
            worker.is_ending = True

    signal.signal(signal.SIGUSR1, end)
    print("ready", flush=True)  # noqa: T201  # from here on the signal is understood
    await asyncio.gather(*(worker.run() for worker in workers))


if __name__ == "__main__":
    given: dict[str, Any] = json.loads(sys.argv[1])
    plan: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in given.items()}
    asyncio.run(main(Plan(**plan)))
