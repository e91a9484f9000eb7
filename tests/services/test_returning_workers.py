"""Workers that come back, clocks that jump, servers that share: what the state machine and the fault harness found."""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from app.services.claiming import claim_trials
from app.services.fleet import patch_worker, register_worker
from app.services.sweeping import Watch, sweep
from app.services.telling import complete, fail_trial, heartbeat
from app.storage import reader
from app.storage.rows import TrialRow
from studyhall.errors import StaleLease
from studyhall.wire.claims import Capabilities, Claim, Complete, Completed, Fail, Heartbeat, NextClaim
from studyhall.wire.fleet import PatchWorker, RegisterWorker
from tests.databases import Held, House, new_token

TASK = {"command": ["true"]}
CAN = Capabilities(commands=("true",))


def row_of(house: House, held: Held) -> TrialRow:
    row = house.ask(reader.trial_row, project="default", trial_id=held.id)
    assert row is not None
    return row


def completed(house: House, held: Held, **fields: Any) -> Completed:
    done = house.do(complete, held.id, Complete(**held.lease, metrics={"loss": 1.0}, **fields))
    assert isinstance(done, Completed)
    return done


def test_a_late_word_of_failure_about_a_trial_that_waits_again_is_accepted_and_counted_once(house: House) -> None:
    study = house.study(retry={"infrastructure": 1})
    held = house.hold(study.id)
    house.pass_time(61)

    first = house.do(fail_trial, held.id, Fail(**held.lease, kind="killed"))
    again = house.do(fail_trial, held.id, Fail(**held.lease, kind="killed"))

    assert first.state == again.state == "waiting"
    house.pass_time(300)
    assert [claimed.attempt for claimed in house.claim(study.id)] == [2]


def test_after_a_late_word_of_failure_the_worker_is_not_taken_back(house: House) -> None:
    held = house.hold(house.study(retry={"user_error": 1}).id)
    house.pass_time(61)
    house.do(fail_trial, held.id, Fail(**held.lease, kind="user_error"))

    with pytest.raises(StaleLease):
        house.do(heartbeat, held.id, Heartbeat(**held.lease))


def test_a_trial_that_is_tried_again_has_no_event_of_its_end(house: House) -> None:
    study = house.study(retry={"user_error": 1})
    held = house.hold(study.id)

    house.do(fail_trial, held.id, Fail(**held.lease, kind="user_error"))

    kinds = [event.kind for event in house.ask(reader.events_after, study_id=study.id, after=0, limit=9)]
    assert kinds == ["study.created", "trial.started", "trial.retried"]


def test_a_returning_worker_does_not_take_the_study_over_its_parallelism(house: House) -> None:
    study = house.study(parallelism=1)
    away = house.hold(study.id)
    house.pass_time(61)
    house.hold(study.id)

    with pytest.raises(StaleLease):
        house.do(heartbeat, away.id, Heartbeat(**away.lease))

    assert house.study_row(study.id).running == 1
    assert completed(house, away).trial.state == "completed"


def test_the_time_of_a_worker_that_was_taken_back_is_booked_once(house: House) -> None:
    study = house.study()
    held = house.hold(study.id)
    house.pass_time(100)
    house.do(heartbeat, held.id, Heartbeat(**held.lease))
    house.clock.move(20)

    completed(house, held)

    assert house.study_row(study.id).device_seconds == pytest.approx(120.0)


def test_a_clock_set_back_does_not_make_a_paused_trial_wait_for_it(house: House) -> None:
    study = house.study()
    held = house.hold(study.id)
    house.do(fail_trial, held.id, Fail(**held.lease, kind="killed"))
    house.sweep()
    monotonic = house.watch.last_monotonic

    house.clock.move(-86_400)
    house.database.writer.write_now(lambda tx: sweep(tx, house.watch, monotonic + 5))

    assert [claimed.trial.id for claimed in house.claim(study.id)] == [held.id]


def test_two_servers_that_see_one_jump_of_the_clock_give_a_lease_once(house: House) -> None:
    study = house.study()
    held = house.hold(study.id, lease_s=60.0)
    watches = [Watch(house.clock.now, house.clock.now, house.clock.now) for _ in range(2)]
    monotonic = house.clock.now

    house.clock.move(3600)
    for watch in watches:
        house.database.writer.write_now(partial(sweep, watch=watch, monotonic=monotonic + 5))

    assert row_of(house, held).expires_at == house.clock.now + 60.0


def test_a_worker_for_anything_finds_work_behind_studies_whose_trials_only_pause(house: House) -> None:
    for _ in range(3):
        paused = house.study(task=TASK, budget={"max_trials": 1})
        held = house.hold(paused.id)
        house.do(fail_trial, held.id, Fail(**held.lease, kind="killed"))
        house.clock.move(0.1)
    busy = house.study(task=TASK)
    house.hold(busy.id)

    claimed = house.claim(None, capabilities=CAN)

    assert [each.study.id for each in claimed] == [busy.id]


def test_a_trial_in_its_pause_is_pending_and_no_more_once_it_runs(house: House) -> None:
    study = house.study(task=TASK, budget={"max_trials": 1})
    held = house.hold(study.id)
    house.do(fail_trial, held.id, Fail(**held.lease, kind="killed"))
    claim = Claim(token=new_token(), worker="w", capabilities=CAN)

    paused = house.do(claim_trials, claim).pending
    house.clock.move(6)
    found = house.do(claim_trials, claim)

    assert (paused, found.pending, len(found.trials)) == (1, 0, 1)


def test_the_result_of_a_worker_put_aside_is_kept_though_it_gets_no_next_trial(house: House) -> None:
    study = house.study()
    house.do(register_worker, RegisterWorker(name="worker", version="1"))
    held = house.hold(study.id)
    house.do(patch_worker, "worker", PatchWorker(state="quarantined", reason="smoke"))

    done = completed(house, held, claim=NextClaim(token=new_token()))

    assert done.trial.state == "completed"
    assert done.claimed is None


def test_one_token_sent_to_two_servers_at_once_gets_one_trial(postgres_url: str) -> None:
    houses = [House(postgres_url), House(postgres_url)]
    study = houses[0].study()
    barrier = threading.Barrier(2)

    def ask(house: House, token: str) -> str:
        barrier.wait()
        return house.claim(study.name, token=token)[0].trial.id

    with ThreadPoolExecutor(2) as threads:
        for token in [new_token() for _ in range(40)]:
            first, second = threads.map(ask, houses, [token, token])
            assert first == second

    for house in houses:
        house.database.close()
