"""What is forgotten of trials that ended long ago, and what never is."""

import asyncio
from typing import Any

import pytest

from app.services.artifacts import keep_artifact, list_artifacts
from app.services.logs import keep_log, read_log
from app.services.retention import DAY_S, Retention, forget_outputs
from app.services.telling import complete
from app.storage.contents import Content
from studyhall.wire.claims import Complete
from studyhall.wire.outputs import SendLog
from tests.databases import ADMIN, House

TWO_OBJECTIVES = [{"metric": "loss"}, {"metric": "size"}]


def leave(house: House, study: str, **metrics: float) -> str:
    """A trial that has printed and kept something, and has ended unless it has no metrics."""
    held = house.hold(study)
    house.do(keep_log, held.id, SendLog(**held.lease, start=0, text="printed\n"))
    house.do(keep_log, held.id, SendLog(**held.lease, start=8, text="more\n"))
    house.do(keep_artifact, held.id, **held.lease, name="weights", content=Content("0" * 64, 10))
    if metrics:
        house.do(complete, held.id, Complete(**held.lease, metrics=metrics))
    return held.id


def left(house: House, trial: str) -> tuple[bool, bool]:
    """Whether a trial still has its log, and its artifact."""
    log = house.ask(read_log, principal=ADMIN, trial_id=trial, attempt=None, after=0)
    return bool(log.text), bool(house.ask(list_artifacts, principal=ADMIN, trial_id=trial))


def forget(house: House, **retention: Any) -> dict[str, int]:
    return asyncio.run(forget_outputs(house.database, Retention(**retention), house.clock.now))


def test_by_default_nothing_is_forgotten(house: House) -> None:
    trial = leave(house, house.study().id, loss=1.0)
    house.clock.move(10_000 * DAY_S)

    assert forget(house) == {}

    assert left(house, trial) == (True, True)


def test_logs_and_artifacts_are_forgotten_some_days_after_the_trials_end(house: House) -> None:
    study = house.study().id
    old = leave(house, study, loss=1.0)
    house.clock.move(20 * DAY_S)
    new = leave(house, study, loss=2.0)
    house.clock.move(20 * DAY_S)

    assert forget(house, logs_days=30, artifacts_days=50, best=0) == {"logs": 1, "artifacts": 0}
    assert (left(house, old), left(house, new)) == ((False, True), (True, True))
    assert forget(house, logs_days=30, artifacts_days=30, best=0) == {"logs": 0, "artifacts": 1}
    assert (left(house, old), left(house, new)) == ((False, False), (True, True))


@pytest.mark.parametrize(("goal", "spared"), [("minimize", [0, 2]), ("maximize", [1, 3])])
def test_the_best_trials_keep_theirs(house: House, goal: str, spared: list[int]) -> None:
    study = house.study(objectives=[{"metric": "loss", "goal": goal}]).id
    trials = [leave(house, study, loss=loss) for loss in (1.0, 4.0, 2.0, 3.0)]
    house.clock.move(40 * DAY_S)

    forget(house, logs_days=30, artifacts_days=30, best=2)

    assert [number for number in range(4) if left(house, trials[number]) == (True, True)] == spared


def test_all_on_the_front_keep_theirs(house: House) -> None:
    study = house.study(objectives=TWO_OBJECTIVES).id
    trials = [leave(house, study, loss=loss, size=size) for loss, size in ((1.0, 3.0), (3.0, 1.0), (4.0, 4.0))]
    house.clock.move(40 * DAY_S)

    forget(house, artifacts_days=30, best=1)

    assert [left(house, trial)[1] for trial in trials] == [True, True, False]


def test_a_trial_that_still_runs_loses_nothing_however_old(house: House) -> None:
    trial = leave(house, house.study().id)
    house.clock.move(40 * DAY_S)

    forget(house, logs_days=1, artifacts_days=1, best=0)

    assert left(house, trial) == (True, True)


def test_many_trials_are_forgotten_page_by_page(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.services.retention.PAGE", 2)
    study = house.study().id
    trials = [leave(house, study, loss=float(number)) for number in range(5)]
    house.clock.move(40 * DAY_S)

    assert forget(house, logs_days=30, best=1) == {"logs": 4}

    assert [left(house, trial)[0] for trial in trials] == [True, False, False, False, False]
