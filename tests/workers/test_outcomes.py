"""Whatever a trial does, its worker tells the right outcome with a reason that a person can read."""

import asyncio
import dataclasses

import pytest

from studyhall.wire.claims import Complete, Fail, Infeasible
from tests.workers.conftest import at_work, task
from tests.workers.fake_server import FakeServer


def test_a_number_is_the_objective(run_trial):
    trial = run_trial(task("good"))

    assert isinstance(trial.ending, Complete)
    assert trial.ending.metrics == {"loss": 0.25}
    assert not trial.ending.pruned
    assert trial.steps == [1, 2, 3]


def test_a_dict_is_the_final_metrics(run_trial):
    assert run_trial(task("returns_a_dict")).ending.metrics == {"loss": 0.5, "accuracy": 0.75}


def test_the_last_report_is_the_result_of_a_function_that_returns_nothing(run_trial):
    assert run_trial(task("reports_only")).ending.metrics == {"loss": 0.4}


def test_a_step_may_be_numpys(run_trial):
    trial = run_trial(task("counts_as_numpy_does"))

    assert isinstance(trial.ending, Complete)
    assert trial.steps == [1, 2, 3]


def test_no_result_of_many_short_trials_is_lost(configuration):
    async def play():
        server = FakeServer()
        trials = [server.add(task("good")) for _ in range(100)]
        async with at_work(dataclasses.replace(configuration, slots=3), server):
            await server.until(lambda: all(trial.ending for trial in trials), 60)
        return trials

    trials = asyncio.run(play())

    assert {type(trial.ending) for trial in trials} == {Complete}
    assert {trial.attempt for trial in trials} == {1}


def test_a_function_that_has_closed_its_output_has_a_result(run_trial):
    assert run_trial(task("closes_its_output")).ending.metrics == {"loss": 0.5}


def test_a_line_for_a_log_that_is_closed_is_lost_and_nothing_else(run_trial):
    assert run_trial(task("logs_after_it_has_closed_its_output")).ending.metrics == {"loss": 0.5}


@pytest.mark.parametrize("code", [0, None])
def test_the_last_report_is_the_result_of_a_function_that_exits_as_if_all_were_well(run_trial, code):
    assert run_trial(task("exits_after_reports"), code=code).ending.metrics == {"loss": 0.4}


def test_what_a_function_has_registered_for_its_exit_is_done(run_trial, tmp_path):
    run_trial(task("has_something_to_do_at_its_exit"), file=str(tmp_path / "file"))

    assert (tmp_path / "file").read_text() == "done"


@pytest.mark.catalogue("WK-003", "WK-005", "WK-008", "WK-009", "WK-012")
@pytest.mark.parametrize(
    ("function", "kind", "message"),
    [
        ("raises", "user_error", "RuntimeError: the data is not there"),
        ("returns_nothing", "bad_result", "it returned nothing and reported nothing"),
        ("returns_text", "bad_result", "a str was returned"),
        ("returns_another_metric", "bad_result", "lacks the objective 'loss'; it told accuracy"),
        ("exits", "no_result", "called sys.exit(0) before it had a result"),
        ("exits_with_what_cannot_be_told", "no_result", "sys.exit(an Unspeakable that cannot be told) before it had"),
        ("returns_what_cannot_be_told", "user_error", "trials.Unspeakable"),
        ("exits_hard", "no_result", "exited with code 3 before it had a result; its last lines:\nlast words"),
        ("fills_the_disk", "user_error", "OSError: [Errno 27] File too large"),
        ("crashes", "user_error", "crashed with SIGSEGV"),
        ("is_ended_by_a_signal_without_a_name", "user_error", "crashed with signal 40"),
        ("is_killed", "killed", "killed from outside by SIGKILL"),
        ("kills_its_keeper", "killed", "killed from outside by SIGKILL"),
        ("is_not_there", "user_error", "'tests.workers.trials' has no function 'is_not_there'"),
    ],
)
def test_what_goes_wrong_is_told_with_its_kind_and_reason(run_trial, function, kind, message):
    trial = run_trial(task(function))

    assert isinstance(trial.ending, Fail)
    assert trial.ending.kind == kind
    assert message in trial.ending.message


def test_a_traceback_shows_the_users_code_and_none_of_ours(run_trial):
    message = run_trial(task("raises")).ending.message

    assert "trials.py" in message
    assert "workers/child" not in message


@pytest.mark.catalogue("WK-003")
def test_of_a_long_traceback_the_end_is_kept(run_trial):
    message = run_trial(task("raises_something_long")).ending.message

    assert len(message) <= 16_384
    assert message.rstrip().endswith("the end")


def test_a_module_that_is_not_there_is_the_users_error(run_trial):
    trial = run_trial({"entry_point": "tests.workers.no_such_module:f"})

    assert trial.ending.kind == "user_error"
    assert "No module named 'tests.workers.no_such_module' on this worker: start it with --path" in trial.ending.message


@pytest.mark.catalogue("WK-006")
@pytest.mark.parametrize(
    ("function", "reason"),
    [
        ("returns_nan", "'loss' was nan in the result"),
        ("reports_nan", "'loss' was inf at step 2"),
        ("swallows_nan", "'loss' was nan at step 0"),
        ("is_infeasible", "the model does not fit"),
        ("is_infeasible_by_an_error", "too deep for the input"),
        ("reports_a_number_beyond_floats", "'loss' was inf at step 1"),
        ("runs_out_of_memory", "out of memory: 1 TB"),
        ("runs_out_of_memory_without_a_word", "out of memory: an UnspeakableMemoryError that cannot be told"),
    ],
)
def test_a_configuration_that_cannot_work_is_infeasible(run_trial, function, reason):
    trial = run_trial(task(function))

    assert isinstance(trial.ending, Infeasible)
    assert trial.ending.reason == reason


@pytest.mark.catalogue("WK-018")
def test_a_trial_that_takes_too_long_is_ended(run_trial):
    trial = run_trial(task("ignores_sigterm", timeout_s=0.5))

    assert trial.ending.kind == "timeout"
    assert "longer than the 0.5 s" in trial.ending.message


def test_a_child_that_forks_and_returns_has_one_result(run_trial):
    assert run_trial(task("forks_and_returns")).ending.metrics == {"loss": 0.5}


@pytest.mark.catalogue("WK-002")
@pytest.mark.parametrize(
    "given",
    [
        {"entry_point": "os:getcwd"},
        {"entry_point": "tests.workersx:f"},
        {"command": ["sh", "-c", "true"]},
        {"trainable": "hello"},
    ],
)
def test_what_is_not_on_the_allow_list_is_not_run(run_trial, given):
    trial = run_trial(given)

    assert trial.ending.kind == "entrypoint_not_allowed"
    assert "this worker" in trial.ending.message
