"""Deleted studies: gone at once for everybody, and emptied in pieces that hold nobody up."""

from functools import partial

import pytest
from sqlalchemy import Connection

from app.services.reading import get_study, get_trial
from app.services.studies import delete_study
from app.services.telling import complete, heartbeat
from app.storage import graves
from studyhall.errors import NotFound
from studyhall.trial import Measurement
from studyhall.wire.claims import Complete, Heartbeat
from tests.databases import ADMIN, House

TABLES = ("studies", "trials", "attempts", "measurements", "levels", "events")


@pytest.fixture
def study(house: House, monkeypatch: pytest.MonkeyPatch) -> str:
    """A study with three ended trials of two steps each, too large to be deleted in one piece."""
    monkeypatch.setattr(graves, "MOST_TRIALS", 2)
    monkeypatch.setattr(graves, "MOST_ROWS", 3)
    made = house.study(name="large", stopping={"rule": "median"})
    for _ in range(3):
        held = house.hold(made.id)
        points = tuple(Measurement(step=step, metrics={"loss": 1.0 / step}) for step in (1, 2))
        house.do(complete, held.id, Complete(**held.lease, metrics={"loss": 0.5}, measurements=points))
    return made.id


def test_a_deleted_study_is_gone_at_once_and_its_name_is_free(house: House, study: str) -> None:
    held = house.hold(study)

    house.do(delete_study, "large", force=True)

    for verb in (
        partial(house.ask, get_study, principal=ADMIN, name=study),
        partial(house.ask, get_trial, principal=ADMIN, trial_id=held.id),
        partial(house.do, heartbeat, held.id, Heartbeat(**held.lease)),
        partial(house.do, delete_study, study),
    ):
        with pytest.raises(NotFound):
            verb()
    assert held.id in house.commits[-1].recalled | house.commits[-2].recalled
    again = house.study(name="large")
    assert len(house.claim(again.id, token=held.token)) == 1


def test_what_a_deleted_study_had_goes_piece_by_piece(house: House, study: str) -> None:
    other = house.hold(house.study().id)
    house.do(delete_study, study)

    pieces = 1
    while not house.database.writer.write_now(partial(graves.empty, id=study)):
        pieces += 1

    assert pieces > 4
    assert house.database.read_now(partial(graves.graves, limit=9)) == []
    left = house.database.read_now(_counts)
    assert left == {"studies": 1, "trials": 1, "attempts": 1, "measurements": 0, "levels": 0, "events": 2}
    assert house.do(heartbeat, other.id, Heartbeat(**other.lease)).directive == "continue"


def _counts(connection: Connection) -> dict[str, int]:
    return {table: connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one() for table in TABLES}
