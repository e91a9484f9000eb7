"""Workers that vanish: their trials are run by others, and counted once."""

import os
import signal
import uuid
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import pytest

from studyhall.errors import Conflict
from studyhall.trial import TrialState
from studyhall.wire.claims import Claim, Claimed, Complete, Completed
from tests.e2e.house import wait_for, wait_for_end

pytestmark = pytest.mark.slow


def child_processes(pid):
    """All processes below one, from /proc."""
    below = defaultdict(list)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            below[int(stat.read_text().rpartition(")")[2].split()[1])].append(int(stat.parent.name))
    waiting = [pid]
    found: list[int] = []
    while waiting:
        waiting += below[waiting.pop()]
        found = found + [one for one in waiting if one not in found]
    return found


def test_a_killed_workers_trial_is_run_again_by_another_and_counted_once(house):
    study = house.held_study("killed", trials=1)
    first = house.start_worker("first")
    number = house.wait_until_begun()
    below = child_processes(first.pid)

    house.kill(first)
    assert below
    assert all(wait_for_end(pid, 20) for pid in below)  # what it ran ends with it
    house.start_worker("second")
    wait_for(study, "study.completed")

    (trial,) = study.trials()
    assert (trial.number, trial.state, trial.metrics, trial.worker) == (number, "completed", {"loss": 2.0}, "second")
    attempts = list(house.client.attempts(trial.id))
    assert [(attempt.worker, attempt.outcome) for attempt in attempts] == [("first", "lost"), ("second", "completed")]
    assert study.refresh().trials.completed == 1


def test_a_zombie_changes_nothing_and_goes_on_working(house):
    study = house.held_study("zombie", trials=1_000_000)
    zombie = house.start_worker("zombie")
    house.wait_until_begun()

    os.kill(zombie.pid, signal.SIGSTOP)
    wait_for(study, "trial.lost", number=0)
    house.start_worker("second")
    wait_for(study, "trial.completed", number=0)
    house.let_go()  # the zombie's training ends only now, and it wakes up to a lease that is gone
    os.kill(zombie.pid, signal.SIGCONT)

    assert any(list(study.trials(worker="zombie", state="completed")) for _ in study.events())
    stored = next(study.trials())
    assert (stored.number, stored.metrics, stored.worker) == (0, {"loss": 2.0}, "second")
    study.stop(mode="kill")


def test_a_zombies_late_result_is_refused(house):
    study = house.held_study("replaced", trials=1)
    connection = house.client.connection
    claim = Claim(token=uuid.uuid4().hex, worker="zombie", study=study.id, lease_s=1)
    (claimed,) = connection.post("/v1/claims", claim, Claimed, natural_key=True).trials
    wait_for(study, "trial.lost")
    house.start_worker("second")
    house.wait_until_begun()
    house.let_go()
    wait_for(study, "study.completed")

    late = Complete(attempt=claimed.attempt, token=claim.token, metrics={"loss": 3.0})
    with pytest.raises(Conflict):
        connection.post(f"/v1/trials/{claimed.trial.id}/complete", late, Completed, natural_key=True)

    (stored,) = study.trials()
    assert stored.worker == "second"
    assert stored.metrics != late.metrics
    assert wait_for(study, "trial.refused").number == 0


def test_a_late_result_that_nobody_has_replaced_yet_counts_once(house):
    study = house.held_study("late", trials=1)
    connection = house.client.connection
    claim = Claim(token=uuid.uuid4().hex, worker="slow", study=study.id, lease_s=1)
    (claimed,) = connection.post("/v1/claims", claim, Claimed, natural_key=True).trials
    wait_for(study, "trial.lost")

    late = Complete(attempt=claimed.attempt, token=claim.token, metrics={"loss": 3.0})
    path = f"/v1/trials/{claimed.trial.id}/complete"
    completed = connection.post(path, late, Completed, natural_key=True)
    other = late.model_copy(update={"metrics": {"loss": 4.0}})
    with pytest.raises(Conflict):
        connection.post(path, other, Completed, natural_key=True)

    assert completed.trial.state is TrialState.COMPLETED
    assert study.best().metrics == {"loss": 3.0}
    assert study.refresh().trials.completed == 1
