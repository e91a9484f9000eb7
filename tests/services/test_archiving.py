"""Studies put away: what is refused, what is not, and what happens by age."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from app.services import lists, shares, studies, trials
from app.services.archiving import archive_old, archive_study, unarchive_study
from app.services.retention import DAY_S, Retention
from app.services.telling import complete
from app.storage.reader import TrialFilter
from studyhall.errors import NotFound, StudyArchived, StudyBusy
from studyhall.shares import CreateShare
from studyhall.study import Study
from studyhall.wire.claims import Complete
from studyhall.wire.studies import PatchStudy, PatchTrial, QueueTrials, StopStudy
from tests.databases import ADMIN, House


def ended(house: House) -> Study:
    study = house.study()
    held = house.hold(study.id)
    house.do(complete, held.id, Complete(**held.lease, metrics={"loss": 1.0}))
    house.do(studies.stop_study, study.id, StopStudy())
    return study


def listed(house: House, *, archived: bool = False) -> list[str]:
    page = house.ask(lists.studies, principal=ADMIN, limit=50, cursor=None, archived=archived)
    return [study.id for study in page.items]


def put_away(house: House, **retention: Any) -> dict[str, int]:
    return asyncio.run(archive_old(house.database, Retention(**retention), house.clock.now))


def test_an_archived_study_leaves_the_lists_and_comes_back(house: House) -> None:
    study = ended(house)

    house.do(archive_study, study.id)
    assert (listed(house), listed(house, archived=True)) == ([], [study.id])

    house.do(unarchive_study, study.id)
    assert (listed(house), listed(house, archived=True)) == ([study.id], [])


def test_a_study_that_has_not_ended_stays(house: House) -> None:
    with pytest.raises(StudyBusy, match="stop it before"):
        house.do(archive_study, house.study().id)


def test_an_archived_study_cannot_be_changed(house: House) -> None:
    study = ended(house)
    house.do(archive_study, study.id)
    page, _ = house.ask(lists.trials, principal=ADMIN, name=study.id, filter=TrialFilter(), limit=1, cursor=None)
    (trial,) = page.items

    more = QueueTrials.model_validate_json('{"trials": [{"parameters": {}}]}')
    verbs: list[Callable[[], object]] = [
        partial(house.do, studies.patch_study, study.id, PatchStudy(priority=2)),
        partial(house.do, studies.pause_study, study.id),
        partial(house.do, studies.resume_study, study.id),
        partial(house.do, studies.stop_study, study.id, StopStudy()),
        partial(house.do, trials.queue_trials, study.id, more),
        partial(house.do, trials.patch_trial, trial.id, PatchTrial(note="n")),
        partial(house.do, trials.retry_trial, trial.id),
    ]
    for verb in verbs:
        with pytest.raises(StudyArchived):
            verb()


def test_an_archived_study_can_be_shared_and_deleted(house: House) -> None:
    study = ended(house)
    house.do(archive_study, study.id)

    assert house.do(shares.create_share, study.id, CreateShare()).link
    house.do(studies.delete_study, study.id)
    with pytest.raises(NotFound):
        house.do(unarchive_study, study.id)


def test_by_age_studies_are_put_away_and_later_deleted(house: House) -> None:
    old, running = ended(house), house.study(name="running")
    house.clock.move(31 * DAY_S)
    new = ended(house)

    assert put_away(house) == {}
    assert put_away(house, archive_days=30, studies_days=30) == {"archived": 1}
    assert set(listed(house)) == {running.id, new.id}
    house.clock.move(31 * DAY_S)
    assert put_away(house, studies_days=30) == {"deleted": 1}
    assert listed(house, archived=True) == []
    assert old.id not in listed(house)
