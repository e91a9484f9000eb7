"""The checks I1 to I13 of docs/reliability.md: what the ledger says against what is stored, after the faults."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import create_engine, text

from app.search.random import draw
from studyhall.space import Space

FINAL = frozenset({"completed", "pruned", "infeasible", "failed", "cancelled"})
MOVES = FINAL | {"started", "resumed", "lost", "released", "retried"}
ENDS = {"complete": "completed", "pruned": "pruned", "infeasible": "infeasible", "user_error": "failed"}
EXPECTED_REFUSALS = frozenset({"stale-lease", "trial-finished", "budget-exhausted", "study-ended"})

Line = dict[str, Any]
Row = Any


@dataclass(frozen=True)
class Op:
    """One thing a worker said, and how it ended for the worker."""

    intent: Line
    begun: int
    outcome: Line | None
    ended: int

    @property
    def kind(self) -> str:
        return str(self.intent["intent"])

    @property
    def body(self) -> Line:
        return dict(self.intent["body"])

    @property
    def is_acked(self) -> bool:
        return self.outcome is not None and self.outcome["outcome"] == "acked"

    @property
    def holder(self) -> tuple[str, int] | None:
        trial = self.intent.get("trial")
        return None if trial is None else (trial, self.body["attempt"])


class Stored:
    """All that is stored, by id."""

    def __init__(self, url: str) -> None:
        engine = create_engine(url)
        try:
            with engine.connect() as connection:
                if engine.dialect.name == "postgresql":  # one moment for all tables: the server may be writing again
                    connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
                read = lambda table: connection.execute(text(f"SELECT * FROM {table}")).all()  # noqa: E731
                self.studies = {row.id: row for row in read("studies")}
                self.trials = {row.id: row for row in read("trials")}
                self.attempts = {(row.trial_id, row.attempt): row for row in read("attempts")}
                self.measurements = {
                    (m.trial_id, m.attempt, m.step): json.loads(m.metrics) for m in read("measurements")
                }
                self.events = sorted(read("events"), key=lambda row: (row.study_id, row.sequence))
        finally:
            engine.dispose()
        self.by_study: dict[str, list[Row]] = defaultdict(list)
        for trial in sorted(self.trials.values(), key=lambda row: row.number):
            self.by_study[trial.study_id].append(trial)


def ops_of(lines: Iterable[Line]) -> list[Op]:
    """The ledger's lines, one op each."""
    intents: dict[str, tuple[int, Line]] = {}
    outcomes: dict[str, tuple[int, Line]] = {}
    for place, line in enumerate(lines):
        if "intent" in line:
            intents[line["op"]] = (place, line)
        elif "outcome" in line:
            outcomes[line["op"]] = (place, line)
    found = []
    for op, (begun, intent) in intents.items():
        ended, outcome = outcomes.get(op, (1 << 60, None))
        found.append(Op(intent, begun, outcome, ended))
    return found


def judge(lines: list[Line], url: str, *, killed: frozenset[str] = frozenset(), settled: bool = True) -> list[str]:
    """Every violation, in words.

    Args:
        killed: the names of workers (up to their dash) that faults have ended.
        settled: the faults are over and all studies should have ended.
    """
    ops, stored = ops_of(lines), Stored(url)
    return [
        *_statuses(lines, ops),
        *_results(ops, stored),
        *_events(stored),
        *snapshot(stored),
        *_holders(ops),
        *_once(ops, stored),
        *_curves(ops, stored),
        *_fences(ops),
        *_healthy(ops, stored, killed),
        *_replay(stored),
        *(_ended(stored) if settled else ()),
    ]


def snapshot(stored: Stored) -> Iterator[str]:
    """I5, I6: what must hold at every moment."""
    for study in stored.studies.values():
        trials = stored.by_study[study.id]
        states = Counter(trial.state for trial in trials)
        if [trial.number for trial in trials] != list(range(study.next_number)):
            yield f"I6 {study.name}: numbers are not dense"
        for state in ("waiting", "running", *FINAL):
            if getattr(study, state) != states[state]:
                yield f"I5 {study.name}: counts {getattr(study, state)} {state}, there are {states[state]}"
        if study.created != sum(bool(trial.counted) for trial in trials):
            yield f"I5 {study.name}: created is {study.created}, counted are {sum(map(bool, trials))}"
        if study.max_trials is not None and sum(bool(trial.counted) for trial in trials) > study.max_trials:
            yield f"I5 {study.name}: over its budget of {study.max_trials}"
        if study.parallelism is not None and states["running"] > study.parallelism:
            yield f"I5 {study.name}: {states['running']} run, {study.parallelism} may"


def _ended(stored: Stored) -> Iterator[str]:
    for study in stored.studies.values():
        if study.state != "completed":
            yield f"I4 {study.name}: is {study.state} with {study.running} running and {study.waiting} waiting"
        elif study.max_trials is not None and study.created != study.max_trials:
            yield f"I5 {study.name}: ended with {study.created} of {study.max_trials} trials"


def _statuses(lines: list[Line], ops: list[Op]) -> Iterator[str]:
    """I11: no 500, and 503 only with Retry-After."""
    for line in lines:
        if line.get("later") == 503 and not line.get("retry_after"):
            yield f"I11 a 503 without Retry-After: {line}"
    for op in ops:
        if (
            op.outcome is not None
            and op.outcome["outcome"] == "refused"
            and op.outcome["code"] not in EXPECTED_REFUSALS
        ):
            yield f"I11 {op.kind} {op.intent['path']}: {op.outcome['status']} {op.outcome['answer']}"


def _results(ops: list[Op], stored: Stored) -> Iterator[str]:
    """I1: acknowledged results are stored, bit for bit, of the acknowledged attempt; P7: refused ones are not."""
    for op in ops:
        if op.kind not in ENDS or op.holder is None or op.outcome is None:
            continue
        trial = stored.trials.get(op.holder[0])
        metrics = op.body.get("metrics")
        is_stored = trial is not None and metrics is not None and json.loads(trial.metrics or "{}") == metrics
        if op.is_acked:
            if trial is None or trial.state != ENDS[op.kind] or trial.attempt != op.holder[1]:
                yield f"I1 acknowledged {op.kind} of {op.holder} is lost: {trial and (trial.state, trial.attempt)}"
            elif metrics is not None and not is_stored:
                yield f"I1 acknowledged metrics of {op.holder} differ: {metrics} and {trial.metrics}"
        elif op.outcome["outcome"] == "refused" and is_stored:
            yield f"P7 {op.kind} of {op.holder} was refused ({op.outcome['code']}) and is stored"


def _events(stored: Stored) -> Iterator[str]:
    """I2, I3: one final event a trial, and nothing after it."""
    ended: set[str] = set()
    for event in stored.events:
        kind = event.kind.removeprefix("trial.")
        if event.trial_id is None or kind not in MOVES:
            continue
        if event.trial_id in ended:
            yield f"I2 {event.kind} of {event.trial_id} after its end"
        if kind in FINAL:
            ended.add(event.trial_id)
    for trial in stored.trials.values():
        if trial.state in FINAL and trial.id not in ended:
            yield f"I2 {trial.id} has ended without an event"


def _claims(ops: list[Op]) -> Iterator[tuple[Op, Line]]:
    for op in ops:
        if op.is_acked and op.outcome is not None and op.outcome["answer"]:
            answer = op.outcome["answer"]
            handed = answer if op.kind == "claim" else answer.get("claimed") if "trial" in answer else None
            for each in (handed or {}).get("trials", ()):
                yield op, each


def _holders(ops: list[Op]) -> Iterator[str]:
    """I6: an attempt is held by one worker."""
    holders: dict[tuple[str, int], set[str]] = defaultdict(set)
    for op, handed in _claims(ops):
        holders[handed["trial"]["id"], handed["attempt"]].add(op.intent["worker"])
    for attempt, workers in holders.items():
        if len(workers) > 1:
            yield f"I6 {attempt} was handed to {sorted(workers)}"


def _once(ops: list[Op], stored: Stored) -> Iterator[str]:
    """I7: what was keyed has happened once if it was acknowledged, never if refused, at most once otherwise."""
    labels = Counter(json.loads(trial.labels).get("queued") for trial in stored.trials.values())
    for op in ops:
        if op.kind == "queue":
            count, wanted = labels[op.intent["key"]], 1 if op.is_acked else 0
            is_unknown = op.outcome is None or op.outcome["outcome"] == "unknown"
            if count > 1 or (not is_unknown and count != wanted):
                yield f"I7 a queued trial is there {count} times, the answer was {op.outcome and op.outcome['outcome']}"
    made: dict[str, set[str]] = defaultdict(set)
    for op in ops:
        if op.kind == "create" and op.is_acked and op.outcome is not None:
            made[op.body["name"]].add(op.outcome["answer"]["id"])
    for name, ids in made.items():
        if len(ids) > 1 or not ids <= stored.studies.keys():
            yield f"I7 study {name} was made as {sorted(ids)}, stored are {[s for s in ids if s in stored.studies]}"


def _curves(ops: list[Op], stored: Stored) -> Iterator[str]:
    """I8: every acknowledged point is stored, bit for bit."""
    for op in ops:
        if op.is_acked and op.holder is not None:
            for point in op.body.get("measurements", ()):
                found = stored.measurements.get((*op.holder, point["step"]))
                if found != point["metrics"]:
                    yield f"I8 step {point['step']} of {op.holder}: said {point['metrics']}, stored {found}"


def _fences(ops: list[Op]) -> Iterator[str]:
    """I8: nothing of an old attempt is accepted once the new one was handed out."""
    handed_out: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for op, handed in _claims(ops):
        handed_out[handed["trial"]["id"]].append((handed["attempt"], op.ended))
    for op in ops:
        if op.is_acked and op.holder is not None:
            trial, attempt = op.holder
            if any(newer > attempt and at < op.begun for newer, at in handed_out[trial]):
                yield f"I8 {op.kind} of attempt {attempt} of {trial} was accepted after a later one had begun"


def _healthy(ops: list[Op], stored: Stored, killed: frozenset[str]) -> Iterator[str]:
    """P4: no trial is taken from a worker that lives and speaks."""
    held = {(each["trial"]["id"], each["attempt"]): op for op, each in _claims(ops)}
    let_go = {op.holder for op in ops if op.holder and (not op.is_acked or op.kind in ("killed", "release"))}
    for event in stored.events:
        attempt = (event.trial_id, json.loads(event.data or "{}").get("attempt"))
        if event.kind == "trial.lost" and attempt in held and attempt not in let_go:
            worker = held[attempt].intent["worker"]
            if worker.split("-")[0] not in killed:
                yield f"P4 {attempt} was taken from {worker}, which lives"


def _replay(stored: Stored) -> Iterator[str]:
    """I13: the parameters of trial n follow from the seed and n."""
    spaces: dict[str, Space] = {}
    for trial in stored.trials.values():
        study = stored.studies[trial.study_id]
        definition = json.loads(study.definition)
        if trial.source != "model" or definition["algorithm"]["name"] != "random":
            continue
        space = spaces.setdefault(study.id, Space.model_validate_json(json.dumps(definition["space"])))
        if json.loads(trial.parameters) != draw(space, study.seed, trial.number):
            yield f"I13 trial {trial.number} of {study.name} cannot be drawn again"
