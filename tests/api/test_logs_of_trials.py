"""Logs over HTTP."""

import pytest
import structlog

from tests.api.people import Caller, Hold


@pytest.fixture
def hold(worker: Caller, user: Caller) -> Hold:
    return worker.hold(str(user.make_study()["id"]))


def test_a_worker_sends_and_a_person_reads(worker: Caller, user: Caller, hold: Hold) -> None:
    kept = worker.post(f"{hold.path}/logs", hold.lease | {"start": 0, "text": "epoch 1\n"})
    log = user.get(f"{hold.path}/logs?after=6")

    assert kept.json() == {"next": 8, "full": False}
    assert log.json() == {"attempt": 1, "text": "1\n", "next": 8, "ended": False}


def test_who_waits_for_more_of_an_ended_log_is_answered_at_once(worker: Caller, user: Caller, hold: Hold) -> None:
    worker.post(f"{hold.path}/complete", hold.lease | {"metrics": {"loss": 1.0}})

    log = user.get(f"{hold.path}/logs?wait_s=60")

    assert (log.json()["text"], log.json()["ended"]) == ("", True)


def test_a_worker_reads_no_logs_and_a_reader_writes_none(caller, worker: Caller, hold: Hold) -> None:
    assert worker.get(f"{hold.path}/logs").status_code == 403
    assert caller("reader").post(f"{hold.path}/logs", hold.lease | {"start": 0, "text": "x"}).status_code == 403


@pytest.mark.parametrize("text", ["", "nul \x00", "x" * 65_537])
def test_a_piece_that_does_not_fit_is_refused(worker: Caller, hold: Hold, text: str) -> None:
    answer = worker.post(f"{hold.path}/logs", hold.lease | {"start": 0, "text": text})

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/text")


def test_a_line_of_the_server_about_a_trial_says_of_which_trial_and_attempt(worker: Caller, hold: Hold) -> None:
    with structlog.testing.capture_logs() as lines:
        worker.post(f"{hold.path}/heartbeat", hold.lease | {"token": "f" * 32})

    (line,) = (line for line in lines if line["event"] == "refused")
    assert (line["trial"], line["attempt"], line["code"]) == (hold.trial, 1, "stale-lease")


def test_a_line_of_the_server_about_a_study_says_of_which(user: Caller) -> None:
    with structlog.testing.capture_logs() as lines:
        user.get("/v1/studies/st_none")

    assert [(line["event"], line["study"]) for line in lines] == [("refused", "st_none")]
