"""Workers: how they are counted, put aside and taken back."""

import pytest

from app.services.fleet import FORGOTTEN_AFTER_S, WorkerAside, patch_worker, register_worker
from app.services.reading import get_trial
from app.services.telling import complete, fail_trial, heartbeat
from app.storage import reader
from studyhall.errors import StaleLease
from studyhall.wire.claims import Complete, Fail, Heartbeat
from studyhall.wire.fleet import PatchWorker, RegisterWorker, TrainableInfo, Worker
from tests.databases import ADMIN, House


def register(house: House, *names: str) -> None:
    for name in names:
        house.do(register_worker, RegisterWorker(name=name, version="0.1.0"))


def worker(house: House, name: str) -> Worker:
    listed = house.ask(reader.workers, project="default", now=house.clock.now, offline_after_s=90.0)
    return next(each for each in listed if each.name == name)


def succeed(house: House, study: str, name: str) -> None:
    held = house.hold(study, worker=name)
    house.do(complete, held.id, Complete(**held.lease, metrics={"loss": 1.0}))


def fail(house: House, study: str, name: str) -> None:
    held = house.hold(study, worker=name)
    house.do(fail_trial, held.id, Fail(**held.lease, kind="user_error"))


def test_a_worker_s_trials_are_counted(house: House) -> None:
    register(house, "w1")
    study = house.study()
    succeed(house, study.id, "w1")
    fail(house, study.id, "w1")
    house.claim(study.id, worker="w1")

    found = worker(house, "w1")

    assert (found.completed, found.failed, found.running, found.state) == (1, 1, 1, "online")


def test_a_worker_that_was_not_heard_of_for_long_is_forgotten(house: House) -> None:
    register(house, "old", "aside", "back")
    house.do(patch_worker, "aside", PatchWorker(state="quarantined", reason="hot"))
    house.clock.move(FORGOTTEN_AFTER_S + 1)
    register(house, "back")

    gone = house.database.writer.write_now(lambda tx: tx.forget_workers(house.clock.now - FORGOTTEN_AFTER_S))

    listed = house.ask(reader.workers, project="default", now=house.clock.now, offline_after_s=90.0)
    assert (gone, [each.name for each in listed]) == (1, ["aside", "back"])
    register(house, "old")
    succeed(house, house.study().id, "old")
    assert worker(house, "old").completed == 1


def test_of_very_many_workers_those_that_were_heard_of_last_are_told(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "MOST_WORKERS", 2)
    for name, epochs in (("a", 1), ("b", 2), ("c", 3)):
        task = TrainableInfo(name="net", summary="a net", settings={"epochs": epochs})
        house.do(register_worker, RegisterWorker(name=name, version="0.1.0", trainables=(task,)))
        house.clock.move(1)

    listed = house.ask(reader.workers, project="default", now=house.clock.now, offline_after_s=90.0)
    (told,) = house.ask(reader.trainables, project="default")

    assert [each.name for each in listed] == ["b", "c"]
    assert told.settings == {"epochs": 3}


def test_a_silent_worker_is_offline(house: House) -> None:
    register(house, "w1")

    house.clock.move(100)

    assert worker(house, "w1").state == "offline"


def test_a_worker_that_fails_where_others_do_not_is_put_aside(house: House) -> None:
    register(house, "good", "bad")
    study = house.study()
    succeed(house, study.id, "good")

    for _ in range(5):
        fail(house, study.id, "bad")

    assert worker(house, "bad").state == "quarantined"
    with pytest.raises(WorkerAside, match="its last 5 attempts failed"):
        house.claim(study.id, worker="bad")


def test_a_worker_that_fails_like_all_others_is_not_put_aside(house: House) -> None:
    register(house, "w1", "w2")
    study = house.study()

    for _ in range(6):
        fail(house, study.id, "w1")
        fail(house, study.id, "w2")

    assert worker(house, "w1").state == worker(house, "w2").state == "online"


def test_the_trials_of_a_worker_put_aside_are_given_to_others(house: House) -> None:
    register(house, "w1")
    study = house.study()
    held = house.hold(study.id, worker="w1")
    house.do(patch_worker, "w1", PatchWorker(state="quarantined", reason="its fan is broken"))

    house.sweep()

    assert house.ask(get_trial, principal=ADMIN, trial_id=held.id).state == "waiting"
    with pytest.raises(StaleLease):
        house.do(heartbeat, held.id, Heartbeat(**held.lease))
    assert [c.trial.id for c in house.claim(study.id, worker="w2")] == [held.id]


def test_a_worker_taken_back_claims_again(house: House) -> None:
    register(house, "w1")
    study = house.study()
    house.do(patch_worker, "w1", PatchWorker(state="quarantined"))

    house.do(patch_worker, "w1", PatchWorker(state="online"))

    assert len(house.claim(study.id, worker="w1")) == 1


def test_a_draining_worker_keeps_what_it_has_and_gets_nothing_more(house: House) -> None:
    register(house, "w1")
    study = house.study()
    held = house.hold(study.id, worker="w1")

    house.do(patch_worker, "w1", PatchWorker(state="draining"))

    assert house.claim(study.id, worker="w1") == []
    assert house.do(heartbeat, held.id, Heartbeat(**held.lease)).directive == "continue"
