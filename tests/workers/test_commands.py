"""The third door: programs."""

import asyncio
import dataclasses
import json
import sys

import pytest

from studyhall.definition import read_word
from studyhall.errors import InvalidInput
from studyhall.study import Task
from studyhall.trial_context import LocalTrial
from studyhall.wire.claims import Complete, Fail
from tests.workers.conftest import QUICK, at_work
from tests.workers.fake_server import FakeServer
from workers.child.command import fill_template
from workers.child.metric_lines import MetricLines, MetricsFile, metrics_in


def python(code: str, *arguments: str) -> dict[str, list[str]]:
    return {"command": [sys.executable, "-c", code, *arguments]}


def test_json_lines_with_a_step_are_measurements_and_without_one_the_result(run_trial):
    code = """
print("starting")
for step in (1, 2): print('{"step": %d, "loss": %g}' % (step, 1 / step))
print('{"loss": 0.25, "accuracy": 1}')
"""
    trial = run_trial(python(code))

    assert isinstance(trial.ending, Complete)
    assert trial.steps == [1, 2]
    assert trial.ending.metrics == {"loss": 0.25, "accuracy": 1.0}


def test_an_argument_stays_one_argument_whatever_it_holds(run_trial):
    code = "import sys; print('{\"loss\": %d}' % (sys.argv[1] == '; echo $HOME \"x\\''))"
    trial = run_trial(python(code, "{text}"), text="; echo $HOME \"x'")

    assert trial.ending.metrics == {"loss": 1.0}


def test_a_program_that_fails_shows_its_last_lines(run_trial):
    trial = run_trial(python("import sys; print('bad data', file=sys.stderr); sys.exit(7)"))

    assert isinstance(trial.ending, Fail)
    assert trial.ending.kind == "user_error"
    assert "exited with code 7; its last lines:\nbad data" in trial.ending.message


def test_a_program_that_ends_well_without_metrics_has_no_result(run_trial):
    assert run_trial(python("pass")).ending.kind == "bad_result"


@pytest.mark.parametrize(
    "code",
    [
        "import subprocess; subprocess.Popen(['sleep', '600']); print('{\"loss\": 0.5}')",  # it holds the output open
        "import subprocess as s; s.Popen(['sh', '-c', 'sleep 0.3; echo \\'{\"loss\": 0.5}\\'; sleep 600'])",
    ],
)
def test_a_program_has_ended_when_it_has_whatever_it_leaves_behind(run_trial, code):
    assert run_trial(python(code)).ending.metrics == {"loss": 0.5}


def test_a_program_that_closes_its_output_still_hears_that_it_shall_stop(configuration):
    code = 'import os, time; print(\'{"step": 1, "loss": 0.5}\', flush=True); os.close(1); os.close(2); time.sleep(600)'
    patient = dataclasses.replace(configuration, patiences=dataclasses.replace(QUICK, grace_s=60))

    async def play():
        server = FakeServer()
        trial = server.add(python(code))
        async with at_work(patient, server):
            await server.until(lambda: 1 in trial.measurements)
            server.ask_to_stop(trial)
            return await server.ended(trial)

    assert asyncio.run(play()).pruned


@pytest.mark.parametrize("step", ["NaN", "Infinity", "1.5", "-3", "1e300"])
def test_a_step_that_is_none_is_a_bad_result(run_trial, step):
    failed = run_trial(python(f'print(\'{{"step": {step}, "loss": 1}}\')')).ending

    assert failed.kind == "bad_result"
    assert "whole number" in failed.message


def test_a_program_that_is_not_there_says_so(run_trial):
    trial = run_trial({"command": ["missing-program"]})

    assert "'missing-program' cannot be started: No such file" in trial.ending.message


def test_a_metric_that_is_not_finite_makes_the_trial_infeasible(run_trial):
    assert run_trial(python("print('{\"loss\": NaN}')")).ending.reason == "'loss' was nan in the result"


@pytest.mark.parametrize(
    ("argument", "filled"),
    [
        ("--lr={lr}", ["--lr=0.001"]),
        ("{args}", ["--lr", "0.001", "--layers", "3", "--bias", "true", "--note", "a b"]),
        ("{params_json}", ['{"lr": 0.001, "layers": 3, "bias": true, "note": "a b"}']),
        ("{trial.seed}", ["5"]),
        ('{{"lr": {lr}}}', ['{"lr": 0.001}']),
        ("{note}", ["a b"]),
    ],
)
def test_placeholders_are_filled(argument, filled):
    parameters = {"lr": 0.001, "layers": 3, "bias": True, "note": "a b"}

    assert fill_template([argument], parameters, LocalTrial(seed=5)) == filled


def test_a_placeholder_without_a_value_says_what_to_do():
    with pytest.raises(InvalidInput, match=r"\{momentum\}, which is no active parameter.*\{args\}"):
        fill_template(["{momentum}"], {"lr": 1}, LocalTrial())


@pytest.mark.parametrize("value", [0.1, 1e-5, 1 / 3, 1e22, 5e-324])
def test_a_number_survives_the_command_line(value):
    (filled,) = fill_template(["{x}"], {"x": value}, LocalTrial())

    assert float(filled) == value


@pytest.mark.parametrize(
    "line", ["text", "{", "{}", "[1]", '{"a": "b"}', '{"a": [1]}', "{" * 70_000, '{"a": null}', '{"a":' * 9000]
)
def test_other_lines_are_just_lines(line):
    assert metrics_in(line) is None


def test_metrics_are_read_from_a_line():
    assert metrics_in(json.dumps({"step": 1, "loss": 0.5})) == {"step": 1, "loss": 0.5}


def test_what_a_program_calls_otherwise_has_the_nearest_name(run_trial):
    trial = run_trial(
        python("""print('{"step": 1, "ndcg@5": 0.5}'); print('{"my config": 5, "1": 2, "loss": 0.25}')""")
    )

    assert trial.measurements[1].metrics == {"ndcg_5": 0.5}
    assert trial.ending.metrics == {"ndcg_5": 0.5, "my_config": 5.0, "_1": 2.0, "loss": 0.25}


def test_json_behind_a_progress_bar_on_its_line_is_read(run_trial):
    trial = run_trial(python("""print('10%|#\\r50%|##\\r{"step": 1, "loss": 0.5}\\r      \\r{"loss": 0.25}\\r')"""))

    assert trial.measurements[1].metrics == {"loss": 0.5}
    assert trial.ending.metrics == {"loss": 0.25}


def test_json_lines_in_a_file_are_read_like_printed_ones(run_trial):
    code = """
import sys
with open(sys.argv[1], "w") as file:
    file.write('{"step": 1, "loss": 0.5}\\n{"step": 2, "loss": 0.25}\\n')
    print('training', flush=True)
    file.write('{"loss": 0.125}')
"""
    trial = run_trial(python(code, "{trial.workdir}/out.jsonl") | {"settings": {"metrics_file": "out.jsonl"}})

    assert trial.steps == [1, 2]
    assert trial.ending.metrics == {"loss": 0.125}
    assert trial.log == "training\n"


@pytest.mark.parametrize("way", ["w", "replace"])
def test_a_file_that_is_written_anew_each_time_is_read_anew(tmp_path, way):
    path = tmp_path / "metrics.json"
    file, lines = MetricsFile(path), list[str]()

    for line in ('{"step": 9, "loss": 1}\n', '{"step": 10, "loss": 1}\n', '{"step": 11, "loss": 1}\n', "{}\n"):
        if way == "w":
            path.write_text(line)
        else:
            (tmp_path / "new").write_text(line)
            (tmp_path / "new").rename(path)
        lines += file.new_lines()

    assert [line for line in lines if line] == [
        '{"step": 9, "loss": 1}',
        '{"step": 10, "loss": 1}',
        '{"step": 11, "loss": 1}',
        "{}",
    ]


def test_a_program_that_knows_nothing_of_us_is_read_by_patterns(run_trial):
    code = """
for epoch in (1, 2): print("Epoch %d/2" % epoch); print("  train 9.0  valid %.3e" % (1 / epoch))
print("test accuracy 97 %")
"""
    patterns = {"step": r"^Epoch (\d+)", "loss": r"valid (\S+)", "accuracy": r"accuracy (\d+)"}
    trial = run_trial(python(code) | {"settings": {"patterns": patterns}})

    assert [trial.measurements[step].metrics["loss"] for step in (1, 2)] == [1.0, 0.5]
    assert trial.ending.metrics == {"loss": 0.5, "accuracy": 97.0}


def test_without_a_step_the_last_match_of_a_pattern_is_the_result():
    lines = MetricLines({"patterns": {"loss": "loss=(.*)"}})

    assert [lines.read(line) for line in ("loss=2", "loss=unknown", "done", "loss=1e-3")] == [
        {"loss": 2.0},
        None,
        None,
        {"loss": 0.001},
    ]


def test_a_group_that_may_be_empty_tells_nothing_then():
    assert MetricLines({"patterns": {"loss": r"loss (\d+)?"}}).read("loss ") is None


@pytest.mark.parametrize(
    ("settings", "pointer", "message"),
    [
        ({"patterns": {"loss": "("}}, "/settings/patterns/loss", "is no regular expression"),
        ({"patterns": {"loss": "loss"}}, "/settings/patterns/loss", "needs a group"),
        ({"patterns": ["loss"]}, "/settings/patterns", "an object of regular expressions by metric"),
        ({"metrics_file": "/etc/passwd"}, "/settings/metrics_file", "below the attempt's directory"),
        ({"metrics_file": "../other"}, "/settings/metrics_file", "below the attempt's directory"),
    ],
)
def test_settings_of_a_command_that_cannot_work_are_refused_by_name(settings, pointer, message):
    with pytest.raises(InvalidInput) as refused:
        read_word(Task, {"command": ["train"], "settings": settings})

    (fault,) = refused.value.errors
    assert fault.pointer == pointer
    assert message in fault.message
