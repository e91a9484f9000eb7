"""What a batch reads in one go, and writes in one go."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from app.services.claiming import answer, claim_trials
from app.services.claiming import touches as touches_of_claim
from app.services.telling import complete, report, touches
from app.storage.prefetch import NOTHING, Touches
from app.storage.statement import Session
from app.storage.transaction import Transaction
from app.storage.writer import Work
from studyhall.errors import StorageBusy
from studyhall.trial import Measurement
from studyhall.wire.claims import Claim, Complete, Report
from tests.databases import ADMIN, House, new_token


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The queries that this thread asks one at a time; servers of other tests may sweep meanwhile."""
    texts: list[str] = []
    rows, here = Session.rows, threading.get_ident()

    def recorded(session: Session, statement: Any, values: Any) -> Any:
        if threading.get_ident() == here:
            texts.append(statement.text(session.dialect))
        return rows(session, statement, values)

    monkeypatch.setattr(Session, "rows", recorded)
    return texts


def ran(house: House, verb: Callable[[Transaction], Any], touched: Touches) -> Work:
    work = Work(verb, touched, None, None)
    house.database.writer._run([work])
    return work


def claimed(house: House, study: str) -> tuple[str, str]:
    """A trial that a script asks for, and its token."""
    claim = Claim(token=new_token(), worker="worker", study=study)
    work = ran(house, lambda tx: answer(tx, claim_trials(tx, ADMIN, claim)), touches_of_claim(ADMIN, claim))
    return work.result.trials[0].trial.id, claim.token


def end(house: House, trial: str, token: str) -> Work:
    """One report of it, and its end."""
    news = Report(attempt=1, token=token, measurements=(Measurement(step=0, metrics={"loss": 0.5}),))
    ran(house, lambda tx: report(tx, ADMIN, trial, news), touches(trial, news))
    told = Complete(attempt=1, token=token, metrics={"loss": 0.5})
    return ran(house, lambda tx: complete(tx, ADMIN, trial, told), touches(trial, told))


def test_what_a_worker_says_is_read_in_one_round_trip(postgres_url: str, asked: list[str]) -> None:
    house = House(postgres_url)
    study = house.study()
    asked.clear()

    ended = end(house, *claimed(house, study.id))

    assert ended.result.trial.state == "completed"
    assert asked == []
    house.database.close()


def test_a_trial_that_nobody_announced_is_read_when_it_is_asked_for(house: House) -> None:
    held = house.hold(house.study().id)

    read = ran(house, lambda tx: tx.trial(held.id), NOTHING)

    assert read.result.id == held.id


def test_more_trials_than_fit_any_list_are_read_at_once(house: House) -> None:
    study = house.study()
    ids = tuple(claimed.trial.id for claimed in house.claim(study.id, count=50))

    read = ran(house, lambda tx: [tx.trial(id) for id in ids], Touches(trials=(*ids, "tr_unknown")))

    assert [row.id for row in read.result] == list(ids)


def test_several_rows_are_changed_only_if_all_are_as_they_were_read(house: House) -> None:
    study = house.study()
    ids = tuple(claimed.trial.id for claimed in house.claim(study.id, count=3))

    def change(tx: Transaction) -> None:
        trials = [trial for id in ids if (trial := tx.trial(id)) is not None]
        for trial in trials:
            tx.change(trial, note="changed")
        tx._known.was[trials[1]] = (7, "running")  # as if another server had given it out again

    overtaken = ran(house, change, Touches(trials=ids))

    assert isinstance(overtaken.error, StorageBusy)
    kept = ran(house, lambda tx: [tx.trial(id) for id in ids], NOTHING)
    assert [row.note for row in kept.result] == ["", "", ""]
