"""How a trial moves, and what follows: counters, events, the incumbent, the end of the study.

Everything that changes a trial's state passes through `move`; the callers check who may ask for it.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import uuid4

from app.search.stopping import dominates
from app.services.fleet import count_outcome
from app.storage import results
from app.storage.domain import definition_from
from app.storage.json_text import from_text
from app.storage.rows import AttemptRow, StudyRow, TrialRow
from app.storage.transaction import Transaction
from studyhall.study import Objective, StudyDefinition
from studyhall.trial import INFRASTRUCTURE, MOVES, TrialState

HEARTBEATS_PER_LEASE = 3
SAVING = "running trials save and wait"
"""The reason of a paused study whose running trials are wanted back."""
LONGEST_PAUSE_S = 300.0
ANSWERS_TO_CONVERGE = 5
"""So many answers of the engine in a row must promise too little: more than one of its views must see it so."""


def new_id(prefix: str, now: float) -> str:
    """A public id: time first, so that neighbours in time are neighbours in the index; 68 random bits."""
    return f"{prefix}_{int(now * 1000):012x}{uuid4().hex[:20]}"[:32]


def move(tx: Transaction, study: StudyRow, trial: TrialRow, to: TrialState, *, event: str, **columns: Any) -> None:
    """Moves a trial and counts it where it now is.

    Raises:
        ValueError: when the move is not in `MOVES`; callers refuse such requests before, with a clear error.
    """
    came_from = TrialState(trial.state)
    if (came_from, to) not in MOVES:
        raise ValueError(f"no move from {came_from} to {to}")
    tx.change(trial, state=to.value, **columns)
    tx.moved.add(study.id)
    if to is TrialState.WAITING or study.parallelism is not None:
        tx.openings.add(study.id)
    tx.change(study, **{came_from.value: getattr(study, came_from.value) - 1, to.value: getattr(study, to.value) + 1})
    data = {"reason": trial.reason} if trial.reason else {}
    tx.record(study, event, trial, attempt=trial.attempt, **data)


def start(tx: Transaction, study: StudyRow, trial: TrialRow, *, worker: str, token: str, lease_s: float) -> None:
    """Edge b: a new attempt begins under a new lease."""
    attempt = trial.attempt + 1
    inherits = trial.continues is not None and attempt == 1  # what it has behind it was judged already
    if trial.level is not None and not inherits:
        tx.leave_levels(trial)
    columns = {
        "attempt": attempt, "token": token, "worker": worker, "lease_s": lease_s, "expires_at": tx.now + lease_s,
        "reason": None, "failure": None, "step": None, "points": 0, "result": None, "not_before": None,
        "level": trial.level if inherits else None,
        "started_at": trial.started_at or tx.now,
    }  # fmt: skip
    if trial.state == TrialState.RUNNING:  # inserted just now, counted as running already
        tx.change(trial, **columns)
        tx.record(study, "trial.started", trial, attempt=attempt)
    else:
        move(tx, study, trial, TrialState.RUNNING, event="trial.started", **columns)
    tx.add_attempt(AttemptRow(trial.id, attempt, worker, tx.now, None, None, None))


def finish(tx: Transaction, study: StudyRow, trial: TrialRow, to: TrialState, *, outcome: str, **columns: Any) -> None:
    """Edges c to g of a trial that was claimed: ends the attempt and the trial."""
    end_attempt(tx, study, trial, outcome=outcome, reason=columns.get("reason"))
    if to is TrialState.CANCELLED:
        tx.recalled.add(trial.id)
    move(
        tx, study, trial, to, event=f"trial.{to.value}", finished_at=tx.now, expires_at=None, not_before=None,
        stop_requested=None, **columns,
    )  # fmt: skip
    tx.change(study, last_result=study.sequence)
    count_outcome(tx, study.project, trial.worker, "cancelled" if to is TrialState.CANCELLED else outcome)
    settle(tx, study)


def requeue(
    tx: Transaction, study: StudyRow, trial: TrialRow, *, outcome: str, pause_s: float = 0.0, **columns: Any
) -> None:
    """Edge h: the trial waits for another attempt; after a pause, so that a broken machine does not spin."""
    end_attempt(tx, study, trial, outcome=outcome, reason=columns.get("reason"))
    event = "trial.retried" if outcome == "failed" else f"trial.{outcome}"  # trial.failed is the end
    if trial.state == TrialState.WAITING:  # the sweeper was faster: it waits, and has had its pause, already
        tx.change(trial, **columns)
        tx.record(study, event, trial, attempt=trial.attempt)
        return
    move(
        tx, study, trial, TrialState.WAITING, event=event, expires_at=None,
        not_before=tx.now + pause_s if pause_s else None, **columns,
    )  # fmt: skip


def end_attempt(tx: Transaction, study: StudyRow, trial: TrialRow, *, outcome: str, reason: str | None) -> None:
    """Closes the record of the current attempt and books its time."""
    attempt = tx.attempt(trial)
    if attempt is None:
        return
    if attempt.outcome is not None:  # a late result: the sweeper has closed and booked it
        tx.change(attempt, outcome=outcome, reason=reason)
        return
    tx.change(attempt, ended_at=tx.now, outcome=outcome, reason=reason)
    tx.change(study, device_seconds=study.device_seconds + max(0.0, tx.now - attempt.started_at))


def reopen_attempt(tx: Transaction, study: StudyRow, trial: TrialRow) -> None:
    """Takes back that an attempt has ended, and the time that was booked for it."""
    attempt = tx.attempt(trial)
    if attempt is None or attempt.ended_at is None:
        return
    tx.change(study, device_seconds=study.device_seconds - max(0.0, attempt.ended_at - attempt.started_at))
    tx.change(attempt, ended_at=None, outcome=None, reason=None)


def pause_after(times: int) -> float:
    """How long to wait before the next attempt: 5 s doubling, at most 5 minutes."""
    return min(LONGEST_PAUSE_S, 5.0 * 2.0**times)


def fail(tx: Transaction, study: StudyRow, trial: TrialRow, *, kind: str, message: str, **columns: Any) -> None:
    """Edge f, or h while retries of this kind of failure are left."""
    retry = definition_from(study.definition).retry
    reason = message or kind
    infrastructure = kind in INFRASTRUCTURE
    used, allowed = (trial.lost, retry.infrastructure) if infrastructure else (trial.errors, retry.user_error)
    if kind == "oom":
        allowed = min(allowed, 1)  # the same configuration runs out of memory again
    counted = {"lost": trial.lost + 1} if infrastructure else {"errors": trial.errors + 1}
    outcome = "lost" if infrastructure else "failed"
    if infrastructure and trial.state == TrialState.WAITING:  # the sweeper has counted this attempt
        requeue(tx, study, trial, outcome=outcome, reason=reason, failure=kind, **columns)
        return
    if used < allowed and study.state in ("active", "paused") and trial.stop_requested is None:
        count_outcome(tx, study.project, trial.worker, outcome)
        requeue(
            tx,
            study,
            trial,
            outcome=outcome,
            pause_s=pause_after(used),
            reason=reason,
            failure=kind,
            **counted,
            **columns,
        )
        return
    finish(tx, study, trial, TrialState.FAILED, outcome="failed", reason=reason, failure=kind, **counted, **columns)


def score(tx: Transaction, study: StudyRow, trial: TrialRow, metrics: Mapping[str, float]) -> dict[str, Any]:
    """The columns a result decides (value, front), and the incumbent it may replace."""
    definition = definition_from(study.definition)
    if trial.excluded or not definition.meets_constraints(dict(metrics)):
        return {"value": None, "on_front": False}
    if len(definition.objectives) > 1:
        return {"value": None, "on_front": _joins_front(tx, study, definition, metrics)}
    objective = definition.objectives[0]
    value = metrics[objective.metric]
    if study.best_value is None or objective.is_better(value, study.best_value):
        tx.change(study, best_trial=trial.id, best_number=trial.number, best_value=value)
    return {"value": value, "on_front": False}


def _joins_front(tx: Transaction, study: StudyRow, definition: StudyDefinition, metrics: Mapping[str, float]) -> bool:
    """Whether a result is not dominated; takes those that it dominates off the front."""
    point = point_of(definition.objectives, metrics)
    for id, told in results.front(tx, study.id):
        theirs = point_of(definition.objectives, from_text(told))
        if dominates(theirs, point):
            return False
        other = tx.trial(id) if dominates(point, theirs) else None
        if other is not None:
            tx.change(other, on_front=False)
    return True


def point_of(objectives: tuple[Objective, ...], metrics: Mapping[str, float]) -> tuple[float, ...]:
    """The objectives' values, turned so that less is better."""
    return tuple(metrics[o.metric] if o.goal == "minimize" else -metrics[o.metric] for o in objectives)


def rescore(tx: Transaction, study: StudyRow, trial: TrialRow) -> None:
    """Finds the best, or the front, again; after a completed trial was corrected, excluded or included."""
    definition, metrics = definition_from(study.definition), from_text(trial.metrics or "{}")
    if len(definition.objectives) > 1:
        _find_front(tx, study, definition)
        return
    counts = not trial.excluded and definition.meets_constraints(metrics)
    tx.change(trial, value=metrics[definition.objectives[0].metric] if counts else None)
    best, number, value = results.best(tx, study.id, definition.objectives[0].goal) or (None, None, None)
    tx.change(study, best_trial=best, best_number=number, best_value=value)


def _find_front(tx: Transaction, study: StudyRow, definition: StudyDefinition) -> None:
    points: dict[str, tuple[float, ...]] = {}
    for id, metrics in results.completed(tx, study.id):
        told = from_text(metrics)
        if definition.meets_constraints(told):
            points[id] = point_of(definition.objectives, told)
    front, before = _non_dominated(points.values()), {id for id, _ in results.front(tx, study.id)}
    after = {id for id, point in points.items() if point in front}
    for id in before ^ after:
        trial = tx.trial(id)
        if trial is not None:
            tx.change(trial, on_front=id in after)


def _non_dominated(points: Iterable[tuple[float, ...]]) -> set[tuple[float, ...]]:
    """The points that no other one dominates."""
    front: list[tuple[float, ...]] = []
    for point in sorted(set(points)):  # whoever dominates one stands before it
        for at, other in enumerate(front):
            if all(x <= y for x, y in zip(other, point, strict=True)):
                front.insert(0, front.pop(at))  # who dominates one dominates many: it is asked first
                break
        else:
            front.append(point)
    return set(front)


def settle(tx: Transaction, study: StudyRow) -> None:
    """Ends the study when its budget is spent, its targets reached, its space used up or too much has failed."""
    if study.state == "stopping":
        if study.running == 0:
            end(tx, study, "completed", study.reason or "user")
        return
    if study.state not in ("active", "paused"):
        return
    definition = definition_from(study.definition)
    if definition.budget.max_failed is not None and study.failed >= definition.budget.max_failed:
        stop_all(tx, study, "max_failed")
        end(tx, study, "failed", "max_failed")
    elif _reaches_targets(tx, study, definition):
        stop(tx, study, "target")
    elif study.converging >= ANSWERS_TO_CONVERGE:
        stop(tx, study, "converged", ask_running=False)
    elif study.running == 0 and study.waiting == 0 and _spent(study):
        end(tx, study, "completed", "exhausted" if study.exhausted else "budget")


def _reaches_targets(tx: Transaction, study: StudyRow, definition: StudyDefinition) -> bool:
    """Whether one trial is as good as every target."""
    wanted = [objective for objective in definition.objectives if objective.target is not None]
    if not wanted:
        return False
    if len(definition.objectives) == 1:
        return study.best_value is not None and wanted[0].reaches_target(study.best_value)
    # Whatever reaches them all is on the front, or dominated by something there that reaches them, too.
    front = [from_text(told) for _, told in results.front(tx, study.id)]
    return any(all(o.reaches_target(metrics[o.metric]) for o in wanted) for metrics in front)


def _spent(study: StudyRow) -> bool:
    return bool(study.exhausted) or (study.max_trials is not None and study.created >= study.max_trials)


def stop(tx: Transaction, study: StudyRow, reason: str, *, ask_running: bool = True) -> None:
    """No new trials; running ones are asked to stop, or with `ask_running=False` left to end by themselves."""
    cancel_waiting(tx, study, reason)
    if study.running == 0:
        end(tx, study, "completed", reason)
        return
    tx.change(study, state="stopping", reason=reason)
    tx.record(study, "study.stopping", None, reason=reason)
    if ask_running:
        stop_all(tx, study, reason)


def stop_all(tx: Transaction, study: StudyRow, reason: str) -> None:
    """Asks every running trial to stop; the worker's acknowledgement ends it."""
    for trial in tx.running(study):
        if trial.stop_requested is None:
            tx.recall(trial, reason)
            tx.record(study, "trial.stop_requested", trial, reason=reason)


def cancel_all(tx: Transaction, study: StudyRow, reason: str) -> None:
    """Ends every running trial at once; its worker finds out on its next call."""
    for trial in tx.running(study):
        finish(tx, study, trial, TrialState.CANCELLED, outcome="cancelled", reason=reason, token=None)


def cancel_waiting(tx: Transaction, study: StudyRow, reason: str) -> None:
    """Ends every waiting trial; one that never ran gives its place in the budget back."""
    for trial in tx.all_waiting(study):
        cancel_one_waiting(tx, study, trial, reason)


def cancel_one_waiting(tx: Transaction, study: StudyRow, trial: TrialRow, reason: str) -> None:
    """Ends one waiting trial."""
    if trial.counted and trial.attempt == 0:
        tx.change(study, created=study.created - 1)
        tx.change(trial, counted=False)
    move(tx, study, trial, TrialState.CANCELLED, event="trial.cancelled", reason=reason, finished_at=tx.now, token=None)


def end(tx: Transaction, study: StudyRow, state: str, reason: str) -> None:
    """The study has ended."""
    cancel_waiting(tx, study, reason)
    tx.change(study, state=state, reason=reason, ended_at=tx.now)
    tx.openings.add(study.id)  # those who wait for a trial need wait no longer
    tx.record(study, f"study.{state}", None, reason=reason)
