"""Logs: what attempts print is kept once, in order, and bounded."""

import pytest

from app.services import logs
from app.services.logs import keep_log, read_log
from app.services.telling import complete, release
from app.services.trials import cancel_trial, queue_trials
from studyhall.errors import NotFound, StaleLease
from studyhall.wire.claims import Complete, Release
from studyhall.wire.outputs import Log, LogKept, SendLog
from studyhall.wire.studies import QueueTrial, QueueTrials
from tests.databases import ADMIN, STRANGER, Held, House


@pytest.fixture
def held(house: House) -> Held:
    return house.hold(house.study().id)


def send(house: House, held: Held, start: int, text: str) -> LogKept:
    return house.do(keep_log, held.id, SendLog(**held.lease, start=start, text=text))


def read(house: House, held: Held, after: int = 0, attempt: int | None = None) -> Log:
    return house.ask(read_log, principal=ADMIN, trial_id=held.id, attempt=attempt, after=after)


def test_pieces_are_read_as_one_text_from_any_place(house: House, held: Held) -> None:
    send(house, held, 0, "epoch 1 \n")
    send(house, held, 9, "epoch 2 über\n")

    assert read(house, held).text == "epoch 1 \nepoch 2 über\n"
    assert read(house, held, after=6).text == "1 \nepoch 2 über\n"
    assert (read(house, held, after=22).text, read(house, held).next) == ("", 22)


def test_the_same_piece_again_changes_nothing_and_a_longer_one_adds_its_end(house: House, held: Held) -> None:
    send(house, held, 0, "one ")

    again, longer = send(house, held, 0, "one "), send(house, held, 0, "one two")

    assert (again.next, longer.next) == (4, 7)
    assert read(house, held).text == "one two"


def test_a_piece_after_a_gap_is_not_taken(house: House, held: Held) -> None:
    assert send(house, held, 5, "late").next == 0
    assert read(house, held).text == ""


def test_a_log_is_bounded_and_says_where_it_was_cut(house: House, held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MOST_CHARACTERS", 10)

    first, second = send(house, held, 0, "x" * 100), send(house, held, 100, "y")

    assert first.full
    assert second.full
    assert read(house, held).text.startswith("x" * 9 + "\n… the server keeps no more")


def test_last_words_may_come_after_the_end(house: House, held: Held) -> None:
    house.do(complete, held.id, Complete(**held.lease, metrics={"loss": 0.5}))

    send(house, held, 0, "bye\n")

    assert (read(house, held).text, read(house, held).ended) == ("bye\n", True)


def test_an_attempt_says_no_more_once_another_has_begun(house: House, held: Held) -> None:
    house.do(release, held.id, Release(**held.lease))
    house.claim(held.claimed.trial.study)

    with pytest.raises(StaleLease):
        send(house, held, 0, "zombie")


def test_each_attempt_has_a_log_of_its_own(house: House, held: Held) -> None:
    send(house, held, 0, "first")
    house.do(release, held.id, Release(**held.lease))
    (again,) = house.claim(held.claimed.trial.study, token="t" * 20)
    second = Held(again.trial.id, again.attempt, "t" * 20, again)
    send(house, second, 0, "second")

    assert [read(house, held, attempt=n).text for n in (1, 2)] == ["first", "second"]
    assert (read(house, held).attempt, read(house, held).ended) == (2, False)
    assert read(house, held, attempt=1).ended


def test_a_trial_that_waits_for_its_first_attempt_has_a_log_to_come(house: House) -> None:
    (waiting,) = house.do(queue_trials, house.study().id, QueueTrials(trials=(QueueTrial(parameters={}),)))

    log = house.ask(read_log, principal=ADMIN, trial_id=waiting.id, attempt=None, after=0)

    assert (log.attempt, log.text, log.ended) == (0, "", False)


def test_the_log_of_a_trial_that_never_began_has_ended_with_it(house: House) -> None:
    (waiting,) = house.do(queue_trials, house.study().id, QueueTrials(trials=(QueueTrial(parameters={}),)))
    house.do(cancel_trial, waiting.id, None)

    assert house.ask(read_log, principal=ADMIN, trial_id=waiting.id, attempt=None, after=0).ended


def test_others_see_no_log(house: House, held: Held) -> None:
    with pytest.raises(NotFound):
        house.ask(read_log, principal=STRANGER, trial_id=held.id, attempt=None, after=0)
