"""Any order of requests, lost replies, clocks and restarts: the services do what the model says.

Requests are held back at random and sent as one batch, so that the unit of work is tried with company. After every
step the invariants of docs/reliability.md are checked on the stored rows alone, and the rows against the model.

`MACHINE_EXAMPLES` and `MACHINE_STEPS` make it longer; CI keeps to about twenty seconds a database.
"""

import asyncio
import json
import os
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import astuple
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine
from pydantic import BaseModel
from sqlalchemy import select

from app.services.archiving import empty_graves
from app.services.claiming import answer, claim_trials, touches
from app.services.once import Once, Replay, do_once
from app.services.principal import Principal
from app.services.studies import create_study, delete_study, patch_study, pause_study, resume_study, stop_study
from app.services.sweeping import Watch, sweep
from app.services.telling import complete, fail_trial, heartbeat, infeasible, release, report
from app.services.telling import touches as touches_of_tell
from app.services.trials import cancel_trial, patch_trial, queue_trials, retry_trial, stop_trial
from app.storage import tables
from app.storage.prefetch import NOTHING, Touches
from app.storage.rows import AttemptRow, StudyRow, TrialRow, WorkerRow
from app.storage.transaction import Transaction
from app.storage.writer import Work
from studyhall.errors import StudyhallError
from studyhall.study import Budget
from studyhall.trial import Measurement
from studyhall.wire.claims import Capabilities, Claim, Complete, Fail, Heartbeat, Infeasible, NextClaim, Release, Report
from studyhall.wire.studies import CreateStudy, PatchStudy, PatchTrial, QueueTrial, QueueTrials, StopStudy
from tests.databases import SPACE, House
from tests.services.model import FINAL, Lease, Model, Study

PROJECTS = ("ours", "theirs")
MOSTLY_OURS = st.sampled_from(["ours", "ours", "ours", "theirs"])
COMMAND = ("true",)
# Ties, signs of zero, the ends of the range, and anything between.
METRIC = st.sampled_from([0.0, -0.0, 0.5, 1.0, 5e-324, -1e308, 1.7976931348623157e308]) | st.floats(
    allow_nan=False, allow_infinity=False
)
MOVES = FINAL | {"started", "resumed", "lost", "released", "retried"}
TOKENS = st.integers(0, 2**64).map(lambda n: f"token-{n:020d}")
TABLES = {
    StudyRow: tables.studies,
    TrialRow: tables.trials,
    AttemptRow: tables.attempts,
    WorkerRow: tables.workers,
}
LEASES_S = st.sampled_from([1.0, 30.0, 60.0])


class Machine(RuleBasedStateMachine):
    """Two projects, a handful of studies, workers that come and go."""

    studies = Bundle("studies")
    leases = Bundle("leases")

    url: str

    def __init__(self) -> None:
        super().__init__()
        self.house = House(self.url)
        self.run = uuid4().hex[:8]
        self.model = Model(self.house.clock.now)
        self.house.watch = Watch(self.model.monotonic, self.model.monotonic)
        self.batch: list[tuple[Work, Any, Callable[[Any], Any]]] = []
        self.checked: dict[str, int] = {}
        self.ended: set[str] = set()
        self.made = 0
        self.made = 0
        self.holders: dict[tuple[str, int], str] = {}
        self.first = self.create(
            project="ours", name="first", task=True, objectives=1, max_trials=8, max_failed=None, aim=None,
            parallelism=3, infrastructure=2, user_error=1,
        )  # fmt: skip

    # --- studies ---------------------------------------------------------------------------

    @initialize(target=studies)
    def first_study(self) -> Any:
        """Something to work on from the first step."""
        return self.first

    @initialize(target=leases)
    def first_claim(self) -> Any:
        token = "token-of-the-first-claim"
        return multiple(*self.leases_of(self.send_claim("ours", self.first, token, 3, 30.0, wait=False), token))

    @rule(
        target=studies,
        project=MOSTLY_OURS,
        name=st.sampled_from("ab"),
        task=st.booleans(),
        objectives=st.sampled_from([1, 1, 2]),
        max_trials=st.none() | st.integers(1, 8),
        max_failed=st.none() | st.integers(1, 3),
        aim=st.none() | st.just(0.25),
        parallelism=st.none() | st.integers(1, 3),
        infrastructure=st.integers(0, 2),
        user_error=st.integers(0, 1),
    )
    def make(self, **fields: Any) -> Any:
        return self.create(**fields)

    def create(self, **fields: Any) -> Any:
        self.deliver()
        self.tick()
        study = Study(created_at=self.model.now, **fields)
        self.made += 1
        expected = self.model.create(f"{study.project}/{self.made}", study)
        body = {
            "name": f"{study.name}-{self.run}",
            "space": SPACE,
            "objectives": [{"metric": "loss", "target": study.aim}, {"metric": "cost"}][: study.objectives],
            "algorithm": {"name": "random", "seed": 1},
            "budget": {"max_trials": study.max_trials, "max_failed": study.max_failed},
            "parallelism": study.parallelism,
            "retry": {"infrastructure": study.infrastructure, "user_error": study.user_error},
            "task": {"command": COMMAND} if study.task else None,
        }
        request = CreateStudy.model_validate_json(json.dumps(body))

        def keep(made: tuple[Any, bool]) -> str:
            study.id = made[0].id
            return str(expected)

        self.send(study.project, create_study, request, expected=expected, seen=keep)
        self.deliver()
        return expected if isinstance(expected, str) else multiple()

    @rule(key=studies, by=MOSTLY_OURS, force=st.booleans())
    def delete(self, key: str, by: str, force: bool) -> None:
        self.deliver()
        study_id = self.id_of(key)
        expected = self.model.delete(by, key, force=force)
        self.send(by, partial(delete_study, force=force), study_id, expected=expected)

    @rule(key=studies, by=MOSTLY_OURS, wait=st.booleans())
    def pause(self, key: str, by: str, wait: bool) -> None:
        self.send(by, pause_study, self.id_of(key), expected=self.model.pause(by, key), seen=state_of, wait=wait)

    @rule(key=studies, by=MOSTLY_OURS, wait=st.booleans())
    def resume(self, key: str, by: str, wait: bool) -> None:
        self.send(by, resume_study, self.id_of(key), expected=self.model.resume(by, key), seen=state_of, wait=wait)

    @rule(key=studies, mode=st.sampled_from(["drain", "graceful", "kill"]), wait=st.booleans())
    def stop(self, key: str, mode: Any, wait: bool) -> None:
        by, request = key.split("/")[0], StopStudy(mode=mode)
        expected = self.model.stop_study(by, key, mode)
        self.send(by, stop_study, self.id_of(key), request, expected=expected, seen=state_of, wait=wait)

    @rule(key=studies, max_trials=st.integers(1, 12), wait=st.booleans())
    def raise_budget(self, key: str, max_trials: int, wait: bool) -> None:
        by = key.split("/")[0]
        known = self.model.studies.get(key)
        patch = PatchStudy(budget=Budget(max_trials=max_trials, max_failed=known.max_failed if known else None))
        expected = self.model.raise_budget(by, key, max_trials)
        self.send(by, patch_study, self.id_of(key), patch, expected=expected, seen=state_of, wait=wait)

    # --- trials, as people move them -----------------------------------------------------------

    @rule(key=studies, by=MOSTLY_OURS, count=st.integers(1, 3), lost_reply=st.booleans(), wait=st.booleans())
    def queue(self, key: str, by: str, count: int, lost_reply: bool, wait: bool) -> None:
        expected = self.model.queue(by, key, count)
        request = QueueTrials(trials=(QueueTrial(parameters={"x": 0.5}),) * count)
        once = Once("key", f"/{key}", uuid4().hex, "sha")

        def verb(tx: Transaction, principal: Principal, study: str, request: QueueTrials) -> Any:
            done = do_once(
                tx, once, lambda tx: (Answered(numbers=numbers_of(queue_trials(tx, principal, study, request))), 201)
            )
            return Answered.model_validate_json(done.body).numbers if isinstance(done, Replay) else done[0].numbers

        for _ in range(1 + lost_reply):
            self.send(by, verb, self.id_of(key), request, expected=expected, wait=wait)

    @rule(key=studies, loss=METRIC, cost=METRIC, wait=st.booleans())
    def record(self, key: str, loss: float, cost: float, wait: bool) -> None:
        by, metrics = key.split("/")[0], {"loss": loss, "cost": cost}
        item = QueueTrial(parameters={"x": 0.5, "kind": "a"}, state="completed", metrics=metrics)
        expected = self.model.record(by, key, metrics)
        self.send(
            by,
            queue_trials,
            self.id_of(key),
            QueueTrials(trials=(item,)),
            expected=expected,
            seen=numbers_of,
            wait=wait,
        )

    @rule(lease=leases, by=MOSTLY_OURS, wait=st.booleans())
    def stop_trial(self, lease: Lease, by: str, wait: bool) -> None:
        trial = self.trial_id(lease)
        expected = self.model.stop_trial(by, lease.study, lease.number)
        self.send(by, stop_trial, trial, None, expected=expected, seen=state_of, wait=wait)

    @rule(lease=leases, by=MOSTLY_OURS, wait=st.booleans())
    def cancel(self, lease: Lease, by: str, wait: bool) -> None:
        trial = self.trial_id(lease)
        expected = self.model.cancel_trial(by, lease.study, lease.number)
        self.send(by, cancel_trial, trial, None, expected=expected, seen=state_of, wait=wait)

    @rule(lease=leases, by=MOSTLY_OURS, wait=st.booleans())
    def retry(self, lease: Lease, by: str, wait: bool) -> None:
        trial = self.trial_id(lease)
        expected = self.model.retry_trial(by, lease.study, lease.number)
        self.send(by, retry_trial, trial, expected=expected, seen=lambda trial: [trial.number], wait=wait)

    @rule(lease=leases, excluded=st.booleans(), wait=st.booleans())
    def exclude(self, lease: Lease, excluded: bool, wait: bool) -> None:
        by, trial = owner(lease), self.trial_id(lease)
        expected = self.model.exclude(by, lease.study, lease.number, excluded)
        patch = PatchTrial(excluded=excluded)
        self.send(by, patch_trial, trial, patch, expected=expected, seen=state_of, wait=wait)

    # --- workers -----------------------------------------------------------------------------

    @rule(
        target=leases,
        key=studies,
        anything=st.sampled_from([False, False, False, True]),
        token=TOKENS,
        count=st.integers(1, 3),
        lease_s=LEASES_S,
        lost_reply=st.booleans(),
        wait=st.booleans(),
    )
    def claim(
        self, key: str, anything: bool, token: str, count: int, lease_s: float, lost_reply: bool, wait: bool
    ) -> Any:
        handed: Any = []
        for _ in range(1 + lost_reply):
            handed = self.send_claim(key.split("/")[0], None if anything else key, token, count, lease_s, wait=wait)
        return multiple(*self.leases_of(handed, token))

    @rule(lease=leases, by=MOSTLY_OURS, wait=st.booleans())
    def claim_again(self, lease: Lease, by: str, wait: bool) -> None:
        self.send_claim(by, lease.study, lease.token, 1, 60.0, wait=wait)

    @rule(lease=leases, by=st.sampled_from([*PROJECTS, None, None]), wait=st.booleans())
    def heartbeat(self, lease: Lease, by: str | None, wait: bool) -> None:
        by, trial = by or owner(lease), self.trial_id(lease)
        expected = self.model.heartbeat(by, lease)
        self.send(by, heartbeat, trial, Heartbeat(**held(lease)), expected=expected, seen=directive_of, wait=wait)

    @rule(
        lease=leases,
        step=st.integers(0, 3),
        metrics=st.dictionaries(st.sampled_from(["loss", "cost"]), METRIC, min_size=1),
        lost_reply=st.booleans(),
        wait=st.booleans(),
    )
    def report(self, lease: Lease, step: int, metrics: dict[str, float], lost_reply: bool, wait: bool) -> None:
        by, trial = owner(lease), self.trial_id(lease)
        told = Report(**held(lease), measurements=(Measurement(step=step, metrics=metrics),))
        for _ in range(1 + lost_reply):
            expected = self.model.report(by, lease, step, metrics)
            self.send(by, report, trial, told, expected=expected, seen=directive_of, wait=wait)

    @rule(
        target=leases,
        lease=leases,
        by=st.sampled_from([*PROJECTS, None, None, None]),
        loss=METRIC,
        cost=METRIC,
        pruned=st.booleans(),
        next=st.none() | TOKENS,
        lost_reply=st.booleans(),
        wait=st.booleans(),
    )
    def complete(
        self,
        lease: Lease,
        by: str | None,
        loss: float,
        cost: float,
        pruned: bool,
        next: str | None,
        lost_reply: bool,
        wait: bool,
    ) -> Any:
        by, trial = by or owner(lease), self.trial_id(lease)
        metrics = {"loss": loss, "cost": cost}
        claim = None if next is None else NextClaim(token=next)
        told = Complete(**held(lease), metrics=metrics, pruned=pruned, claim=claim)
        expected: Any = None
        for _ in range(1 + lost_reply):
            expected = self.model.complete(by, lease, metrics, pruned=pruned, next=next)
            named = self.named(expected)
            self.send(by, complete, trial, told, expected=named, seen=ended_and_claimed, wait=wait)
        handed = expected[1] if isinstance(expected, tuple) and expected[1] else []
        return multiple(*self.leases_of(handed, next or ""))

    @rule(lease=leases, reason=st.sampled_from(["nan", "oom"]), lost_reply=st.booleans(), wait=st.booleans())
    def infeasible(self, lease: Lease, reason: str, lost_reply: bool, wait: bool) -> None:
        by, trial = owner(lease), self.trial_id(lease)
        told = Infeasible(**held(lease), reason=reason)
        for _ in range(1 + lost_reply):
            expected = self.model.infeasible(by, lease, reason)
            self.send(by, infeasible, trial, told, expected=expected, seen=state_of, wait=wait)

    @rule(
        lease=leases,
        kind=st.sampled_from(["user_error", "killed", "oom", "timeout"]),
        lost_reply=st.booleans(),
        wait=st.booleans(),
    )
    def fail(self, lease: Lease, kind: Any, lost_reply: bool, wait: bool) -> None:
        by, trial = owner(lease), self.trial_id(lease)
        told = Fail(**held(lease), kind=kind)
        for _ in range(1 + lost_reply):
            expected = self.model.fail(by, lease, kind)
            self.send(by, fail_trial, trial, told, expected=expected, seen=state_of, wait=wait)

    @rule(lease=leases, lost_reply=st.booleans(), wait=st.booleans())
    def release(self, lease: Lease, lost_reply: bool, wait: bool) -> None:
        by, trial = owner(lease), self.trial_id(lease)
        told = Release(**held(lease))
        for _ in range(1 + lost_reply):
            expected = self.model.release(by, lease)
            self.send(by, release, trial, told, expected=expected, seen=state_of, wait=wait)

    # --- time and accidents --------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.5, 6.0, 31.0, 61.0, 400.0]), sweeps=st.booleans())
    def pass_time(self, seconds: float, sweeps: bool) -> None:
        self.deliver()
        self.tick(seconds)
        if sweeps:
            self.sweep()

    @rule(seconds=st.sampled_from([-86_400.0, -40.0, 40.0, 3600.0]))
    def jump(self, seconds: float) -> None:
        """The wall clock alone."""
        self.deliver()
        self.house.clock.move(seconds)
        self.model.now = self.house.clock.now

    @rule()
    def sweep(self) -> None:
        self.deliver()
        self.tick()
        self.model.sweep()
        watch, monotonic = self.house.watch, self.model.monotonic
        self.house.database.writer.write_now(partial(sweep, watch=watch, monotonic=monotonic))

    @rule()
    def restart(self) -> None:
        """All memory is lost; the file stays."""
        self.deliver()
        self.house.database.close()
        clock = self.house.clock
        self.house = House(self.url)
        self.house.database.writer._clock = self.house.clock = clock
        self.house.watch = Watch(self.model.monotonic, self.model.monotonic)
        self.model.restart()

    @rule()
    def deliver(self) -> None:
        """Sends what was held back, as one batch of the writer."""
        batch, self.batch = self.batch, []
        gate = threading.Event()
        if len(batch) > 1:
            self.house.database.writer._put(Work(lambda _: gate.wait(), NOTHING, None, None))
        for work, _, _ in batch:
            self.house.database.writer._put(work)
        gate.set()
        for work, expected, seen in batch:
            assert work.done is not None
            assert work.done.wait(30)
            got = work.error or work.result
            if isinstance(got, StudyhallError):
                assert isinstance(expected, type), f"{got!r} where the model has {expected!r}"
                assert isinstance(got, expected), f"{got!r} where the model has {expected!r}"
            else:
                assert not isinstance(got, BaseException), f"{got!r} where the model has {expected!r}"
                assert seen(got) == expected, repr(got)

    def teardown(self) -> None:
        try:
            self.deliver()
            self.check()
            for study in self.model.studies.values():
                admin = Principal("admin", f"{study.project}-{self.run}", "admin")
                self.house.do(partial(delete_study, force=True), study.id, by=admin)
            asyncio.run(empty_graves(self.house.database))
        finally:
            self.house.database.close()

    # --- invariants ----------------------------------------------------------------------------

    @precondition(lambda self: not self.batch)
    @invariant()
    def what_the_writer_remembers_is_what_is_stored(self) -> None:
        for row in self.house.database.writer.memory or ():
            table = TABLES[type(row)]
            identity = [column == getattr(row, column.name) for column in table.primary_key]
            assert [tuple(each) for each in self.rows(select(table).where(*identity))] == [astuple(row)]

    @precondition(lambda self: not self.batch)
    @invariant()
    def check(self) -> None:
        t, e, m = tables.trials, tables.events, tables.measurements
        for key, study in self.model.studies.items():
            (row,) = self.rows(select(tables.studies).where(tables.studies.c.id == study.id))
            since = self.checked.get(study.id, 0)
            if row.sequence == since and row.state == study.state:
                continue
            self.learn_ids()
            trials = self.rows(select(t).where(t.c.study_id == study.id).order_by(t.c.number))
            self.check_events(
                self.rows(select(e).where(e.c.study_id == study.id, e.c.sequence > since).order_by(e.c.sequence))
            )
            self.check_counts(row, trials)
            self.check_results(study, row, trials)
            self.check_holders(trials)
            measured = self.rows(select(m).join(t).where(t.c.study_id == study.id))
            assert stored_curves(measured) == told_curves(study), key
            assert row.device_seconds == pytest.approx(study.device_seconds, abs=1e-3), key
            self.checked[study.id] = row.sequence

    def check_events(self, events: Any) -> None:
        """I2, I3: one final event a trial, and nothing leaves a final state."""
        for event in events:
            kind = event.kind.removeprefix("trial.")
            if event.trial_id is not None and kind in MOVES:
                assert event.trial_id not in self.ended, f"{event.kind} after the end"
                if kind in FINAL:
                    self.ended.add(event.trial_id)

    def check_counts(self, row: Any, trials: Any) -> None:
        """I5, I6: the budget, the parallelism, dense numbers, and counters that say what is there."""
        states = Counter(trial.state for trial in trials)
        assert {state: getattr(row, state) for state in ("waiting", "running", *FINAL)} == {
            state: states[state] for state in ("waiting", "running", *FINAL)
        }
        assert row.created == sum(trial.counted for trial in trials)
        assert row.max_trials is None or row.created <= row.max_trials
        assert row.parallelism is None or row.running <= row.parallelism
        assert [trial.number for trial in trials] == list(range(row.next_number))

    def check_results(self, study: Study, row: Any, trials: Any) -> None:
        """I1: what was acknowledged is stored, bit for bit; and the state is the model's."""
        assert row.state == study.state
        assert [(t.state, t.attempt, bool(t.stop_requested)) for t in trials] == [
            (t.state, t.attempt, t.stop) for t in study.trials
        ]
        assert [repr(json.loads(t.metrics or "{}")) for t in trials] == [repr(t.metrics) for t in study.trials]
        assert row.best_value == study.best_value
        assert {t.number for t in trials if t.on_front} == study.front

    def check_holders(self, trials: Any) -> None:
        """I6: an attempt is leased to one token for ever."""
        for trial in trials:
            if trial.token is not None and trial.attempt:
                assert self.holders.setdefault((trial.id, trial.attempt), trial.token) == trial.token
            assert (trial.expires_at is not None) == (trial.state == "running")

    # --- inside ------------------------------------------------------------------------------

    def tick(self, seconds: float = 0.001) -> None:
        self.house.clock.move(seconds)
        self.model.now = self.house.clock.now
        self.model.monotonic += seconds

    def send(
        self,
        project: str,
        verb: Callable[..., Any],
        *args: Any,
        expected: Any,
        seen: Callable[[Any], Any] = lambda got: got,
        wait: bool = False,
    ) -> None:
        principal = Principal("key", f"{project}-{self.run}", "admin")
        work = Work(
            lambda tx: verb(tx, principal, *args), touches_of(principal, args), None, None, done=threading.Event()
        )
        self.batch.append((work, expected, seen))
        if not wait or len(self.batch) > 6:
            self.deliver()

    def send_claim(self, project: str, key: str | None, token: str, count: int, lease_s: float, *, wait: bool) -> Any:
        study = None if key is None else self.id_of(key)
        can = Capabilities(commands=COMMAND) if key is None else None
        request = Claim(token=token, worker="worker", study=study, count=count, lease_s=lease_s, capabilities=can)
        handed = self.model.claim(project, key, token, count, lease_s)
        expected = self.named((None, handed))[1] if isinstance(handed, list) else handed

        def verb(tx: Transaction, principal: Principal, request: Claim) -> Any:
            return answer(tx, claim_trials(tx, principal, request))

        self.send(project, verb, request, expected=expected, seen=claimed_by, wait=wait)
        return handed

    def leases_of(self, handed: Any, token: str) -> list[Lease]:
        return (
            [Lease(key, number, attempt, token) for key, number, attempt in handed] if isinstance(handed, list) else []
        )

    def named(self, expected: Any) -> Any:
        """The model's answer with the ids of studies instead of their keys."""
        if not isinstance(expected, tuple) or expected[1] is None:
            return expected
        return expected[0], sorted((self.id_of(key), number, attempt) for key, number, attempt in expected[1])

    def id_of(self, key: str) -> str:
        study = self.model.studies.get(key)
        return study.id if study is not None else "st_deleted"

    def trial_id(self, lease: Lease) -> str:
        study = self.model.studies.get(lease.study)
        if study is None:
            return "tr_deleted"
        if study.trials[lease.number].id is None:
            self.deliver()
            self.learn_ids()
        return study.trials[lease.number].id or ""

    def learn_ids(self) -> None:
        for study in self.model.studies.values():
            query = select(tables.trials.c.number, tables.trials.c.id).where(tables.trials.c.study_id == study.id)
            for number, id in self.rows(query):
                study.trials[number].id = id

    def rows(self, query: Any) -> list[Any]:
        return self.house.ask(lambda connection: list(connection.execute(query)))


class Answered(BaseModel):
    """What a keyed request stores."""

    numbers: list[int]


def owner(lease: Lease) -> str:
    return lease.study.split("/")[0]


def held(lease: Lease) -> dict[str, Any]:
    return {"attempt": lease.attempt, "token": lease.token}


def touches_of(principal: Principal, args: tuple[Any, ...]) -> Touches:
    if args and isinstance(args[0], Claim):
        return touches(principal, args[0])
    if args and isinstance(args[0], str) and args[0].startswith("tr_"):
        return touches_of_tell(args[0], args[-1]) if isinstance(args[-1], Complete) else Touches(trials=(args[0],))
    return Touches(studies=(args[0],)) if args and isinstance(args[0], str) else NOTHING


def state_of(answer: Any) -> str:
    return str(answer.state)


def directive_of(told: Any) -> str:
    return str(told.directive)


def numbers_of(trials: Any) -> list[int]:
    return [trial.number for trial in trials]


def claimed_by(claimed: Any) -> list[tuple[str, int, int]]:
    """What a claim handed out, as the model tells it."""
    return sorted((each.trial.study, each.trial.number, each.attempt) for each in claimed.trials)


def ended_and_claimed(done: Any) -> tuple[str, Any]:
    return str(done.trial.state), None if done.claimed is None else claimed_by(done.claimed)


def stored_curves(measured: list[Any]) -> dict[tuple[str, int, int], str]:
    """I8: what is stored of each step, by trial and attempt."""
    return {(row.trial_id, row.attempt, row.step): repr(json.loads(row.metrics)) for row in measured}


def told_curves(study: Study) -> dict[tuple[str, int, int], str]:
    return {
        (trial.id or "", attempt, step): repr(metrics)
        for trial in study.trials
        for attempt, steps in trial.curves.items()
        for step, metrics in steps.items()
    }


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_any_order_of_requests_losses_and_restarts_does_what_the_model_says(database_url: str) -> None:
    examples = int(os.environ.get("MACHINE_EXAMPLES", "60" if database_url.startswith("sqlite") else "25"))
    steps = int(os.environ.get("MACHINE_STEPS", "40"))
    bounds = settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )  # fmt: skip

    class OnThisDatabase(Machine):
        url = database_url

    run_machine(OnThisDatabase, settings=bounds)
