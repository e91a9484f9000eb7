"""A worker's spans, with the real server on the other side."""

from studyhall.trial import Trial
from studyhall.wire.pages import Page
from tests.workers.conftest import task
from tests.workers.test_worker_and_server import in_house  # noqa: F401  # a fixture


def run_one(in_house, function):  # noqa: F811
    async def scene(house):
        await house.study(task(function), 1)
        await house.happened("study.completed")
        return (await house.get("studies/study/trials", Page[Trial])).items

    return in_house(scene)


def test_a_worker_s_attempt_and_its_steps_are_in_the_study_s_trace(spans, in_house):  # noqa: F811
    run_one(in_house, "good")

    found = spans()
    study, attempt = found["POST /v1/studies"], found["trial 0"]
    assert attempt.parent.span_id == study.context.span_id
    assert attempt.attributes["studyhall.outcome"] == "completed"
    for name in ("step 1", "step 2", "step 3", "POST /v1/trials/{trial}/complete"):
        assert found[name].parent.span_id == attempt.context.span_id
    assert found["step 1"].end_time <= found["step 2"].start_time


def test_a_trial_s_own_process_is_told_where_its_spans_belong(spans, in_house):  # noqa: F811
    (trial,) = run_one(in_house, "says_where_it_is_traced")

    expected = spans()["trial 0"].context
    assert trial.metrics["loss"] == int(f"{expected.span_id:016x}"[:12], 16)
