"""What the one writer of a SQLite file knows without reading it again."""

import pytest

from app.services.telling import complete
from app.storage.prefetch import NOTHING
from app.storage.rows import TrialRow
from app.storage.transaction import Transaction
from studyhall.wire.claims import Complete
from tests.databases import House
from tests.storage.test_prefetch import asked, claimed, end, ran

__all__ = ["asked"]


@pytest.fixture
def house(sqlite_url: str) -> House:
    return House(sqlite_url)


def trials_remembered(house: House) -> set[str]:
    return {row.id for row in house.database.writer.memory or () if isinstance(row, TrialRow)}


def test_a_running_trial_is_not_read_again(house: House, asked: list[str]) -> None:
    held = claimed(house, house.study().id)
    asked.clear()

    ended = end(house, *held)

    assert ended.result.trial.state == "completed"
    assert asked == []


def test_what_a_failed_transaction_has_changed_is_not_believed(house: House) -> None:
    held = house.hold(house.study().id)

    def fail(tx: Transaction) -> None:
        trial = tx.trial(held.id)
        assert trial is not None
        tx.change(trial, note="never")
        raise RuntimeError

    failed = ran(house, fail, NOTHING)

    assert isinstance(failed.error, RuntimeError)
    assert ran(house, lambda tx: tx.trial(held.id).note, NOTHING).result == ""  # type: ignore[union-attr]


def test_what_is_changed_behind_the_rows_is_read_again(house: House) -> None:
    held = house.hold(house.study().id)
    house.clock.move(50)

    ran(house, lambda tx: tx.renew_leases(), NOTHING)

    left = ran(house, lambda tx: tx.trial(held.id).expires_at - tx.now, NOTHING)  # type: ignore[union-attr,operator]
    assert left.result == pytest.approx(60)


def test_ended_trials_are_let_go_of(house: House) -> None:
    held = house.hold(house.study().id)
    remembered = trials_remembered(house)

    house.do(complete, held.id, Complete(**held.lease, metrics={"loss": 1.0}))

    assert remembered == {held.id}
    assert trials_remembered(house) == set()
