"""Leases: who may write to a trial, and what happens when a worker is not heard of."""

from typing import Any

import pytest

from app.services import sweeping, telling
from app.services.claiming import claim_trials
from app.services.reading import get_trial
from app.services.sweeping import Watch, sweep
from app.services.telling import complete, fail_trial, heartbeat, infeasible, release, report
from app.services.trials import cancel_trial
from app.storage import reader
from studyhall.errors import MeasurementConflict, NotFound, StaleLease, TooMuch, TrialFinished
from studyhall.trial import Measurement, Trial
from studyhall.wire.claims import Claim, Complete, Completed, Fail, Heartbeat, Infeasible, NextClaim, Release, Report
from tests.databases import ADMIN, STRANGER, Held, House, new_token


def completing(held: Held, loss: float = 0.5, **fields: Any) -> Complete:
    return Complete(**held.lease, metrics={"loss": loss}, **fields)


def completed(house: House, held: Held, told: Complete) -> Completed:
    answer = house.do(complete, held.id, told)
    assert isinstance(answer, Completed)
    return answer


def reporting(held: Held, step: int, loss: float) -> Report:
    return Report(**held.lease, measurements=(Measurement(step=step, metrics={"loss": loss}),))


def trial(house: House, id: str) -> Trial:
    return house.ask(get_trial, principal=ADMIN, trial_id=id)


def test_the_same_token_claims_the_same_trials_again(house: House) -> None:
    study = house.study()
    token = new_token()

    first = house.claim(study.id, count=3, token=token)
    second = house.claim(study.id, count=3, token=token)

    assert [c.trial.id for c in first] == [c.trial.id for c in second]
    assert [c.attempt for c in second] == [1, 1, 1]


def test_two_tokens_never_get_the_same_trial(house: House) -> None:
    study = house.study()

    ids = [claimed.trial.id for _ in range(10) for claimed in house.claim(study.id)]

    assert len(set(ids)) == 10


def test_a_completed_trial_keeps_its_metrics_and_becomes_the_best(house: House) -> None:
    study = house.study()
    held = house.hold(study.id)

    done = completed(house, held, completing(held, 0.25))

    assert done.trial.state == "completed"
    assert done.trial.metrics == {"loss": 0.25}
    assert house.study_row(study.id).best_trial == held.id


@pytest.mark.catalogue("TR-014")
def test_the_same_completion_again_gets_the_stored_trial(house: House) -> None:
    held = house.hold(house.study().id)

    first = completed(house, held, completing(held))
    second = completed(house, held, completing(held))

    assert first.trial == second.trial


@pytest.mark.catalogue("TR-015")
def test_another_completion_is_refused_and_the_first_stands(house: House) -> None:
    held = house.hold(house.study().id)
    house.do(complete, held.id, completing(held, 0.5))

    refusal = house.do(complete, held.id, completing(held, 0.1))

    assert isinstance(refusal, TrialFinished)
    assert trial(house, held.id).metrics == {"loss": 0.5}


def test_a_lost_worker_s_trial_waits_for_another(house: House) -> None:
    study = house.study()
    held = house.hold(study.id, lease_s=60.0)

    house.pass_time(61)

    assert trial(house, held.id).state == "waiting"
    house.pass_time(300)
    (again,) = house.claim(study.id)
    assert again.trial.id == held.id
    assert again.attempt == 2


def test_a_worker_that_lost_its_lease_cannot_complete_the_trial(house: House) -> None:
    study = house.study()
    zombie = house.hold(study.id)
    house.pass_time(61)
    house.pass_time(300)
    house.hold(study.id)

    refusal = house.do(complete, zombie.id, completing(zombie, 0.0))

    assert isinstance(refusal, StaleLease)
    assert trial(house, zombie.id).state == "running"


def test_a_refused_result_is_kept_as_an_event(house: House) -> None:
    study = house.study()
    zombie = house.hold(study.id)
    house.pass_time(61)
    house.pass_time(300)
    house.hold(study.id)
    house.do(complete, zombie.id, completing(zombie, 0.125))

    events = house.ask(reader.events_after, study_id=study.id, after=0, limit=100)

    refused = [event for event in events if event.kind == "trial.refused"]
    assert [event.data["metrics"] for event in refused] == [{"loss": 0.125}]


@pytest.mark.catalogue("TR-017")
def test_a_late_result_of_a_trial_nobody_has_claimed_since_is_accepted_once(house: House) -> None:
    study = house.study()
    late = house.hold(study.id)
    house.pass_time(61)

    done = completed(house, late, completing(late))

    assert done.trial.state == "completed"
    assert house.study_row(study.id).completed == 1
    assert house.study_row(study.id).waiting == 0


def test_a_worker_that_comes_back_before_anybody_else_gets_its_trial_back(house: House) -> None:
    study = house.study()
    held = house.hold(study.id)
    house.pass_time(61)

    told = house.do(heartbeat, held.id, Heartbeat(**held.lease))

    assert told.directive == "continue"
    assert trial(house, held.id).state == "running"
    assert trial(house, held.id).attempt == 1


@pytest.mark.catalogue("TR-011")
def test_a_heartbeat_renews_a_lease_that_has_run_out_but_was_not_taken_away(house: House) -> None:
    held = house.hold(house.study().id, lease_s=60.0)
    house.clock.move(90)

    told = house.do(heartbeat, held.id, Heartbeat(**held.lease))

    assert told.lease.expires_in_s == 60.0


def test_a_trial_is_failed_when_its_workers_are_lost_again_and_again(house: House) -> None:
    study = house.study(retry={"infrastructure": 2})
    for _ in range(3):
        held = house.hold(study.id)
        house.pass_time(61)
        house.pass_time(300)

    assert trial(house, held.id).state == "failed"
    assert trial(house, held.id).failure == "worker_lost"


@pytest.mark.catalogue("TR-020")
def test_a_wrong_token_is_refused(house: House) -> None:
    held = house.hold(house.study().id)

    with pytest.raises(StaleLease):
        house.do(heartbeat, held.id, Heartbeat(attempt=held.attempt, token=new_token()))


def test_a_waiting_trial_that_was_never_claimed_cannot_be_completed(house: House) -> None:
    study = house.study(retry={"infrastructure": 3})
    held = house.hold(study.id)
    house.do(release, held.id, Release(**held.lease))

    refusal = house.do(complete, held.id, completing(held))

    assert isinstance(refusal, StaleLease)


def test_a_released_trial_costs_neither_budget_nor_a_retry(house: House) -> None:
    study = house.study(budget={"max_trials": 1}, retry={"infrastructure": 0})
    held = house.hold(study.id)

    house.do(release, held.id, Release(**held.lease))
    house.do(release, held.id, Release(**held.lease))

    (again,) = house.claim(study.id)
    assert again.trial.id == held.id
    assert house.study_row(study.id).created == 1


def test_measurements_sent_again_change_nothing(house: House) -> None:
    study = house.study()
    held = house.hold(study.id)
    house.do(report, held.id, reporting(held, 1, 0.5))
    before = house.study_row(study.id).sequence

    told = house.do(report, held.id, reporting(held, 1, 0.5))

    assert told.directive == "continue"
    assert house.study_row(study.id).sequence == before


def test_a_step_reported_with_another_value_is_refused(house: House) -> None:
    held = house.hold(house.study().id)
    house.do(report, held.id, reporting(held, 1, 0.5))

    with pytest.raises(MeasurementConflict) as refusal:
        house.do(report, held.id, reporting(held, 1, 0.25))

    assert refusal.value.errors[0].pointer == "/measurements/0/metrics/loss"


@pytest.mark.catalogue("ME-016")
def test_steps_may_arrive_out_of_order_and_metrics_of_a_step_in_parts(house: House) -> None:
    held = house.hold(house.study().id)
    house.do(report, held.id, reporting(held, 5, 0.5))
    house.do(report, held.id, reporting(held, 2, 0.7))
    more = Report(**held.lease, measurements=(Measurement(step=5, metrics={"accuracy": 0.9}),))

    house.do(report, held.id, more)

    page = house.ask(reader.measurements_page, trial_id=held.id, attempt=None, limit=10, cursor=None)
    assert [(m.step, m.metrics) for m in page.items] == [(2, {"loss": 0.7}), (5, {"loss": 0.5, "accuracy": 0.9})]
    assert trial(house, held.id).step == 5


@pytest.mark.catalogue("ME-021")
def test_a_trial_keeps_so_many_steps_and_goes_on_without_more(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "MOST_POINTS", 2)
    held = house.hold(house.study().id)
    for step in (1, 2, 2):
        house.do(report, held.id, reporting(held, step, 0.5))

    with pytest.raises(TooMuch, match="at most 2 steps"):
        house.do(report, held.id, reporting(held, 3, 0.5))

    assert completed(house, held, completing(held)).trial.state == "completed"
    assert house.ask(get_trial, principal=ADMIN, trial_id=held.id).step == 2


@pytest.mark.catalogue("CF-021")
@pytest.mark.parametrize("lease_s", [1.0, 60.0, 3600.0])
def test_a_lease_of_any_length_leaves_time_for_three_heartbeats(house: House, lease_s: float) -> None:
    held = house.hold(house.study().id, lease_s=lease_s)

    assert held.claimed.lease.heartbeat_s <= lease_s / 3


@pytest.mark.catalogue("ME-018")
def test_a_report_after_the_end_is_refused(house: House) -> None:
    held = house.hold(house.study().id)
    house.do(complete, held.id, completing(held))

    with pytest.raises(TrialFinished):
        house.do(report, held.id, reporting(held, 1, 0.5))


def test_an_infeasible_trial_says_why_and_is_not_run_again(house: House) -> None:
    study = house.study()
    held = house.hold(study.id)

    done = house.do(infeasible, held.id, Infeasible(**held.lease, reason="loss is not finite at step 3"))

    assert (done.state, done.reason) == ("infeasible", "loss is not finite at step 3")


def test_an_error_of_the_user_s_code_is_not_tried_again_by_itself(house: House) -> None:
    held = house.hold(house.study().id)

    done = house.do(fail_trial, held.id, Fail(**held.lease, kind="user_error", message="KeyError: 'x'"))

    assert (done.state, done.failure, done.reason) == ("failed", "user_error", "KeyError: 'x'")


def test_a_killed_attempt_is_tried_again_after_a_pause(house: House) -> None:
    study = house.study()
    held = house.hold(study.id)

    done = house.do(fail_trial, held.id, Fail(**held.lease, kind="killed"))
    repeated = house.do(fail_trial, held.id, Fail(**held.lease, kind="killed"))

    assert done.state == repeated.state == "waiting"
    assert all(claimed.trial.id != held.id for claimed in house.claim(study.id))
    house.clock.move(6)
    assert [claimed.trial.id for claimed in house.claim(study.id)] == [held.id]


def test_only_the_end_of_a_long_message_is_kept(house: House) -> None:
    held = house.hold(house.study().id)

    done = house.do(fail_trial, held.id, Fail(**held.lease, kind="user_error", message="x" * 100_000 + "the end"))

    assert done.reason is not None
    assert done.reason.startswith("[…]")
    assert done.reason.endswith("the end")
    assert len(done.reason) < 17_000


def test_a_cancelled_trial_refuses_its_worker(house: House) -> None:
    held = house.hold(house.study().id)
    house.do(cancel_trial, held.id, "not needed")

    with pytest.raises(TrialFinished):
        house.do(heartbeat, held.id, Heartbeat(**held.lease))


def test_another_project_sees_nothing_of_a_trial_even_with_its_token(house: House) -> None:
    held = house.hold(house.study().id)

    with pytest.raises(NotFound):
        house.do(heartbeat, held.id, Heartbeat(**held.lease), by=STRANGER)
    with pytest.raises(NotFound):
        house.do(complete, held.id, completing(held), by=STRANGER)
    with pytest.raises(NotFound):
        house.do(claim_trials, Claim(token=held.token, worker="w"), by=STRANGER)


def test_a_completion_may_carry_measurements_and_the_next_claim(house: House) -> None:
    study = house.study()
    held = house.hold(study.id)
    token = new_token()
    told = completing(held, measurements=(Measurement(step=1, metrics={"loss": 1.0}),), claim=NextClaim(token=token))

    first = completed(house, held, told)
    second = completed(house, held, told)

    assert first.claimed is not None
    assert second.claimed is not None
    assert first.claimed.trials[0].trial.id == second.claimed.trials[0].trial.id
    assert house.study_row(study.id).running == 1
    assert first.trial.step == 1


def test_no_lease_is_judged_until_the_server_has_been_up_for_one(house: House) -> None:
    held = house.hold(house.study().id, lease_s=60.0)
    house.clock.move(600)
    house.watch.since = house.clock.now - 10
    house.watch.last_monotonic, house.watch.last_now = house.clock.now, house.clock.now

    house.sweep()

    assert trial(house, held.id).state == "running"


def test_a_jump_of_the_clock_takes_no_lease_away(house: House) -> None:
    held = house.hold(house.study().id, lease_s=60.0)
    house.sweep()
    monotonic = house.watch.last_monotonic

    house.clock.move(86_400)  # the wall clock alone
    house.database.writer.write_now(lambda tx: sweep(tx, house.watch, monotonic + 5))
    house.database.writer.write_now(lambda tx: sweep(tx, house.watch, monotonic + 5))

    assert trial(house, held.id).state == "running"


def test_leases_that_are_not_judged_yet_do_not_hide_those_that_are(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "BATCH", 1)
    study = house.study()
    house.hold(study.id, lease_s=3600)
    house.clock.move(3595)
    short = house.hold(study.id, lease_s=10)
    house.clock.move(100)
    house.watch = Watch(house.clock.now - 60, house.clock.now)  # the server is up for a minute

    house.sweep()

    assert trial(house, short.id).state == "waiting"
