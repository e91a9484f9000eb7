"""Lists, events, buttons and `optimize`, as the SDK sends them."""

import io
import threading

import numpy as np
import pytest

from studyhall.errors import InvalidInput
from studyhall.progress import ProgressLine, bar, duration_text, progress_text
from studyhall.study import Objective
from studyhall.wire.results import Summary
from tests.sdk.scripted import CLAIMED, NOW, STUDY, SUMMARY, TRIAL, ScriptedServer

TRIALS = "/v1/studies/st_1/trials"


def queries(server, path):
    return [dict(request.url.params) for request in server.requests if request.url.path == path]


def page(*items, cursor=None):
    return {"items": list(items), "next_cursor": cursor}


def event(sequence):
    return {"sequence": sequence, "kind": "trial-completed", "study": "st_1", "at": NOW}


def test_a_list_is_read_page_by_page_as_it_is_needed():
    server = ScriptedServer({f"GET {TRIALS}": [page(TRIAL, TRIAL, cursor="c2"), page(TRIAL)]})
    trials = server.study().trials(state="running", page_size=2)

    next(trials)
    assert len(queries(server, TRIALS)) == 1

    assert len(list(trials)) == 2
    assert [query.get("cursor") for query in queries(server, TRIALS)] == [None, "c2"]


def test_filters_stay_the_same_on_every_page():
    server = ScriptedServer({f"GET {TRIALS}": [page(TRIAL, cursor="c2"), page()]})

    list(server.study().trials(state="running", sort="-value"))

    assert {(query["state"], query["sort"]) for query in queries(server, TRIALS)} == {("running", "-value")}


def test_events_go_on_where_they_were_until_the_study_ends():
    path = "/v1/studies/st_1/events"
    batches = [
        {"items": [event(1), event(2)], "sequence": 2},
        {"items": [], "sequence": 2},
        {"items": [event(3)], "sequence": 3},
        {"items": [], "sequence": 3},
        {"items": [event(4)], "sequence": 4},  # came between the empty answer and the study's end
        {"items": [], "sequence": 4},
    ]
    server = ScriptedServer({f"GET {path}": batches, "GET /v1/studies/st_1": [STUDY, STUDY | {"state": "completed"}]})

    seen = [event.sequence for event in server.study().events()]

    assert seen == [1, 2, 3, 4]
    asked = [(int(query["after"]), float(query["wait_s"])) for query in queries(server, path)]
    assert asked == [(0, 0), (2, 0), (2, 20), (3, 0), (3, 0), (4, 0)]


def test_events_may_be_read_without_waiting_for_more():
    server = ScriptedServer(
        {"GET /v1/studies/st_1/events": [{"items": [event(1)], "sequence": 1}, {"items": [], "sequence": 1}]}
    )

    assert [event.sequence for event in server.study().events(follow=False)] == [1]


def test_a_log_is_followed_from_before_its_first_attempt():
    path = "/v1/trials/tr_1/logs"
    parts = [(0, "", False), (1, "hello", False), (1, "", True)]
    server = ScriptedServer(
        {f"GET {path}": [{"attempt": n, "text": text, "next": len(text), "ended": ended} for n, text, ended in parts]}
    )

    assert list(server.client().log("tr_1", follow=True)) == ["hello"]
    assert [query.get("attempt") for query in queries(server, path)] == [None, None, "1"]


def test_a_change_says_which_version_it_was_made_from():
    server = ScriptedServer({"PATCH /v1/studies/st_1": STUDY | {"sequence": 6}})
    study = server.study()

    study.change(budget={"max_trials": 10})

    assert server.requests[-1].headers["if-match"] == '"5"'
    assert study.definition.sequence == 6


def test_queued_assignments_are_sent_together():
    server = ScriptedServer({f"POST {TRIALS}": (201, page(TRIAL, TRIAL))})

    server.study().queue({"x": 0.1}, {"x": 0.2}, labels={"why": "hunch"})

    (body,) = server.sent(TRIALS)
    assert [trial["parameters"] for trial in body["trials"]] == [{"x": 0.1}, {"x": 0.2}]


def test_a_list_of_assignments_is_refused_by_the_field():
    study = ScriptedServer({}).study()

    with pytest.raises(InvalidInput, match="/trials/0/parameters: Input should be an object"):
        study.queue([{"x": 0.1}])
    with pytest.raises(InvalidInput, match="/points/0: Input should be an object"):
        study.predict([{"x": 0.1}])


def test_values_of_numpy_are_values():
    server = ScriptedServer({f"POST {TRIALS}": (201, page(TRIAL))})

    server.study().queue({"x": np.float64(0.5), "shares": np.array([0.25, 0.75])})

    (body,) = server.sent(TRIALS)
    assert body["trials"][0]["parameters"] == {"x": 0.5, "shares": [0.25, 0.75]}


def test_a_study_is_made_from_plain_dicts_and_lists():
    server = ScriptedServer({"POST /v1/studies": (201, STUDY)})

    server.client().create_study(
        "digits",
        [{"name": "x", "type": "float", "low": 0, "high": 1}],
        {"metric": "loss"},
        algorithm="random",
        budget={"max_trials": 3},
    )

    (body,) = server.sent("/v1/studies")
    assert body["space"]["parameters"][0]["high"] == 1
    assert (body["objectives"][0]["metric"], body["algorithm"]["name"]) == ("loss", "random")


def test_a_definition_that_does_not_fit_names_its_field_without_asking_the_server():
    server = ScriptedServer({})

    with pytest.raises(InvalidInput, match=r"/space/parameters/0/low: low \(2\) must not be above high \(1\)"):
        server.client().create_study(
            "digits", [{"name": "x", "type": "float", "low": 2, "high": 1}], {"metric": "loss"}
        )

    assert server.requests == []


def test_numbers_of_numpy_are_numbers():
    numpy = pytest.importorskip("numpy")
    server = ScriptedServer({"POST /v1/studies": (201, STUDY)})
    bounds = {"low": numpy.float64(0), "high": numpy.int64(1)}

    server.client().create_study("digits", [{"name": "x", "type": "float", **bounds}], {"metric": "loss"})

    assert server.sent("/v1/studies")[0]["space"]["parameters"][0]["high"] == 1


def test_optimize_evaluates_reports_and_completes():
    server = ScriptedServer({"GET /v1/studies/st_1/best": {"trials": [TRIAL]}})

    def evaluate(parameters, trial):
        assert trial.report(1, loss=parameters["x"])
        return parameters["x"] ** 2

    best = server.study().optimize(evaluate, n_trials=2)

    assert best.id == "tr_1"
    assert [body["metrics"] for body in server.sent("/v1/trials/tr_1/complete")] == [{"loss": 0.25}] * 2
    assert len(server.sent("/v1/trials/tr_1/measurements")) == 2


def test_optimize_asks_how_far_it_is_only_where_somebody_looks():
    server = ScriptedServer({"GET /v1/studies/st_1/best": {"trials": [TRIAL]}})

    server.study().optimize(lambda *_: 1.0, n_trials=2, progress=False)

    assert server.sent("/v1/studies/st_1/summary") == []


def test_optimize_in_threads_begins_no_trial_after_an_interrupt(monkeypatch):
    server = ScriptedServer({"GET /v1/studies/st_1/best": {"trials": [TRIAL]}})
    begun, interrupted = threading.Event(), threading.Event()

    def interrupt(*_, **__):
        assert begun.wait(10)
        interrupted.set()
        raise KeyboardInterrupt

    def evaluate(*_):
        begun.set()
        assert interrupted.wait(10)
        return 1.0

    monkeypatch.setattr("studyhall.study_handle.wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        server.study().optimize(evaluate, n_trials=100, n_jobs=2)

    assert len(server.sent("/v1/trials/tr_1/complete")) <= 2


def test_optimize_ends_with_its_study():
    ended = (204, None, {"x-study-state": "completed"})
    server = ScriptedServer({"POST /v1/claims": [CLAIMED, ended], "GET /v1/studies/st_1/best": {"trials": []}})

    assert server.study().optimize(lambda *_: 1.0) is None
    assert len(server.sent("/v1/trials/tr_1/complete")) == 1


def test_optimize_goes_on_after_a_configuration_that_cannot_work():
    server = ScriptedServer({"GET /v1/studies/st_1/best": {"trials": []}})

    def evaluate(parameters, trial):
        raise trial.infeasible("too large")

    server.study().optimize(evaluate, n_trials=2)

    assert [body["reason"] for body in server.sent("/v1/trials/tr_1/infeasible")] == ["too large"] * 2


def test_optimize_does_not_swallow_the_users_errors():
    server = ScriptedServer({})

    with pytest.raises(ZeroDivisionError):
        server.study().optimize(lambda *_: 1 / 0)

    assert len(server.sent("/v1/trials/tr_1/fail")) == 1


GOAL = Objective(metric="loss")
HALF_DONE = Summary.model_validate(
    SUMMARY | {"trials": {"completed": 3, "pruned": 1, "running": 2}, "trials_per_minute": 4.0}, strict=False
)


def test_a_progress_text_tells_how_far_how_good_and_how_fast():
    assert progress_text(HALF_DONE, GOAL, total=8) == "[############------------] 4/8 trials  4.0 trials/min  1:01"


def test_bars_and_durations_read_well():
    assert (bar(0.0, width=4), bar(0.5, width=4), bar(2.0, width=4)) == ("[----]", "[##--]", "[####]")
    assert [duration_text(seconds) for seconds in (0, 61, 3_725)] == ["0:00", "1:01", "1:02:05"]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_is_painted_over():
    terminal = Terminal()

    with ProgressLine(stream=terminal) as line:
        line.show(HALF_DONE, goal=GOAL, total=8)
        line.show(HALF_DONE, goal=GOAL, total=8)

    assert terminal.getvalue().count("\r") == 2
    assert terminal.getvalue().count("\n") == 1


def test_anything_else_gets_a_line_now_and_then_and_always_the_last():
    times_s = iter([0.0, 0.0, 0.0, 1.0, 10.0, 10.0, 11.0, 12.0])
    file = io.StringIO()

    with ProgressLine(lambda: next(times_s), stream=file, shown=True) as line:
        for _ in range(5):
            line.show(HALF_DONE, goal=GOAL, total=8)

    assert len(file.getvalue().splitlines()) == 3


def test_nothing_is_shown_where_nobody_looks():
    file = io.StringIO()

    with ProgressLine(stream=file) as line:
        line.show(HALF_DONE, goal=GOAL, total=8)

    assert file.getvalue() == ""
