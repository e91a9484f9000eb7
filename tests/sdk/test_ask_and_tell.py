"""What a user's loop does with a trial, and what the server hears of it."""

import gc

import numpy as np
import pytest

from studyhall.asked_trial import AskedTrial
from studyhall.errors import InvalidInput, StaleLease, StudyEnded, Unavailable
from studyhall.lease_keeper import LeaseKeeper
from studyhall.trial_context import Infeasible
from tests.sdk.scripted import BRIEF, CLAIMED, GO_ON, LEASE, STOP, TRIAL, ScriptedServer, problem

REPORTS = "/v1/trials/tr_1/measurements"
COMPLETE, FAIL = "/v1/trials/tr_1/complete", "/v1/trials/tr_1/fail"
INFEASIBLE, RELEASE = "/v1/trials/tr_1/infeasible", "/v1/trials/tr_1/release"


def asked(routes=None):
    server = ScriptedServer(routes or {})
    return server, server.study().ask()


def only(server, path):
    (body,) = server.sent(path)
    return body


def test_a_trial_has_its_number_and_parameters():
    _, trial = asked()

    assert (trial.number, trial.parameters, trial.study.name) == (0, {"x": 0.5}, "digits")


def test_a_claim_names_the_study_the_worker_and_a_token_that_the_result_repeats():
    server, trial = asked()

    trial.complete(0.25)

    claim, result = only(server, "/v1/claims"), only(server, COMPLETE)
    assert (claim["study"], claim["worker"], claim["count"]) == ("st_1", "w", 1)
    assert (result["token"], result["attempt"]) == (claim["token"], 1)


def test_a_step_may_be_an_integer_of_numpy():
    server, trial = asked()

    trial.report(np.int64(2), loss=np.float32(0.5))

    assert only(server, REPORTS)["measurements"] == [{"step": 2, "metrics": {"loss": 0.5}}]


def test_a_step_that_is_no_integer_is_a_type_error():
    _, trial = asked()

    with pytest.raises(TypeError, match="'str' object cannot be interpreted as an integer"):
        trial.report("first", loss=0.5)


def test_several_trials_are_asked_for_with_one_claim():
    server = ScriptedServer({"POST /v1/claims": {"trials": CLAIMED["trials"] * 2}})

    assert len(server.study().ask(2)) == 2
    assert only(server, "/v1/claims")["count"] == 2


@pytest.mark.parametrize(
    "tell", [lambda t: t.complete(0.25), lambda t: t.complete({"loss": 0.25}), lambda t: t.complete(loss=0.25)]
)
def test_a_result_is_a_number_a_mapping_or_keywords(tell):
    server, trial = asked()

    tell(trial)

    assert only(server, COMPLETE)["metrics"] == {"loss": 0.25}


def test_without_a_result_the_last_report_counts():
    server, trial = asked()
    trial.report(1, loss=0.5)

    trial.complete()

    assert only(server, COMPLETE)["metrics"] == {"loss": 0.5}


def test_a_number_is_not_enough_for_two_objectives():
    two = BRIEF | {"objectives": [{"metric": "loss"}, {"metric": "size"}]}
    _, trial = asked({"POST /v1/claims": {"trials": [CLAIMED["trials"][0] | {"study": two}]}})

    with pytest.raises(TypeError, match="several objectives"):
        trial.complete(0.25)


def test_report_answers_whether_to_go_on():
    _, trial = asked({f"POST {REPORTS}": [GO_ON, STOP]})

    assert trial.report(1, loss=0.5)
    assert not trial.report(2, loss=0.4)
    assert trial.stop_reason == "below the median"


def test_a_checkpoint_that_is_kept_is_told_with_the_next_report_and_the_end():
    server, trial = asked()
    trial.report(1, loss=0.5)

    trial.saved(1)
    trial.report(2, loss=0.4)
    trial.complete()

    assert [body.get("checkpoint") for body in server.sent(REPORTS)] == [None, 1]
    assert only(server, COMPLETE)["checkpoint"] == 1


def test_a_trial_that_goes_on_knows_where_it_begins():
    origin = {"trial": "tr_0", "number": 0, "step": 4}
    claimed = {"trials": [CLAIMED["trials"][0] | {"origin": origin}]}

    _, trial = asked({"POST /v1/claims": claimed})

    assert trial.origin is not None
    assert (trial.origin.trial, trial.origin.step) == ("tr_0", 4)


def test_a_trial_that_was_told_to_stop_completes_as_pruned():
    server, trial = asked({f"POST {REPORTS}": STOP})

    with trial:
        trial.report(1, loss=0.5)

    result = only(server, COMPLETE)
    assert (result["metrics"], result["pruned"]) == ({"loss": 0.5}, True)


def test_a_stop_that_the_user_never_saw_does_not_prune_a_whole_training():
    server, trial = asked({"POST /v1/trials/tr_1/heartbeat": STOP})
    trial.heartbeat()

    trial.complete(0.1)

    assert only(server, COMPLETE)["pruned"] is False


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_report_that_is_no_number_ends_the_trial_as_infeasible_and_leaves_the_block(value):
    server, trial = asked()

    with trial:
        trial.report(3, loss=value)
        trial.report(4, loss=0.1)

    assert only(server, INFEASIBLE)["reason"] == f"'loss' was {value} at step 3"
    assert not server.sent(REPORTS)


def test_a_result_that_is_no_number_is_infeasible_even_without_a_block():
    server, trial = asked()

    with pytest.raises(Infeasible):
        trial.complete(float("nan"))

    assert only(server, INFEASIBLE)["reason"] == "'loss' was nan at the end"


def test_an_exception_fails_the_trial_with_its_traceback_and_goes_on():
    server, trial = asked()

    with pytest.raises(ZeroDivisionError), trial:
        _ = 1 / 0

    failure = only(server, FAIL)
    assert failure["kind"] == "user_error"
    assert "ZeroDivisionError: division by zero" in failure["message"]


def test_an_interrupt_gives_the_trial_back():
    server, trial = asked()

    with pytest.raises(KeyboardInterrupt), trial:
        raise KeyboardInterrupt

    assert only(server, RELEASE)["reason"] == "interrupted: KeyboardInterrupt"


def test_a_block_that_ends_without_a_result_fails_the_trial():
    server, trial = asked()

    with trial:
        pass

    assert only(server, FAIL)["kind"] == "no_result"


def test_a_block_tells_nothing_twice():
    server, trial = asked()

    with trial:
        trial.complete(0.5)

    assert [request.url.path for request in server.requests][-1] == COMPLETE


def test_a_lost_lease_is_the_users_to_see_and_nothing_more_is_told():
    server, trial = asked({f"POST {REPORTS}": problem(409, "stale-lease")})

    with pytest.raises(StaleLease), trial:
        trial.report(1, loss=0.5)

    assert trial.is_lost
    assert not server.sent(FAIL)


def test_a_user_error_is_not_hidden_by_a_server_that_is_away():
    _, trial = asked({f"POST {FAIL}": problem(503, "overloaded")})

    with pytest.raises(ZeroDivisionError), trial:
        _ = 1 / 0


def test_a_message_keeps_its_end():
    server, trial = asked()

    trial.fail("x" * 20_000 + "the reason")

    message = only(server, FAIL)["message"]
    assert len(message) == 16_384
    assert message.endswith("the reason")


def test_what_does_not_fit_is_refused_before_it_is_sent():
    server, trial = asked()

    with pytest.raises(InvalidInput, match="/kind"):
        trial.fail("", kind="mood")

    assert not server.sent(FAIL)


def test_a_study_that_has_ended_hands_out_nothing():
    server = ScriptedServer({"POST /v1/claims": (204, None, {"x-study-state": "completed"})})

    with pytest.raises(StudyEnded, match="'digits' is completed"):
        server.study().ask()


def test_a_claim_waits_with_the_same_token_while_nothing_is_free():
    nothing = (204, None, {"x-study-state": "active", "retry-after": "2"})
    server = ScriptedServer({"POST /v1/claims": [nothing, nothing, CLAIMED]})

    server.study().ask()

    assert len({claim["token"] for claim in server.sent("/v1/claims")}) == 1
    assert server.now_s == 4


def test_a_claim_waits_no_longer_than_it_was_told():
    server = ScriptedServer({"POST /v1/claims": (204, None, {"x-study-state": "paused", "retry-after": "2"})})

    with pytest.raises(Unavailable, match=r"\(paused\) came free in 3 s"):
        server.study().ask(wait_s=3)

    assert server.now_s == 3


class KeptTrial:
    """A lease keeper that nobody's thread uses, and a trial it keeps."""

    def __init__(self, routes=None):
        self.server, self.trial = asked(routes)
        self.keeper = LeaseKeeper(clock=lambda: self.server.now_s)
        self.keeper._due[self.trial] = 20.0

    def at(self, now_s):
        self.server.now_s = now_s
        self.keeper.renew_due()
        return len(self.server.sent("/v1/trials/tr_1/heartbeat"))


def test_a_lease_is_renewed_when_it_is_due():
    kept = KeptTrial()

    assert [kept.at(now_s) for now_s in (19, 20, 39, 40)] == [0, 1, 1, 2]


def test_a_lease_is_tried_again_soon_when_the_server_is_away():
    kept = KeptTrial({"POST /v1/trials/tr_1/heartbeat": [problem(503, "overloaded"), GO_ON]})

    assert [kept.at(now_s) for now_s in (20, 24, 25)] == [1, 1, 2]


def test_a_failure_nobody_thought_of_does_not_end_the_keeping_of_leases(monkeypatch):
    kept = KeptTrial()
    beats = iter([RuntimeError("this transport has been closed"), None])
    monkeypatch.setattr(AskedTrial, "heartbeat", lambda _: _raise(next(beats)))

    kept.at(20)
    kept.at(25)

    assert next(beats, "both were asked for") == "both were asked for"


def _raise(error):
    if error is not None:
        raise error


def test_a_heartbeat_hears_the_stop_for_the_next_check():
    kept = KeptTrial({"POST /v1/trials/tr_1/heartbeat": STOP})

    kept.at(20)

    assert not kept.trial.check()


def test_a_lease_that_was_lost_is_not_renewed():
    kept = KeptTrial({"POST /v1/trials/tr_1/heartbeat": problem(409, "stale-lease")})

    assert [kept.at(now_s) for now_s in (20, 40)] == [1, 1]
    assert kept.trial.is_lost
    assert not kept.trial.check()


def test_a_trial_that_has_ended_is_not_renewed():
    kept = KeptTrial()
    kept.trial.complete(0.5)

    assert kept.at(20) == 0


def test_a_trial_that_nobody_refers_to_is_not_renewed():
    kept = KeptTrial()
    kept.trial = None
    gc.collect()

    assert kept.at(20) == 0


def test_an_asked_trial_renews_its_lease_by_itself():
    soon = CLAIMED["trials"][0] | {"lease": LEASE | {"heartbeat_s": 0.0}}
    server = ScriptedServer({"POST /v1/claims": {"trials": [soon]}, "POST /v1/trials/tr_1/heartbeat": STOP})

    trial = server.study().ask()

    while trial.check():  # ends when the background thread has been told to stop; pytest's timeout bounds it
        pass
    trial.complete(0.5)
    assert trial.trial == trial.trial.model_validate_json(trial.trial.to_json())
    assert TRIAL["id"] == trial.id


def test_many_steps_are_told_in_one_request():
    server, trial = asked()

    trial.report_many({1: {"loss": 0.5}, 2: {"loss": 0.25}})
    trial.complete()

    assert [one["step"] for one in only(server, REPORTS)["measurements"]] == [1, 2]
    assert only(server, COMPLETE)["metrics"] == {"loss": 0.25}


def test_a_loop_that_judges_for_itself_prunes_its_trial():
    server, trial = asked()
    trial.report(1, loss=0.5)

    trial.prune()

    assert only(server, COMPLETE) | {"pruned": True} == only(server, COMPLETE)
    assert only(server, COMPLETE)["metrics"] == {"loss": 0.5}
