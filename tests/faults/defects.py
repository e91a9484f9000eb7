"""Seeded defects: each breaks one mechanism, and the harness must see it. Applied in a server's process only.

`SERVER` patches functions of the server; `WORKER` are options of the simulated workers.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

# Defects take away parts that are private on purpose.
# mypy: disable-error-code="attr-defined, assignment, method-assign, misc"


def drop_the_attempt_guard() -> None:
    """Any attempt's token is as good as another's."""
    from app.services import telling
    from app.services.telling import TrialFinished, TrialState

    def refusal(trial: Any, attempt: int, token: str) -> Any:
        return TrialFinished() if TrialState(trial.state).is_final else None

    telling._refusal = refusal


def finish_by_id() -> None:
    """A result is taken by the trial's id alone, whatever state it is in."""
    from app.services import moves, telling

    telling._refusal = lambda trial, attempt, token: None
    moves.MOVES = {(a, b) for a in [None, *telling.TrialState] for b in telling.TrialState}


def judge_by_a_stale_read() -> None:
    """The sweeper believes that every lease it has once seen running is over."""
    from app.services import sweeping

    sweeping._has_expired = lambda tx, trial, up_s: trial.state == "running" and tx.now - (trial.started_at or 0) > 0.6
    sweeping.Transaction.expired = lambda self, limit, up_s: [
        (row.id, row.study_id)
        for study, _, _ in self.open_studies()
        if (found := self.study(study)) is not None
        for row in self.running(found)
    ]


def acknowledge_before_the_commit() -> None:
    """Whoever waits is answered when the verb has run; the disk comes later."""
    from app.storage.writer import Writer

    commit = Writer._commit

    def serve(self: Any) -> None:
        while (work := self._queue.get()) is not None:
            batch, closing = self._gather(work)
            self._commit = partial(late, self, batch)
            committed = self._run(batch)
            self._answer(batch)
            self._listener(committed)
            if closing:
                return

    def late(self: Any, batch: Any, connection: Any, cursor: Any) -> None:
        self._answer(batch)
        time.sleep(0.03)
        commit(self, connection, cursor)

    Writer._serve = serve


def switch_synchronous_off() -> None:
    """SQLite leaves durability to the operating system."""
    from app.storage import connect

    pragmas = connect._pragmas
    connect._pragmas = lambda connection, *all: pragmas(
        connection, *(each.replace("synchronous=FULL", "synchronous=OFF") for each in all)
    )


def forget_answers() -> None:
    """The answer to a keyed request is not stored with its effect."""
    from app.storage.transaction import Transaction

    Transaction.add_answer = lambda self, row: None


def count_the_budget_at_completion() -> None:
    """Running trials do not count against the budget."""
    from app.services import claiming
    from app.storage import tables

    claiming.budget_left = lambda study: max(0, (study.max_trials or 10**6) - study.completed)
    tables.studies.constraints.clear()


def give_no_amnesty() -> None:
    """A server that starts judges at once by leases that nobody could renew."""
    from app.services import sweeping

    begin = sweeping.Watch.__init__

    def begin_long_ago(self: Any, since: float, *rest: Any) -> None:
        begin(self, since - 1e6, *rest)

    sweeping.Watch.__init__ = begin_long_ago
    # It is held up by its own start, too, since its workers all come back at once.
    sweeping.Watch.forgive = lambda self, monotonic: None


def never_sweep() -> None:
    """Leases that run out are nobody's business."""
    from app.services import sweeping

    sweeping._has_expired = lambda tx, trial, up_s: False


def retry_errors_of_the_user() -> None:
    """An error in the user's code is run again and again."""
    from app.services import moves

    moves.INFRASTRUCTURE = moves.INFRASTRUCTURE | {"user_error"}


def lose_a_measurement() -> None:
    """One measurement in fifty is acknowledged and not kept."""
    from app.storage.transaction import Transaction

    add = Transaction.add_measurement
    Transaction.add_measurement = lambda self, row: None if hash(row.metrics) % 50 == 0 else add(self, row)


def answer_floats_short() -> None:
    """Metrics lose their last digits on the way into the database."""
    from app.services import telling

    write = telling.to_text

    def short(value: Any) -> str:
        if isinstance(value, dict):
            value = {k: round(v, 12) if isinstance(v, float) else v for k, v in value.items()}
        return write(value)

    telling.to_text = short


SERVER: Final[dict[str, Callable[[], None]]] = {
    each.__name__: each
    for each in (
        drop_the_attempt_guard, finish_by_id, judge_by_a_stale_read, acknowledge_before_the_commit,
        switch_synchronous_off, forget_answers, count_the_budget_at_completion, give_no_amnesty, never_sweep,
        retry_errors_of_the_user, lose_a_measurement, answer_floats_short,
    )
}  # fmt: skip
WORKER: Final[dict[str, dict[str, Any]]] = {
    "heartbeats_end_with_the_first_error": {
        "fragile_heartbeat": True,
        "lease_s": 1.0,
        "trial_s": [4.0, 4.5],
        "max_trials": 16,
    },
    "the_token_is_the_name_of_the_host": {"shared_token": True},
}
