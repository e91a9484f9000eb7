"""The sweeper: what happens because time passes. Only it ends a lease.

A lease that has run out is a hint; the sweeper judges it again under the study's lock. After a start, after the clock
has jumped, after the database was away and after this process was held up itself (a machine that was paused), nobody
is judged for one lease (amnesty), so that an outage does not take the trials of a healthy fleet away. A jump renews
every lease instead of shifting it: several servers see one jump, and renewing twice is renewing once.
"""

from dataclasses import dataclass

from app.services.moves import fail, finish, requeue, settle, stop
from app.storage import results
from app.storage.domain import definition_from
from app.storage.rows import StudyRow, TrialRow
from app.storage.transaction import Transaction
from studyhall.trial import TrialState

BATCH = 500
JUMP_S = 5.0
ANSWERS_KEPT_S = 7 * 86400.0


@dataclass(slots=True)
class Watch:
    """What a sweeper remembers between its rounds: when its amnesty began, and how the two clocks stood."""

    since: float
    """Monotonic seconds at the start, or at the last jump."""
    last_monotonic: float
    last_now: float | None = None

    def has_jumped(self, now: float, monotonic: float) -> bool:
        """Whether the wall clock has moved by more than the time that passed; starts a new amnesty when it has."""
        last, self.last_now = self.last_now, now
        passed, self.last_monotonic = monotonic - self.last_monotonic, monotonic
        jumped = last is not None and abs(now - last - passed) > JUMP_S
        if jumped:
            self.forgive(monotonic)
        return jumped

    def forgive(self, monotonic: float) -> None:
        """Starts a new amnesty: nobody is judged for one lease."""
        self.since = monotonic


def sweep(tx: Transaction, watch: Watch, monotonic: float) -> int:
    """One round; how many leases it ended."""
    if watch.has_jumped(tx.now, monotonic):
        tx.renew_leases()
        return 0
    up_s = monotonic - watch.since
    expired = sorted(tx.expired(BATCH, up_s=up_s), key=lambda pair: pair[1])
    ended = sum(_end_lease(tx, trial_id, up_s) for trial_id, _ in expired)
    _give_back(tx)
    for study_id in _due(tx):
        _check_time(tx, study_id)
    tx.forget_answers(tx.now - ANSWERS_KEPT_S)
    return ended


def _end_lease(tx: Transaction, trial_id: str, up_s: float) -> bool:
    trial = tx.trial(trial_id)
    if trial is None or not _has_expired(tx, trial, up_s):
        return False
    study = tx.study_of(trial)
    if trial.stop_requested is not None:
        finish(
            tx, study, trial, TrialState.CANCELLED, outcome="lost", reason=trial.stop_requested, failure="worker_lost"
        )
    else:
        fail(tx, study, trial, kind="worker_lost", message=f"its worker '{trial.worker}' has not been heard of")
    return True


def _give_back(tx: Transaction) -> None:
    """Takes the trials of quarantined workers away; `result` makes sure that they do not come back for them."""
    for trial_id in tx.held_by_quarantined(BATCH):
        trial = tx.trial(trial_id)
        if trial is not None and trial.state == TrialState.RUNNING:
            reason = f"its worker '{trial.worker}' is quarantined"
            requeue(tx, tx.study_of(trial), trial, outcome="released", reason=reason, result="quarantined")
            tx.recalled.add(trial.id)


def _has_expired(tx: Transaction, trial: TrialRow, up_s: float) -> bool:
    if trial.state != TrialState.RUNNING or trial.expires_at is None or trial.expires_at >= tx.now:
        return False
    return up_s >= (trial.lease_s or 0.0)


def _due(tx: Transaction) -> list[str]:
    """The open studies that time may end, and those in which nothing is left to end them; the others stay unlocked."""
    return [
        id
        for id, definition, pending in tx.open_studies()
        if pending == 0 or definition_from(definition).budget.ends_by_time
    ]


def _check_time(tx: Transaction, study_id: str) -> None:
    study = tx.study(study_id)
    if study is None or study.state not in ("active", "paused"):
        return
    if _out_of_time(tx, study):
        stop(tx, study, "budget")
    else:
        settle(tx, study)


def _out_of_time(tx: Transaction, study: StudyRow) -> bool:
    budget = definition_from(study.definition).budget
    if budget.max_seconds is not None and tx.now - study.created_at > budget.max_seconds:
        return True
    if budget.max_device_seconds is None:
        return False
    return study.device_seconds + results.running_seconds(tx, study.id) >= budget.max_device_seconds
