"""SDK, routes, services and storage together: what a user's script does, against the real application."""

import pytest

from studyhall.errors import (
    Forbidden,
    InvalidInput,
    NameTaken,
    NotFound,
    StaleLease,
    StudyEnded,
    TrialFinished,
    Unauthenticated,
    Unavailable,
    VersionConflict,
)
from studyhall.study import StudyState
from studyhall.transport import path_of
from studyhall.trial import TrialState
from studyhall.trial_context import trial_seed
from studyhall.wire.fleet import RegisterWorker
from studyhall.wire.outputs import LogKept, SendLog
from tests.sdk.conftest import PARABOLA


def loss(parameters, trial):
    return (parameters["x"] - 0.5) ** 2


def test_a_study_is_optimized_to_the_end_of_its_budget(study):
    best = study.optimize(loss)

    assert study.refresh().state is StudyState.COMPLETED
    assert [trial.number for trial in study.trials()] == [0, 1, 2, 3, 4]
    assert best.metrics["loss"] == min(trial.metrics["loss"] for trial in study.trials())


def test_a_study_that_was_there_already_and_is_another_one_is_told_of(client, study):
    wider = PARABOLA | {"space": [{"name": "x", "type": "float", "low": -2, "high": 1}], "budget": {"max_trials": 9}}

    with pytest.warns(UserWarning, match="was there already, with another space, budget than asked for here"):
        found = client.create_study(study.name, **wider, if_exists="get")

    assert found.id == study.id
    assert client.create_study(study.name, **PARABOLA, if_exists="get").id == study.id


def test_a_stopping_rule_may_be_a_name(client):
    study = client.create_study("stopped by name", **PARABOLA, stopping="median")

    assert study.definition.stopping.rule == "median"


def test_ask_and_tell_need_no_more_than_a_loop(study):
    for _ in range(5):
        with study.ask() as trial:
            study.tell(trial, trial.parameters["x"] ** 2)

    assert study.summary().trials["completed"] == 5
    with pytest.raises(StudyEnded):
        study.ask()


def test_an_engine_in_a_process_of_its_own_says_why_it_chose(client):
    study = client.create_study("from an engine", **PARABOLA | {"algorithm": "sobol"})

    study.optimize(loss)

    assert all("sobol" in trial.why for trial in study.trials())


def test_reports_are_kept_and_the_last_one_is_the_result(client, study):
    with study.ask() as trial:
        for epoch in (1, 2, 3):
            assert trial.report(epoch, loss=1 / epoch, accuracy=epoch / 3)
        trial.complete()

    assert [m.metrics["loss"] for m in client.measurements(trial.id)] == [1.0, 0.5, pytest.approx(1 / 3)]
    assert trial.trial.metrics == {"loss": pytest.approx(1 / 3), "accuracy": 1.0}


def test_a_person_can_stop_a_trial_which_ends_as_pruned(client, study):
    with study.ask() as trial:
        assert trial.report(1, loss=0.5)
        client.stop_trial(trial.id, reason="looks hopeless")
        assert not trial.report(2, loss=0.4)

    assert trial.trial.state is TrialState.PRUNED
    assert "looks hopeless" in trial.stop_reason


def test_a_crash_in_the_users_code_fails_the_trial_and_keeps_the_traceback(client, study):
    with pytest.raises(ZeroDivisionError), study.ask() as trial:
        _ = 1 / 0

    stored = client.trial(trial.id)
    assert (stored.state, stored.failure) == (TrialState.FAILED, "user_error")
    assert "ZeroDivisionError" in stored.reason


def test_parameters_that_cannot_work_are_infeasible(client, study):
    with study.ask() as trial:
        trial.report(1, loss=float("nan"))

    assert client.trial(trial.id).state is TrialState.INFEASIBLE


def test_an_interrupted_trial_is_run_again_and_counted_once(study):
    with pytest.raises(KeyboardInterrupt), study.ask() as first:
        raise KeyboardInterrupt

    with study.ask() as second:
        second.complete(0.1)

    assert (second.id, second._claimed.attempt) == (first.id, 2)
    assert study.refresh().trials.completed == 1


def test_a_result_of_an_attempt_that_was_replaced_is_refused(study):
    first = study.ask()
    first.release()
    second = study.ask()

    with pytest.raises(StaleLease):
        first.complete(0.1)

    assert first.is_lost
    assert second.complete(0.2).metrics == {"loss": 0.2}


def test_the_same_result_twice_is_one_result_and_another_one_is_refused(study):
    trial = study.ask()

    assert trial.complete(0.5) == trial.complete(0.5)
    with pytest.raises(TrialFinished):
        trial.complete(0.4)


def test_two_askers_get_different_trials(study):
    first, second = study.ask(), study.ask()

    assert first.id != second.id
    assert len({trial.id for trial in study.ask(2)} | {first.id, second.id}) == 4


def test_queued_parameters_come_first(study):
    (queued,) = study.queue({"x": 0.25}, labels={"why": "hunch"})

    trial = study.ask()

    assert (trial.id, trial.parameters, trial.trial.labels) == (queued.id, {"x": 0.25}, {"why": "hunch"})


def test_trials_that_were_run_elsewhere_are_imported(study):
    study.add({"parameters": {"x": 0.5}, "state": "completed", "metrics": {"loss": 0.0}})

    assert study.best().metrics == {"loss": 0.0}


def test_a_function_has_the_same_seed_here_as_in_the_fleet(study):
    study.optimize(lambda _, trial: {"loss": 1.0, "seed": trial.seed})

    seeds = [trial.metrics["seed"] for trial in study.trials()]
    assert seeds == [trial_seed(study.definition.algorithm.seed, number) for number in range(5)]


def test_the_course_of_a_search_is_told_in_columns(study):
    study.optimize(loss)

    history = study.history()

    assert history.number == (0, 1, 2, 3, 4)
    assert history.best[-1] == study.best().metrics["loss"]


def test_the_course_of_a_search_is_a_data_frame_like_other_analyses(study):
    study.optimize(loss)

    frame = study.analysis("history").frame()

    assert list(frame.columns) == ["number", "state", "value", "best", "finished_at", "feasible"]
    assert frame["best"].iloc[-1] == study.best().metrics["loss"]


def test_changes_tell_how_far_every_study_is_and_then_what_is_new(client, study):
    changes = client.changes()
    first = next(changes)

    study.pause()

    assert first[study.id] < next(changes)[study.id] == study.refresh().sequence


def test_a_worker_can_be_put_aside_and_taken_back(client):
    introduction = RegisterWorker(name="rack-1/gpu-0", version="0.1.0")
    client.connection.post("/v1/workers", introduction, natural_key=True)

    assert client.change_worker("rack-1/gpu-0", "draining", reason="maintenance").state == "draining"
    assert client.change_worker("rack-1/gpu-0", "online").state == "online"


def test_a_paused_study_hands_out_nothing_until_it_is_resumed(study):
    study.pause()
    with pytest.raises(Unavailable, match="paused"):
        study.ask(wait_s=0)

    study.resume()
    assert study.ask(wait_s=0).number == 0


def test_a_stopped_study_is_over(study):
    study.stop(mode="kill", reason="enough")

    assert study.refresh().state.has_ended
    with pytest.raises(StudyEnded):
        study.ask()


def test_a_change_of_a_study_that_has_changed_since_is_refused(client, study):
    client.study(study.name).change(description="somebody else's words")

    with pytest.raises(VersionConflict):
        study.change(budget={"max_trials": 9})

    study.refresh()
    assert study.change(budget={"max_trials": 9}).budget.max_trials == 9


def test_events_tell_the_story_in_order(study):
    study.optimize(loss)

    events = list(study.events())

    assert [event.sequence for event in events] == sorted(event.sequence for event in events)
    assert [event.number for event in events if event.kind == "trial.completed"] == [0, 1, 2, 3, 4]


def test_summaries_end_with_the_study(study):
    study.optimize(loss)

    *_, last = study.summaries()

    assert last.state is StudyState.COMPLETED


def test_several_objectives_have_a_front(client):
    two = PARABOLA | {"objectives": [{"metric": "loss"}, {"metric": "size"}]}
    study = client.create_study("front", **two)

    study.optimize(lambda parameters, _: {"loss": parameters["x"], "size": -parameters["x"]})

    assert len(study.pareto()) == 5


def test_lists_are_read_page_by_page(study):
    study.optimize(loss)

    assert [trial.number for trial in study.trials(page_size=2, sort="-number")] == [4, 3, 2, 1, 0]
    assert [trial.number for trial in study.trials(state=["completed", "failed"])] == [0, 1, 2, 3, 4]


def test_a_name_is_taken_once_and_may_be_had_again(client, study):
    with pytest.raises(NameTaken, match="if_exists"):
        client.create_study(study.name, **PARABOLA)

    assert client.create_study(study.name, **PARABOLA, if_exists="get").id == study.id


def test_a_name_may_hold_spaces_and_colons(client):
    study = client.create_study("digits 2026-01-01 12:00:00", **PARABOLA)

    assert client.study(study.name).id == study.id


def test_a_deleted_study_is_gone(client):
    study = client.create_study("to be deleted", **PARABOLA)

    study.delete()

    with pytest.raises(NotFound):
        client.study(study.id)


def test_a_trial_can_be_annotated_and_repeated(client, study):
    with study.ask() as trial:
        trial.complete(0.5)

    assert client.change_trial(trial.id, note="odd", labels={"seen": "yes"}).note == "odd"
    assert client.retry_trial(trial.id).retry_of == trial.id
    assert [attempt.outcome for attempt in client.attempts(trial.id)] == ["completed"]


def test_what_does_not_fit_the_space_is_named(study):
    with pytest.raises(InvalidInput, match="/trials/0/parameters/x"):
        study.queue({"x": 7.0})


def test_a_server_says_what_it_can_do(client):
    assert {"random", "sobol", "skopt", "auto"} <= {algorithm.name for algorithm in client.algorithms()}
    assert client.check_space({"parameters": PARABOLA["space"]}, samples=2).size is None
    assert client.is_ready()
    assert client.trainables() == []


def test_keys_open_what_their_scope_allows(client, door):
    reader = client.create_key("reader", "reader", expires_in_s=60)
    keys = client.keys()
    assert [key.secret for key in keys if key.id == reader.id] == [None]

    looking = door.client(reader.secret)
    assert list(looking.studies(name="no such study")) == []
    with pytest.raises(Forbidden):
        looking.create_study("forbidden", **PARABOLA)

    client.revoke_key(reader.id)
    with pytest.raises(Unauthenticated):
        list(looking.studies())


def test_a_worker_key_can_evaluate_and_no_more(client, door, study):
    key = client.create_key("evaluates", "worker")
    evaluating = door.client(key.secret).study(study.name)

    with evaluating.ask() as trial:
        trial.complete(0.5)

    with pytest.raises(Forbidden):
        evaluating.pause()


def test_a_log_is_followed_to_its_end(client, study):
    with study.ask() as trial:
        path, lease = path_of("trials", trial.id, "logs"), {"attempt": 1, "token": trial._token}
        client.connection.post(path, SendLog(**lease, start=0, text="epoch 1\n"), LogKept)
        reading = client.log(trial.id, follow=True)
        first = next(reading)
        client.connection.post(path, SendLog(**lease, start=8, text="bye\n"), LogKept)
        trial.complete(loss=1.0)

    assert (first, list(reading)) == ("epoch 1\n", ["bye\n"])


@pytest.mark.parametrize("size", [0, 1000])
def test_an_artifact_is_copied_piece_by_piece_and_whole(client, study, tmp_path, monkeypatch, size):
    monkeypatch.setattr("studyhall.client.PIECE_BYTES", 300)
    content = bytes(range(256)) * 4
    with study.ask() as trial:
        client.connection._http.post(
            path_of("trials", trial.id, "artifacts"),
            params={"name": "model/weights", "attempt": 1},
            content=content[:size],
            headers={"content-type": "application/octet-stream", "x-lease-token": trial._token},
        ).raise_for_status()
        trial.complete(loss=1.0)

    (artifact,) = client.artifacts(trial.id)
    saved = client.save_artifact(trial.id, artifact, tmp_path / "here" / "weights")

    assert (artifact.size, saved.read_bytes()) == (size, content[:size])
    assert list(saved.parent.iterdir()) == [saved]
