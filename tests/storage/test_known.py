"""What the one writer of a SQLite file knows without reading it again."""

import pytest

from app.services.claiming import answer, claim_trials
from app.services.claiming import touches as touches_of_claim
from app.services.telling import complete, report, touches
from app.storage.prefetch import NOTHING
from app.storage.rows import TrialRow
from app.storage.transaction import Transaction
from studyhall.trial import Measurement
from studyhall.wire import Claim, Complete, Report
from tests.databases import ADMIN, House, new_token
from tests.storage.test_prefetch import asked, ran

__all__ = ["asked"]


@pytest.fixture
def house(sqlite_url: str) -> House:
    return House(sqlite_url)


def trials_remembered(house: House) -> set[str]:
    return {row.id for row in house.database.writer.memory or () if isinstance(row, TrialRow)}


def test_a_running_trial_is_not_read_again(house: House, asked: list[str]) -> None:
    study = house.study()
    claim = Claim(token=new_token(), worker="worker", study=study.id)
    claimed = ran(house, lambda tx: answer(tx, claim_trials(tx, ADMIN, claim)), touches_of_claim(ADMIN, claim))
    trial, token = claimed.result.trials[0].trial.id, claim.token
    asked.clear()

    news = Report(attempt=1, token=token, measurements=(Measurement(step=0, metrics={"loss": 0.5}),))
    ran(house, lambda tx: report(tx, ADMIN, trial, news), touches(trial, news))
    end = Complete(attempt=1, token=token, metrics={"loss": 0.5})
    ended = ran(house, lambda tx: complete(tx, ADMIN, trial, end), touches(trial, end))

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
