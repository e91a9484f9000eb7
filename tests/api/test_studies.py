"""Studies over HTTP."""

from collections.abc import Callable

import pytest

from tests.api.people import SPACE, Caller, definition

Make = Callable[..., Caller]


def test_a_study_is_made_and_read_back(user: Caller) -> None:
    answer = user.post("/v1/studies", definition(name="digits"))

    study = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/studies/{study['id']}"
    assert user.get("/v1/studies/digits").json() == study == user.get(answer.headers["location"]).json()


def test_a_name_is_taken_once(user: Caller) -> None:
    user.make_study(name="digits")

    again = user.post("/v1/studies", definition(name="digits"))

    assert (again.status_code, again.json()["code"]) == (409, "name-taken")


def test_a_taken_name_may_mean_the_study_that_has_it(user: Caller) -> None:
    study = user.make_study(name="digits")

    again = user.post("/v1/studies", definition(name="digits", if_exists="get"))

    assert (again.status_code, again.json()["id"]) == (200, study["id"])


CONDITIONAL = {"name": "momentum", "type": "float", "low": 0, "high": 1, "when": "x > 0.5"}


NEVER = [("x == 'a'", "x", "'a'"), ("x == true", "x", "True"), ("n in [1, 9]", "n", "9"), ("0.5 == n", "n", "0.5")]


@pytest.mark.parametrize(("when", "name", "value"), NEVER)
def test_a_condition_on_what_a_number_never_is_is_refused(user: Caller, when: str, name: str, value: str) -> None:
    space = spaced(when)
    said = f"{value} is not a value of parameter '{name}'"

    answers = [
        user.post("/v1/studies", definition(space=space)),
        user.patch(f"/v1/studies/{user.make_study()['id']}", {"space": space}),
        user.post("/v1/spaces/validate", {"space": space}),
    ]

    for answer in answers:
        assert answer.status_code == 422
        assert answer.json()["errors"] == [{"pointer": "/space/parameters/2/when", "message": said}]


@pytest.mark.parametrize("when", ["x == 1", "x != 0.5", "n == 3.0", "n in [1, 2]"])
def test_a_condition_on_what_a_number_may_be_is_taken(user: Caller, when: str) -> None:
    assert user.post("/v1/studies", definition(space=spaced(when))).status_code == 201


def spaced(when: str) -> dict[str, object]:
    number = {"name": "n", "type": "int", "low": 1, "high": 3}
    return {"parameters": [*SPACE["parameters"], number, CONDITIONAL | {"when": when}]}


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("--lr={lr}", "{lr} is no parameter of the space; double braces that are meant as such: {{ and }}"),
        ("{momentum}", "'momentum' is not active in every trial; an argument '{args}' passes those that are"),
        ("with {args}", "{args} is no parameter of the space; double braces that are meant as such: {{ and }}"),
    ],
)
def test_a_command_that_no_trial_could_run_is_refused(user: Caller, argument: str, said: str) -> None:
    space = {"parameters": [*SPACE["parameters"], CONDITIONAL]}

    answer = user.post("/v1/studies", definition(space=space, task={"command": ["train", argument]}))

    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"pointer": "/task/command/1", "message": said}]


def test_a_command_gets_parameters_facts_of_the_trial_and_braces(user: Caller) -> None:
    command = ["train", "{x}", "{args}", "{params_json}", "{trial.seed}", "{{x: {x}}}", "{print $1}"]

    assert user.post("/v1/studies", definition(task={"command": command})).status_code == 201


def test_a_space_without_what_the_command_asks_for_is_refused(user: Caller) -> None:
    made = user.make_study(task={"command": ["train", "{x}"]})
    other = {"parameters": [{"name": "y", "type": "float", "low": 0, "high": 1, "default": 0.5}]}

    answer = user.patch(f"/v1/studies/{made['id']}", {"space": other})

    assert answer.json()["errors"][0]["pointer"] == "/task/command/1"


def test_the_same_request_has_its_effect_once(user: Caller) -> None:
    body, headers = definition(), {"idempotency-key": "request-1"}

    first = user.post("/v1/studies", body, headers=headers)
    second = user.post("/v1/studies", body, headers=headers)

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert second.headers["idempotency-replayed"] == "true"


@pytest.mark.catalogue("TR-006")
def test_another_request_with_the_same_key_is_refused(user: Caller) -> None:
    headers = {"idempotency-key": "request-1"}
    user.post("/v1/studies", definition(), headers=headers)

    other = user.post("/v1/studies", definition(), headers=headers)

    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")


def test_one_key_on_two_studies_names_two_requests(user: Caller) -> None:
    first, second = user.make_study(), user.make_study()
    headers = {"idempotency-key": "pause"}
    user.post(f"/v1/studies/{first['id']}/pause", headers=headers)

    other = user.post(f"/v1/studies/{second['id']}/pause", headers=headers)

    assert other.json()["code"] == "idempotency-key-reused"


def test_a_repeated_move_gets_the_answer_it_got_before(user: Caller) -> None:
    study = user.make_study()
    headers = {"idempotency-key": "pause"}
    paused = user.post(f"/v1/studies/{study['id']}/pause", headers=headers)
    user.post(f"/v1/studies/{study['id']}/resume")

    again = user.post(f"/v1/studies/{study['id']}/pause", headers=headers)

    assert again.json() == paused.json()
    assert user.get(f"/v1/studies/{study['id']}").json()["state"] == "active"


def test_a_study_is_listed_page_by_page(user: Caller) -> None:
    made = [user.make_study()["name"] for _ in range(5)]

    first = user.get("/v1/studies?limit=3").json()
    second = user.get(f"/v1/studies?limit=3&cursor={first['next_cursor']}").json()

    assert [study["name"] for study in first["items"] + second["items"]] == made[::-1]
    assert "next_cursor" not in second


def test_studies_are_found_by_state_name_and_label(user: Caller) -> None:
    study = user.make_study(name="half_off", labels={"team": "vision"})
    user.make_study(name="other")
    user.post(f"/v1/studies/{study['id']}/pause")

    for query in ("state=paused,stopping", "name=f_o", "label=team", "label=team=vision"):
        assert [found["id"] for found in user.get(f"/v1/studies?{query}").json()["items"]] == [study["id"]]
    for query in ("state=completed", "name=half%25off", "name=half-off", "label=team=audio", "name='%20OR%201=1"):
        assert user.get(f"/v1/studies?{query}").json()["items"] == []


def test_a_change_raises_the_version(user: Caller) -> None:
    study = user.make_study()
    path = f"/v1/studies/{study['id']}"
    before = user.get(path).headers["etag"]

    changed = user.patch(path, {"budget": {"max_trials": 7}}, headers={"if-match": before})

    assert changed.json()["budget"] == {"max_trials": 7}
    assert changed.headers["etag"] != before
    assert user.patch(path, {"labels": {}}, headers={"if-match": before}).status_code == 412


def test_an_unchanged_study_is_not_sent_again(user: Caller) -> None:
    path = f"/v1/studies/{user.make_study()['id']}"
    etag = user.get(path).headers["etag"]

    assert user.get(path, headers={"if-none-match": etag}).status_code == 304


@pytest.mark.parametrize("mode", ["drain", "graceful", "kill"])
def test_a_study_is_stopped(user: Caller, mode: str) -> None:
    study = user.make_study()

    stopped = user.post(f"/v1/studies/{study['id']}/stop", {"mode": mode})

    assert stopped.json()["state"] == "completed"


def test_a_study_is_stopped_without_saying_how(user: Caller) -> None:
    study = user.make_study()

    assert user.post(f"/v1/studies/{study['id']}/stop").json()["state"] == "completed"


def test_a_study_is_deleted_with_its_trials(user: Caller, worker: Caller) -> None:
    study = user.make_study()
    hold = worker.hold(study["id"])
    path = f"/v1/studies/{study['id']}"

    assert user.delete(path).json()["code"] == "study-busy"
    assert user.delete(f"{path}?force=true").status_code == 204
    assert user.get(path).status_code == user.get(hold.path).status_code == 404


def test_the_best_the_front_the_summary_and_the_course_agree(user: Caller, worker: Caller) -> None:
    study = user.make_study()
    for loss in (0.5, 0.25, 0.75):
        hold = worker.hold(study["id"])
        worker.post(f"{hold.path}/complete", hold.lease | {"metrics": {"loss": loss}})
    path = f"/v1/studies/{study['id']}"

    best = user.get(f"{path}/best").json()["trials"]
    summary = user.get(f"{path}/summary").json()
    course = user.get(f"{path}/analyses/history").json()

    assert [trial["metrics"]["loss"] for trial in best] == [0.25]
    assert user.get(f"{path}/pareto").json()["trials"] == best
    assert summary["best"] == best[0]
    assert summary["trials"]["completed"] == 3
    assert course["best"] == [0.5, 0.25, 0.25]


def test_imported_trials_cost_no_budget_and_are_planned_beside_it(user: Caller, worker: Caller) -> None:
    study = user.make_study(budget={"max_trials": 2})
    trials = [{"parameters": {"x": 0.5}, "state": "completed", "metrics": {"loss": 1.0}}] * 3
    assert user.post(f"/v1/studies/{study['id']}/trials", {"trials": trials}).status_code == 201
    path = f"/v1/studies/{study['id']}"

    began = user.get(f"{path}/summary").json()
    for _ in range(2):
        hold = worker.hold(study["id"])
        worker.post(f"{hold.path}/complete", hold.lease | {"metrics": {"loss": 1.0}})
    ended = user.get(path).json()

    assert (began["state"], began["trials"]["completed"], began["planned_trials"]) == ("active", 3, 5)
    assert (ended["state"], ended["trials"]["completed"], ended["planned_trials"]) == ("completed", 5, 5)


def test_a_course_is_of_the_objective_asked_for_and_says_which_trials_break_a_constraint(user: Caller) -> None:
    objectives = [{"metric": "loss"}, {"metric": "gain", "goal": "maximize"}]
    study = user.make_study(objectives=objectives, constraints=["size <= 10"])
    told = [{"loss": 2, "gain": 1, "size": 9}, {"loss": 1, "gain": 5, "size": 11}, {"loss": 3, "gain": 3, "size": 1}]
    trials = [{"parameters": {"x": 0.5}, "state": "completed", "metrics": metrics} for metrics in told]
    trials += [{"parameters": {"x": 0.5}, "state": "failed"}]
    assert user.post(f"/v1/studies/{study['id']}/trials", {"trials": trials}).status_code == 201
    path = f"/v1/studies/{study['id']}/analyses/history"

    first, gain = user.get(path).json(), user.get(f"{path}?objective=gain").json()

    assert (first["metric"], first["value"], first["best"]) == ("loss", [2, 1, 3, None], [None] * 4)
    assert (gain["metric"], gain["value"], gain["best"]) == ("gain", [1, 5, 3, None], [1, 1, 3, 3])
    assert first["feasible"] == gain["feasible"] == [True, False, True, None]
    assert user.get(f"{path}?objective=size").json()["errors"][0]["pointer"] == "/query/objective"


def test_what_others_own_does_not_exist(caller: Make) -> None:
    mine, theirs = caller("admin", "mine"), caller("admin", "theirs")
    study = mine.make_study(name="secret")
    path = f"/v1/studies/{study['id']}"
    hold = mine.hold(study["id"])
    reads = [path, f"{path}/trials", f"{path}/best", f"{path}/summary", f"{path}/events", hold.path,
             f"{hold.path}/measurements", f"{hold.path}/attempts"]  # fmt: skip
    writes = [f"{path}/pause", f"{path}/stop", f"{hold.path}/stop", f"{hold.path}/cancel", f"{hold.path}/retry"]

    for answer in [theirs.get(read) for read in reads] + [theirs.post(write) for write in writes]:
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
    assert theirs.post(f"{hold.path}/heartbeat", hold.lease).status_code == 404
    assert theirs.post(f"{hold.path}/complete", hold.lease | {"metrics": {"loss": 1.0}}).status_code == 404
    assert theirs.get("/v1/studies").json()["items"] == []
    assert theirs.make_study(name="secret")["id"] != study["id"]


def test_a_foreign_study_is_answered_like_one_that_never_was(caller: Make) -> None:
    study = caller("user", "mine").make_study()
    theirs = caller("user", "theirs")

    foreign = theirs.get(f"/v1/studies/{study['id']}").json()
    random = theirs.get("/v1/studies/st_00000000000000000000000000000").json()

    assert {**foreign, "request_id": ""} == {**random, "request_id": ""}


def test_what_others_were_just_told_is_told_to_those_whom_it_will_do(user: Caller) -> None:
    study = user.make_study()["id"]
    path = f"/v1/studies/{study}/summary"
    user.get(f"{path}?at_least=1")

    user.post(f"/v1/studies/{study}/pause")

    told = {query: user.get(path + query).json()["state"] for query in ("", "?at_least=1", "?at_least=2")}
    assert told == {"": "paused", "?at_least=1": "active", "?at_least=2": "paused"}


def test_a_kept_answer_is_no_way_into_another_project(caller: Make) -> None:
    study = caller("user").make_study(name="digits")["id"]
    caller("user").get(f"/v1/studies/{study}/summary?at_least=1")

    answers = [caller("user", "theirs").get(f"/v1/studies/{name}/summary?at_least=1") for name in (study, "digits")]

    assert [answer.status_code for answer in answers] == [404, 404]


def test_a_list_of_trials_tells_its_version(user: Caller) -> None:
    study = user.make_study()["id"]
    first = user.get(f"/v1/studies/{study}/trials")

    again = user.get(f"/v1/studies/{study}/trials", headers={"if-none-match": first.headers["etag"]})
    user.post(f"/v1/studies/{study}/trials", {"trials": [{"parameters": {"x": 0.5}}]})
    later = user.get(f"/v1/studies/{study}/trials", headers={"if-none-match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert (later.status_code, len(later.json()["items"])) == (200, 1)
