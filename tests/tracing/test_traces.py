"""What a trace holds, and that there is none unless somebody wants it."""

import subprocess
import sys

import pytest
from opentelemetry import trace

from studyhall import tracing
from studyhall.errors import InvalidInput

SPACE = [{"name": "x", "type": "float", "low": 0, "high": 1}]


def parabola(client, **rest):
    return client.create_study("parabola", SPACE, {"metric": "loss"}, algorithm={"name": "random"}, **rest)


def test_from_the_post_of_a_study_to_a_step_of_its_training_is_one_trace(serving, spans):
    with serving() as client, parabola(client).ask() as trial:
        trial.report(7, loss=0.5)
        trial.complete(loss=0.25)

    found = spans()
    study, attempt, step = (found[name] for name in ("POST /v1/studies", "trial 0", "step 7"))
    assert step.parent.span_id == attempt.context.span_id
    assert attempt.parent.span_id == study.context.span_id
    assert step.context.trace_id == study.context.trace_id
    assert step.attributes["studyhall.metric.loss"] == 0.5
    assert attempt.attributes["studyhall.outcome"] == "completed"


def test_what_an_attempt_sends_is_below_it(serving, spans):
    with serving() as client, parabola(client).ask() as trial:
        trial.report(1, loss=0.5)
        trial.complete(loss=0.25)

    found = spans()
    for request in ("POST /v1/trials/{trial}/measurements", "POST /v1/trials/{trial}/complete"):
        assert found[request].parent.span_id == found["trial 0"].context.span_id
        assert found[request].attributes["http.response.status_code"] == 200


def test_a_study_is_below_the_span_of_the_script_that_made_it(serving, spans):
    with serving() as client, trace.get_tracer("mine").start_as_current_span("my script"):
        parabola(client)

    found = spans()
    assert found["POST /v1/studies"].parent.span_id == found["my script"].context.span_id


def test_a_trial_that_fails_is_an_error_with_its_reason(serving, spans):
    with serving() as client, pytest.raises(ZeroDivisionError), parabola(client).ask():
        raise ZeroDivisionError("no data")

    assert spans()["trial 0"].status.is_ok is False
    assert "no data" in spans()["trial 0"].attributes["studyhall.reason"]


def test_late_trials_of_a_long_study_have_traces_of_their_own_that_link_to_it(serving, spans, monkeypatch):
    monkeypatch.setattr(tracing, "IN_ONE_TRACE", 0)

    with serving() as client, parabola(client).ask() as trial:
        trial.complete(loss=0.25)

    found = spans()
    study, attempt = found["POST /v1/studies"], found["trial 0"]
    assert attempt.context.trace_id != study.context.trace_id
    assert [link.context.span_id for link in attempt.links] == [study.context.span_id]


def test_an_engine_s_work_is_below_the_study(serving, spans):
    with serving() as client:
        study = client.create_study("modelled", SPACE, {"metric": "loss"}, algorithm={"name": "tpe"})
        study.ask(wait_s=10)

    found = spans()
    assert found["suggest tpe"].parent.span_id == found["POST /v1/studies"].context.span_id


def test_a_trial_s_steps_are_bounded_and_counted(serving, spans, monkeypatch):
    monkeypatch.setattr(tracing, "MOST_STEPS", 2)

    with serving() as client, parabola(client).ask() as trial:
        trial.report_many({step: {"loss": 1.0} for step in range(5)})
        trial.complete(loss=0.25)

    assert [name for name in spans() if name.startswith("step")] == ["step 0", "step 1"]
    assert spans()["trial 0"].attributes["studyhall.steps"] == 5


def test_nothing_is_traced_unless_it_is_wanted(serving):
    with serving() as client, parabola(client).ask() as trial:
        assert trial.study.traceparent is None
        assert tracing.to_environment() == {}
        trial.complete(loss=0.25)


def test_the_sdk_imports_nothing_of_opentelemetry():
    code = (
        "import sys, studyhall.client, studyhall.tracing as t; print(t.current(), 'opentelemetry.trace' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["None", "False"]


def test_who_wants_traces_without_the_library_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)

    with pytest.raises(InvalidInput, match=r"pip install 'studyhall\[tracing\]'"):
        tracing.start("nobody")
