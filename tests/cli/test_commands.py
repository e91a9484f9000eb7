"""What the commands print, for people and for programs."""

import httpx2
import pytest

from studyhall.commands.printing import age_text, cell_text
from tests.sdk.scripted import NOW, STUDY, SUMMARY, TRIAL, problem

BEST = {"trial": "tr_1", "number": 0, "value": 0.25}
COUNTED = STUDY | {"trials": {"completed": 3, "running": 1}, "planned_trials": 8, "best": BEST}
DONE = TRIAL | {"state": "completed", "metrics": {"loss": 0.25}}


def page(*items):
    return {"items": list(items)}


def lines(text):
    return [line.split() for line in text.splitlines()]


def test_studies_are_listed_as_a_table(command_line):
    run = command_line({"GET /v1/studies": page(COUNTED)})

    assert run("study", "list") == 0

    heading, row = lines(run.out)
    assert heading == ["NAME", "STATE", "TRIALS", "RUNNING", "BEST", "ALGORITHM", "CREATED"]
    assert row[:6] == ["digits", "active", "3/8", "1", "0.25", "auto"]


def test_an_empty_list_says_what_to_do(command_line):
    run = command_line({"GET /v1/studies": page()})

    run("study", "list")

    assert run.out == "no studies; make one: studyhall study create FILE\n"


@pytest.mark.parametrize(
    ("arguments", "routes"),
    [
        (["study", "list"], {"GET /v1/studies": page(STUDY)}),
        (["study", "show", "digits"], {}),
        (["study", "best", "digits"], {"GET /v1/studies/st_1/best": {"trials": [DONE]}}),
        (["study", "pause", "digits"], {"POST /v1/studies/st_1/pause": STUDY}),
        (["study", "resume", "digits"], {"POST /v1/studies/st_1/resume": STUDY}),
        (["study", "stop", "digits"], {"POST /v1/studies/st_1/stop": STUDY}),
        (["study", "delete", "digits", "--yes"], {"DELETE /v1/studies/st_1": (204, None)}),
        (["trial", "list", "digits"], {"GET /v1/studies/st_1/trials": page(TRIAL)}),
        (["trial", "show", "tr_1"], {"GET /v1/trials/tr_1": TRIAL, "GET /v1/trials/tr_1/measurements": page()}),
        (["trial", "stop", "tr_1"], {"POST /v1/trials/tr_1/stop": TRIAL}),
        (["trial", "cancel", "tr_1"], {"POST /v1/trials/tr_1/cancel": TRIAL}),
        (["trial", "retry", "tr_1"], {"POST /v1/trials/tr_1/retry": (201, TRIAL)}),
        (["worker", "list"], {"GET /v1/workers": page()}),
        (["algorithms"], {"GET /v1/algorithms": page({"name": "random", "summary": "chance", "options": {}})}),
        (["trainables"], {"GET /v1/trainables": page()}),
        (["key", "list"], {"GET /v1/keys": page()}),
        (["key", "revoke", "k1"], {"DELETE /v1/keys/k1": (204, None)}),
    ],
)
def test_every_command_that_asks_can_answer_in_json(command_line, arguments, routes):
    run = command_line(routes)

    assert run(*arguments, "--json") == 0

    assert isinstance(run.json, (list, dict))


def test_a_list_of_workers_tells_slots_failures_load_and_gpus(command_line):
    gpu = {"id": "GPU-a", "name": "H200", "memory_mb": 1000, "memory_used_mb": 250}
    machine = {"cpus": 8, "load": 3.5, "memory_mb": 4000, "memory_used_mb": 1000, "gpus": [gpu]}
    seen = {"first_seen_at": "2026-11-24T00:00:00Z", "last_seen_at": "2026-11-24T00:00:00Z"}
    told = {"name": "box", "version": "0.1.0", "state": "online", "capabilities": {}, "slots": 4, "machine": machine}
    run = command_line(
        {"GET /v1/workers": page(told | seen | {"running": 3, "completed": 9, "failed": 1, "failure_rate": 0.1})}
    )

    run("worker", "list")

    assert "box   online  3/4      9          1 (10%)  3.5/8  H200 25%" in run.out


def test_a_study_is_shown_fact_by_fact(command_line):
    run = command_line({"GET /v1/studies/digits": COUNTED})

    run("study", "show", "digits")

    assert "objectives  minimize loss\n" in run.out
    assert "best        0.25 (trial 0, tr_1)\n" in run.out
    assert "trials      running=1, completed=3\n" in run.out


def test_a_study_that_no_worker_can_run_is_shown_with_what_is_missing(command_line):
    told = "no worker has what it asks for: 2 GPU (has 1); the nearest is 'box'"
    routes = {
        "GET /v1/studies/digits": STUDY | {"task": {"command": ["python"]}},
        "GET /v1/studies/st_1/summary": SUMMARY | {"no_worker": told},
    }
    run = command_line(routes)

    run("study", "show", "digits")

    assert told in run.out


def test_the_best_trial_is_shown_with_its_parameters(command_line):
    run = command_line({"GET /v1/studies/st_1/best": {"trials": [DONE]}})

    run("study", "best", "digits")

    assert run.out == "best trial  0 (tr_1)\nloss        0.25\nparameters\n  x  0.5\n"


def test_several_objectives_have_a_front_instead_of_a_best(command_line):
    two = STUDY | {"objectives": [{"metric": "loss"}, {"metric": "size"}]}
    front = {"trials": [DONE | {"metrics": {"loss": 0.1, "size": 4.0}}, DONE | {"number": 3}]}
    run = command_line({"GET /v1/studies/digits": two, "GET /v1/studies/st_1/pareto": front})

    run("study", "best", "digits")

    assert [line[0] for line in lines(run.out)] == ["NUMBER", "0", "3"]


def test_watching_ends_with_the_study_and_its_best(command_line):
    ended = STUDY | {"state": "completed", "reason": "budget"}
    done = SUMMARY | {"state": "completed", "trials": {"completed": 4}}
    run = command_line(
        {
            "GET /v1/studies/st_1": ended,
            "GET /v1/studies/st_1/summary": [SUMMARY, done],
            "GET /v1/studies/st_1/events": {"items": [], "sequence": 7},
            "GET /v1/studies/st_1/best": {"trials": [DONE]},
        }
    )

    assert run("study", "watch", "digits") == 0

    assert run.out.splitlines()[:3] == ["3 trials  1:01", "4 trials  1:01", "study 'digits' is completed (budget)"]


def test_watching_a_study_that_fails_leaves_code_1(command_line):
    run = command_line(
        {
            "GET /v1/studies/st_1": STUDY | {"state": "failed"},
            "GET /v1/studies/st_1/summary": SUMMARY | {"state": "failed"},
            "GET /v1/studies/st_1/best": {"trials": []},
        }
    )

    assert run("study", "watch", "digits") == 1


def test_a_trial_is_shown_with_its_curve(command_line):
    measured = [{"step": step, "metrics": {"loss": 1 / step}, "attempt": 1} for step in (1, 2)]
    routes = {"GET /v1/trials/tr_1": DONE, "GET /v1/trials/tr_1/measurements": page(*measured)}
    run = command_line(routes)

    run("trial", "show", "tr_1")

    assert lines(run.out)[-3:] == [["ATTEMPT", "STEP", "LOSS"], ["1", "1", "1"], ["1", "2", "0.5"]]


def test_a_trial_list_has_a_column_for_each_objective(command_line):
    run = command_line({"GET /v1/studies/st_1/trials": page(DONE)})

    run("trial", "list", "digits", "--sort", "value", "--reverse")

    assert lines(run.out)[0] == ["NUMBER", "ID", "STATE", "LOSS", "ATTEMPT", "PARAMETERS"]
    assert run.server.requests[-1].url.params["sort"] == "-value"


def test_a_list_ends_at_its_limit_and_zero_means_all(command_line):
    run = command_line({"GET /v1/studies": page(*[STUDY] * 5)})

    run("study", "list", "--limit", "2", "--json")
    assert len(run.json) == 2

    run("study", "list", "--limit", "0", "--json")
    assert len(run.json) == 5


def test_deleting_asks_unless_it_is_told_not_to(command_line):
    run = command_line({"DELETE /v1/studies/st_1": (204, None)})

    assert run("study", "delete", "digits") == 2
    assert "say --yes" in run.err

    assert run("study", "delete", "digits", "--yes") == 0


def test_a_new_keys_secret_is_alone_on_standard_output(command_line):
    key = {"id": "k1", "name": "ci", "scope": "worker", "project": "default", "created_at": NOW, "secret": "hps_secret"}
    run = command_line({"POST /v1/keys": (201, key)})

    run("key", "create", "ci", "--scope", "worker", "--expires-in", "90d")

    assert run.out == "hps_secret\n"
    assert run.server.sent("/v1/keys") == [{"name": "ci", "scope": "worker", "expires_in_s": 7_776_000.0}]


def test_a_new_keys_secret_can_go_to_a_file_of_its_owners(command_line, tmp_path):
    key = {"id": "k1", "name": "ci", "scope": "user", "project": "default", "created_at": NOW, "secret": "hps_secret"}
    run = command_line({"POST /v1/keys": (201, key)})
    file = tmp_path / "ci.key"

    run("key", "create", "ci", "--file", str(file))

    assert file.read_text() == "hps_secret\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert "hps_secret" not in run.out + run.err


def test_a_server_cannot_move_the_cursor_or_hide_text(command_line):
    run = command_line({"GET /v1/studies/digits": problem(409, "\x1b[2J\u202egone")})

    run("study", "show", "digits")

    assert "\x1b" not in run.err
    assert "\u202e" not in run.err


def test_values_are_short_and_ages_are_round():
    assert [cell_text(value) for value in (None, True, 1 / 3, {"a": 1, "b": 0.5}, ())] == [
        "-",
        "yes",
        "0.333333",
        "a=1, b=0.5",
        "-",
    ]
    assert cell_text("a\x1b[31mb") == "a [31mb"


def test_ages_are_told_in_the_largest_unit_that_fits():
    from datetime import datetime, timedelta

    now = datetime.fromisoformat(NOW)

    ages = [age_text(now - timedelta(seconds=seconds), now=now) for seconds in (3, 90, 7300, 200_000)]

    assert ages == ["3 s ago", "1 min ago", "2 h ago", "2 d ago"]


def test_it_asks_the_server_with_the_key(command_line):
    run = command_line({"GET /v1/studies": page()})

    run("study", "list")

    assert run.server.requests[0].headers["authorization"] == "Bearer k"
    assert isinstance(run.server.requests[0].url, httpx2.URL)


def test_a_pipe_gets_json_unasked(command_line):
    run = command_line({"GET /v1/studies": page(COUNTED)})

    assert run.on_a_pipe("study", "list") == 0

    assert run.json[0]["name"] == "digits"


def test_a_trial_may_be_named_by_its_study_and_number(command_line):
    routes = {"GET /v1/studies/st_1/trials": page(DONE), "GET /v1/trials/tr_1/attempts": page()}
    run = command_line(routes)

    assert run("trial", "attempts", "digits/0") == 0

    assert run.out == "nobody has run it yet\n"
