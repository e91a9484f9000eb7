"""Budgets and the end of a study: exact, whoever asks at once."""

import threading
from typing import Any, Literal

import pytest

from app.services.studies import patch_study, pause_study, resume_study, stop_study
from app.services.telling import complete, fail_trial, heartbeat, release
from app.services.trials import cancel_trial, queue_trials
from studyhall.errors import BudgetExhausted, InvalidInput, StudyEnded
from studyhall.study import Budget
from studyhall.trial import Trial
from studyhall.wire.claims import Complete, Fail, Heartbeat, Release
from studyhall.wire.studies import PatchStudy, QueueTrial, QueueTrials, StopStudy
from tests.databases import Held, House


def end(house: House, held: Held, loss: float = 0.5) -> None:
    house.do(complete, held.id, Complete(**held.lease, metrics={"loss": loss}))


def queue(house: House, study: str, *parameters: dict[str, Any], **fields: Any) -> list[Trial]:
    items = tuple(QueueTrial(parameters=p, **fields) for p in parameters)
    return house.do(queue_trials, study, QueueTrials(trials=items))


def test_no_more_trials_than_the_budget_however_many_are_asked_for(house: House) -> None:
    study = house.study(budget={"max_trials": 5})

    claimed = [c for _ in range(4) for c in house.claim(study.id, count=3)]

    assert sorted(c.trial.number for c in claimed) == [0, 1, 2, 3, 4]


def test_threads_that_claim_at_once_share_the_budget_exactly(house: House) -> None:
    study = house.study(budget={"max_trials": 40})
    claimed: list[str] = []
    barrier = threading.Barrier(8)

    def work() -> None:
        barrier.wait()
        for _ in range(10):
            claimed.extend(c.trial.id for c in house.claim(study.id))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(claimed) == len(set(claimed)) == 40
    assert house.study_row(study.id).created == 40


def test_threads_that_complete_one_trial_at_once_have_one_winner(house: House) -> None:
    study = house.study()
    held = house.hold(study.id)
    answers: list[object] = []
    barrier = threading.Barrier(8)

    def work(loss: float) -> None:
        barrier.wait()
        answers.append(house.do(complete, held.id, Complete(**held.lease, metrics={"loss": loss})))

    threads = [threading.Thread(target=work, args=(float(n),)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(not isinstance(answer, Exception) for answer in answers) == 1
    assert house.study_row(study.id).completed == 1


def test_a_study_completes_when_its_budget_is_spent_and_nothing_runs(house: House) -> None:
    study = house.study(budget={"max_trials": 2})
    first, second = house.hold(study.id), house.hold(study.id)

    end(house, first)
    assert house.study_row(study.id).state == "active"
    end(house, second)

    row = house.study_row(study.id)
    assert (row.state, row.reason) == ("completed", "budget")


def test_a_study_ends_at_its_target_and_asks_the_others_to_stop(house: House) -> None:
    study = house.study(objectives=[{"metric": "loss", "target": 0.1}])
    first, second = house.hold(study.id), house.hold(study.id)

    end(house, first, 0.05)
    told = house.do(heartbeat, second.id, Heartbeat(**second.lease))
    house.do(complete, second.id, Complete(**second.lease, metrics={"loss": 1.0}, pruned=True))

    assert (told.directive, told.reason) == ("stop", "target")
    row = house.study_row(study.id)
    assert (row.state, row.reason, row.pruned) == ("completed", "target", 1)


def test_with_several_objectives_one_trial_must_reach_every_target(house: House) -> None:
    objectives = [{"metric": "loss", "target": 0.1}, {"metric": "cost", "target": 5.0}, {"metric": "size"}]
    study = house.study(objectives=objectives)
    states = []

    for loss, cost in [(0.05, 9.0), (0.5, 1.0), (0.1, 5.0)]:
        held = house.hold(study.id)
        house.do(complete, held.id, Complete(**held.lease, metrics={"loss": loss, "cost": cost, "size": 1.0}))
        states.append(house.study_row(study.id).state)

    assert states == ["active", "active", "completed"]
    assert house.study_row(study.id).reason == "target"


def test_a_study_with_too_many_failures_has_failed(house: House) -> None:
    study = house.study(budget={"max_failed": 2})
    for _ in range(2):
        held = house.hold(study.id)
        house.do(fail_trial, held.id, Fail(**held.lease, kind="user_error"))

    assert house.study_row(study.id).state == "failed"
    assert house.claim(study.id) == []


def test_a_study_out_of_time_is_stopped(house: House) -> None:
    study = house.study(budget={"max_seconds": 100})
    held = house.hold(study.id, lease_s=600.0)

    house.pass_time(101)

    told = house.do(heartbeat, held.id, Heartbeat(**held.lease))
    assert (told.directive, told.reason) == ("stop", "budget")
    assert house.study_row(study.id).state == "stopping"


def test_a_study_that_has_used_its_device_seconds_is_stopped(house: House) -> None:
    study = house.study(budget={"max_device_seconds": 50})
    held = house.hold(study.id, lease_s=600.0)
    house.clock.move(60)
    end(house, held)

    house.sweep()

    row = house.study_row(study.id)
    assert (row.state, row.device_seconds) == ("completed", 60.0)


def test_device_seconds_are_used_by_trials_that_still_run_too(house: House) -> None:
    study = house.study(budget={"max_device_seconds": 50})
    end(house, house.hold(study.id, lease_s=600.0))
    held = house.hold(study.id, lease_s=600.0)
    house.pass_time(40)
    assert house.study_row(study.id).state == "active"

    house.pass_time(10)

    assert house.study_row(study.id).state == "stopping"
    assert house.do(heartbeat, held.id, Heartbeat(**held.lease)).reason == "budget"


def test_no_more_trials_run_at_once_than_the_study_allows(house: House) -> None:
    study = house.study(parallelism=2)

    first = house.claim(study.id, count=5)
    assert len(first) == 2
    assert house.claim(study.id) == []


def test_a_paused_study_hands_out_nothing_until_it_is_resumed(house: House) -> None:
    study = house.study()
    house.do(pause_study, study.id)

    assert house.claim(study.id) == []
    house.do(resume_study, study.id)
    assert len(house.claim(study.id)) == 1


@pytest.mark.parametrize(("mode", "state"), [("drain", "running"), ("graceful", "running"), ("kill", "cancelled")])
def test_the_three_ways_to_stop_a_study(house: House, mode: Literal["drain", "graceful", "kill"], state: str) -> None:
    study = house.study()
    held = house.hold(study.id)

    house.do(stop_study, study.id, StopStudy(mode=mode))

    assert house.study_row(study.id).state == ("completed" if mode == "kill" else "stopping")
    assert getattr(house.study_row(study.id), state) == 1
    if mode != "kill":
        told = house.do(heartbeat, held.id, Heartbeat(**held.lease))
        assert told.directive == ("stop" if mode == "graceful" else "continue")
        end(house, held)
        assert house.study_row(study.id).state == "completed"


def test_a_trial_released_while_its_study_stops_is_cancelled(house: House) -> None:
    study = house.study()
    held = house.hold(study.id)
    house.do(stop_study, study.id, StopStudy())

    done = house.do(release, held.id, Release(**held.lease))

    assert done.state == "cancelled"
    assert house.study_row(study.id).state == "completed"


def test_a_study_at_its_budget_resumes_only_with_a_larger_one(house: House) -> None:
    study = house.study(budget={"max_trials": 1})
    end(house, house.hold(study.id))

    with pytest.raises(BudgetExhausted):
        house.do(resume_study, study.id)
    house.do(patch_study, study.id, PatchStudy(budget=Budget(max_trials=2)))
    house.do(resume_study, study.id)

    assert len(house.claim(study.id)) == 1


def test_a_budget_below_what_was_made_is_refused(house: House) -> None:
    study = house.study(budget={"max_trials": 5})
    house.claim(study.id, count=3)

    with pytest.raises(InvalidInput) as refusal:
        house.do(patch_study, study.id, PatchStudy(budget=Budget(max_trials=2)))

    assert refusal.value.errors[0].pointer == "/budget/max_trials"


def test_queued_trials_are_handed_out_first_and_oldest_first(house: House) -> None:
    study = house.study(budget={"max_trials": 3})
    queue(house, study.id, {"x": 0.25, "kind": "a"}, {"x": 0.75, "kind": "a"})

    claimed = house.claim(study.id, count=3)

    assert [c.trial.parameters.get("x") for c in claimed[:2]] == [0.25, 0.75]
    assert [c.trial.source for c in claimed] == ["queue", "queue", "model"]


def test_what_a_queued_trial_leaves_out_is_filled_in(house: House) -> None:
    study = house.study()

    (trial,) = queue(house, study.id, {"kind": "b", "depth": 3})

    assert trial.parameters["depth"] == 3
    assert isinstance(trial.parameters["x"], float)


def test_more_queued_trials_than_the_budget_are_refused_together(house: House) -> None:
    study = house.study(budget={"max_trials": 1})

    with pytest.raises(BudgetExhausted):
        queue(house, study.id, {"x": 0.1, "kind": "a"}, {"x": 0.2, "kind": "a"})

    assert house.study_row(study.id).waiting == 0


def test_queueing_for_an_ended_study_is_refused(house: House) -> None:
    study = house.study()
    house.do(stop_study, study.id, StopStudy())

    with pytest.raises(StudyEnded):
        queue(house, study.id, {"x": 0.1, "kind": "a"})


def test_imported_trials_count_for_the_best_and_not_for_the_budget(house: House) -> None:
    study = house.study(budget={"max_trials": 1})

    queue(house, study.id, {"x": 0.1, "kind": "a"}, state="completed", metrics={"loss": 0.125})

    row = house.study_row(study.id)
    assert (row.best_value, row.created, row.completed) == (0.125, 0, 1)
    assert [c.trial.number for c in house.claim(study.id)] == [1]


def test_a_waiting_trial_that_is_cancelled_gives_its_place_back(house: House) -> None:
    study = house.study(budget={"max_trials": 1})
    (trial,) = queue(house, study.id, {"x": 0.1, "kind": "a"})

    house.do(cancel_trial, trial.id, None)

    assert house.study_row(study.id).created == 0
    assert len(house.claim(study.id)) == 1
