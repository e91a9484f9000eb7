"""Trials over HTTP: what people do with them, and what workers tell."""

import base64
import json
import math
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import Response

from tests.api.people import Caller, Hold


@pytest.fixture
def study(user: Caller) -> str:
    return str(user.make_study()["id"])


@pytest.fixture
def hold(worker: Caller, study: str) -> Hold:
    return worker.hold(study)


def test_a_trial_runs_from_claim_to_end(worker: Caller, user: Caller, hold: Hold) -> None:
    points = [{"step": step, "metrics": {"loss": 1.0 / (step + 1)}} for step in range(3)]

    told = worker.post(f"{hold.path}/measurements", hold.lease | {"measurements": points})
    beaten = worker.post(f"{hold.path}/heartbeat", hold.lease)
    ended = worker.post(f"{hold.path}/complete", hold.lease | {"metrics": {"loss": 0.1}})

    assert told.json()["directive"] == beaten.json()["directive"] == "continue"
    assert ended.json()["trial"]["state"] == "completed"
    assert user.get(hold.path).json() == ended.json()["trial"]
    assert [point["step"] for point in user.get(f"{hold.path}/measurements").json()["items"]] == [0, 1, 2]
    assert [attempt["outcome"] for attempt in user.get(f"{hold.path}/attempts").json()["items"]] == ["completed"]


def imported(study: str, user: Caller, *points: tuple[int, dict[str, float]]) -> Response:
    curve = [{"step": step, "metrics": metrics} for step, metrics in points]
    trial = {"parameters": {"x": 0.5}, "state": "completed", "metrics": {"loss": 1.0}, "measurements": curve}
    return user.post(f"/v1/studies/{study}/trials", {"trials": [trial]})


def test_metrics_of_one_step_that_are_imported_apart_belong_together(user: Caller, study: str) -> None:
    answer = imported(study, user, (1, {"loss": 2.0}), (1, {"accuracy": 0.5, "loss": 2.0}), (2, {"loss": 1.0}))

    trial = answer.json()["items"][0]["id"]
    points = user.get(f"/v1/trials/{trial}/measurements").json()["items"]
    assert [point["metrics"] for point in points] == [{"loss": 2.0, "accuracy": 0.5}, {"loss": 1.0}]


def test_an_imported_step_has_one_value(user: Caller, study: str) -> None:
    answer = imported(study, user, (1, {"loss": 2.0}), (1, {"loss": 3.0}))

    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"pointer": "/trials/0/measurements/1/metrics/loss", "message": "step 1 has 2.0 already"}
    ]


def test_many_trials_are_told_as_columns_newest_first_part_by_part(user: Caller, worker: Caller, study: str) -> None:
    holds = [worker.hold(study) for _ in range(3)]
    worker.post(f"{holds[1].path}/complete", holds[1].lease | {"metrics": {"loss": 0.5}})

    first = user.get(f"/v1/studies/{study}/trials/columns?limit=2").json()
    rest = user.get(f"/v1/studies/{study}/trials/columns?limit=2&cursor={first['next_cursor']}").json()

    assert (first["number"], rest["number"], "next_cursor" in rest) == ([2, 1], [0], False)
    assert (first["state"], first["metrics"]) == (["running", "completed"], [None, {"loss": 0.5}])
    assert rest["parameters"] == [user.get(holds[0].path).json()["parameters"]]


@pytest.mark.parametrize(
    ("word", "body", "state"),
    [
        ("infeasible", {"reason": "loss was NaN at step 3"}, "infeasible"),
        ("fail", {"kind": "user_error", "message": "ValueError"}, "failed"),
        ("release", {}, "waiting"),
    ],
)
def test_a_trial_may_end_otherwise(worker: Caller, hold: Hold, word: str, body: dict[str, str], state: str) -> None:
    answer = worker.post(f"{hold.path}/{word}", hold.lease | body)

    assert (answer.status_code, answer.json()["state"]) == (200, state)


def test_the_next_trial_may_come_with_the_answer(worker: Caller, hold: Hold) -> None:
    body = hold.lease | {"metrics": {"loss": 1.0}, "claim": {"token": uuid4().hex}}

    answer = worker.post(f"{hold.path}/complete", body).json()

    assert answer["claimed"]["trials"][0]["trial"]["number"] == 1


@pytest.mark.catalogue("TR-005")
def test_the_same_token_gets_the_same_trials(worker: Caller, study: str) -> None:
    body = {"token": uuid4().hex, "worker": "w-1", "study": study, "count": 3, "wait_s": 0}

    first = worker.post("/v1/claims", body).json()
    second = worker.post("/v1/claims", body).json()

    ids = [claimed["trial"]["id"] for claimed in first["trials"]]
    assert len(ids) == 3
    assert [claimed["trial"]["id"] for claimed in second["trials"]] == ids


def test_nothing_to_do_is_said_with_how_the_study_stands(worker: Caller, user: Caller, study: str) -> None:
    user.post(f"/v1/studies/{study}/stop")

    answer = worker.post("/v1/claims", {"token": uuid4().hex, "worker": "w-1", "study": study, "wait_s": 0})

    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["x-study-state"] == "completed"
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["x-pending-trials"] == "0"


def test_a_wrong_token_does_not_hold_the_trial(worker: Caller, hold: Hold) -> None:
    answer = worker.post(f"{hold.path}/heartbeat", hold.lease | {"token": uuid4().hex})

    assert (answer.status_code, answer.json()["code"]) == (409, "stale-lease")


def test_a_result_stands(worker: Caller, hold: Hold) -> None:
    body = hold.lease | {"metrics": {"loss": 1.0}}
    first = worker.post(f"{hold.path}/complete", body)

    same = worker.post(f"{hold.path}/complete", body)
    other = worker.post(f"{hold.path}/complete", body | {"metrics": {"loss": 2.0}})

    assert (same.status_code, same.json()) == (200, first.json())
    assert (other.status_code, other.json()["code"]) == (409, "trial-finished")


def test_a_person_stops_a_trial_and_its_worker_hears_of_it(user: Caller, worker: Caller, hold: Hold) -> None:
    user.post(f"{hold.path}/stop", {"reason": "seen enough"})

    told = worker.post(f"{hold.path}/heartbeat", hold.lease).json()

    assert (told["directive"], told["reason"]) == ("stop", "seen enough")


def test_a_person_cancels_and_tries_again(user: Caller, hold: Hold) -> None:
    cancelled = user.post(f"{hold.path}/cancel")
    again = user.post(f"{hold.path}/retry", {})

    assert cancelled.json()["state"] == "cancelled"
    assert (again.status_code, again.json()["retry_of"]) == (201, hold.trial)


def test_trials_are_queued_and_imported(user: Caller, study: str) -> None:
    trials = [
        {"parameters": {"x": 0.5}, "labels": {"by": "hand"}},
        {"parameters": {"x": 0.25}, "state": "completed", "metrics": {"loss": 0.5}},
    ]

    answer = user.post(f"/v1/studies/{study}/trials", {"trials": trials})

    assert answer.status_code == 201
    assert [trial["state"] for trial in answer.json()["items"]] == ["waiting", "completed"]


def test_the_event_of_an_imported_trial_tells_its_state(user: Caller, study: str) -> None:
    trials = [
        {"parameters": {"x": 0.5}, "state": "infeasible", "reason": "no memory"},
        {"parameters": {"x": 0.25}, "state": "completed", "metrics": {"loss": 0.5}},
    ]

    user.post(f"/v1/studies/{study}/trials", {"trials": trials})

    events = user.get(f"/v1/studies/{study}/events").json()["items"]
    told = [event["data"] for event in events if event["kind"] == "trial.imported"]
    assert told == [{"state": "infeasible"}, {"state": "completed"}]


def test_a_fault_names_the_trial_it_is_in(user: Caller, study: str) -> None:
    trials = [{"parameters": {"x": 0.5}}, {"parameters": {"x": 7.0}}]

    answer = user.post(f"/v1/studies/{study}/trials", {"trials": trials})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/trials/1/parameters/x"
    assert user.get(f"/v1/studies/{study}/trials").json()["items"] == []


def test_trials_are_listed_filtered_sorted_and_cut_down(user: Caller, study: str) -> None:
    trials = [{"parameters": {"x": 0.1}, "state": "completed", "metrics": {"loss": loss}} for loss in (3.0, 1.0, 2.0)]
    user.post(f"/v1/studies/{study}/trials", {"trials": [*trials, {"parameters": {"x": 0.1}}]})

    def numbers(query: str) -> list[int]:
        return [trial["number"] for trial in user.get(f"/v1/studies/{study}/trials?{query}").json()["items"]]

    assert numbers("sort=-number&limit=2") == [3, 2]
    assert numbers("sort=value") == [1, 2, 0]
    assert numbers("state=waiting,failed") == [3]
    only = user.get(f"/v1/studies/{study}/trials?fields=state&limit=1").json()["items"][0]
    assert only.keys() == {"id", "number", "state"}


def test_an_unknown_field_is_refused(user: Caller, study: str) -> None:
    answer = user.get(f"/v1/studies/{study}/trials?fields=state,token")

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/query/fields")


def test_a_cursor_belongs_to_its_list(user: Caller, study: str) -> None:
    user.post(f"/v1/studies/{study}/trials", {"trials": [{"parameters": {"x": 0.1}}] * 3})
    other = user.make_study()["id"]
    cursor = user.get(f"/v1/studies/{study}/trials?limit=1").json()["next_cursor"]

    answer = user.get(f"/v1/studies/{other}/trials?limit=1&cursor={cursor}")

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-cursor")


STRANGE_PLACES: list[Any] = [10**30, -(10**30), 1.5, "x\0", "\ud800", None, True, [], {}, [10**30, 1],
                             [0.5, 10**30], [True, 1], [math.nan, 1], [math.inf, 1], [[1], 2]]  # fmt: skip


@pytest.mark.catalogue("HT-029")
@pytest.mark.parametrize("path", ["trials?", "trials?sort=value&", "trials/columns?", "measurements?", "studies?"])
def test_a_cursor_that_was_made_up_for_its_list_is_refused(user: Caller, study: str, path: str) -> None:
    result = {"metrics": {"loss": 1.0}, "measurements": [{"step": step, "metrics": {"loss": 1.0}} for step in (1, 2)]}
    trials = [{"parameters": {"x": 0.1}, "state": "completed", **result}] * 2
    made = user.post(f"/v1/studies/{study}/trials", {"trials": trials}).json()["items"]
    below = {"measurements?": f"/v1/trials/{made[0]['id']}/", "studies?": "/v1/"}.get(path, f"/v1/studies/{study}/")
    user.make_study()
    cursor = user.get(f"{below}{path}limit=1").json()["next_cursor"]
    of, _ = json.loads(base64.urlsafe_b64decode(cursor + "=="))

    for place in STRANGE_PLACES:
        forged = base64.urlsafe_b64encode(json.dumps([of, place]).encode()).decode().rstrip("=")
        answer = user.get(f"{below}{path}limit=1&cursor={forged}")
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid-cursor"), place


def test_a_trial_is_annotated(user: Caller, hold: Hold) -> None:
    answer = user.patch(hold.path, {"note": "odd", "labels": {"keep": "yes"}, "excluded": True})

    assert (answer.json()["note"], answer.json()["excluded"]) == ("odd", True)


def test_a_note_on_a_trial_that_has_changed_meanwhile_is_refused(user: Caller, hold: Hold) -> None:
    before = user.get(hold.path).headers["etag"]

    first = user.patch(hold.path, {"note": "mine"}, headers={"if-match": before})
    second = user.patch(hold.path, {"note": "yours"}, headers={"if-match": before})

    assert first.headers["etag"] == user.get(hold.path).headers["etag"] != before
    assert (second.status_code, second.json()["code"]) == (412, "version-conflict")
    assert user.get(hold.path).json()["note"] == "mine"


def test_the_fleet_is_told_and_asked(worker: Caller, user: Caller) -> None:
    info = {"name": "hello", "summary": "A small net.", "settings": {}}
    worker.post("/v1/workers", {"name": "gpu/1", "version": "0.1.0", "trainables": [info]})

    listed = user.get("/v1/workers").json()["items"]
    drained = user.patch("/v1/workers/gpu%2F1", {"state": "draining"})

    assert [(found["name"], found["state"]) for found in listed] == [("gpu/1", "online")]
    assert drained.json()["state"] == "draining"
    assert [found["name"] for found in user.get("/v1/trainables").json()["items"]] == ["hello"]


def test_engines_are_listed_page_by_page(user: Caller) -> None:
    everything = user.get("/v1/algorithms?limit=500").json()["items"]

    first = user.get("/v1/algorithms?limit=2").json()
    rest = user.get(f"/v1/algorithms?limit=500&cursor={first['next_cursor']}").json()

    assert first["items"] + rest["items"] == everything
    assert {"auto", "random", "skopt"} <= {engine["name"] for engine in everything}


@pytest.mark.parametrize("cursor", ["-1", "x", "99999", "9" * 40, "١"])
def test_a_cursor_that_was_not_made_here_is_refused(user: Caller, cursor: str) -> None:
    answer = user.get(f"/v1/algorithms?cursor={cursor}")

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-cursor")


def test_a_space_is_tried_out(user: Caller) -> None:
    space = {"parameters": [{"name": "n", "type": "int", "low": 1, "high": 4}], "constraints": ["n <= 2"]}

    answer = user.post("/v1/spaces/validate", {"space": space, "samples": 3}).json()

    assert answer["size"] == 4
    assert 0.3 < answer["feasible_share"] < 0.7
    assert all(sample["n"] <= 2 for sample in answer["samples"])


def test_trials_are_found_by_their_numbers(user: Caller) -> None:
    study = user.make_study()
    trials = [{"parameters": {"x": n / 10}, "state": "completed", "metrics": {"loss": 1.0}} for n in range(5)]
    user.post(f"/v1/studies/{study['id']}/trials", {"trials": trials})

    found = user.get(f"/v1/studies/{study['id']}/trials?number=3,1,77").json()["items"]

    assert [trial["number"] for trial in found] == [1, 3]
