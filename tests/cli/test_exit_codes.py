"""The promises that scripts rely on: exit codes, one line of error, no traceback."""

import httpx2
import pytest

from studyhall.cli import main
from studyhall.home import find_server
from tests.sdk.scripted import STUDY, problem


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (problem(500, "internal"), 6),
        (problem(401, "unauthenticated"), 1),
        (problem(403, "insufficient-scope"), 1),
        (problem(422, "validation"), 2),
        (problem(404, "not-found"), 4),
        (problem(409, "study-ended"), 5),
        (problem(412, "version-conflict"), 5),
        (problem(503, "storage-busy"), 6),
        ((200, {"not": "a study"}), 3),
        ((404, {"detail": "Not Found"}), 3),
    ],
)
def test_each_kind_of_problem_has_its_code_and_one_line(command_line, answer, code):
    run = command_line({"GET /v1/studies/digits": answer, "GET /v1/studies": {"items": []}})

    assert run("study", "show", "digits") == code

    assert run.out == ""
    assert run.err.startswith("studyhall: ")
    assert run.err.count("\n") == 1


def test_a_server_that_cannot_be_reached_is_code_6(home, capsys):
    def refuse(request):
        raise httpx2.ConnectError("connection refused")

    code = main(["study", "list", "--url", "http://server.test"], transport=httpx2.MockTransport(refuse), patience_s=0)

    assert code == 6
    assert (
        capsys.readouterr().err == "studyhall: the server at http://server.test cannot be reached: connection refused\n"
    )


def test_no_known_server_is_code_6_and_says_what_to_do(home, capsys):
    assert main(["study", "list"]) == 6
    assert "run 'studyhall up'" in capsys.readouterr().err


def test_a_missing_key_says_how_to_give_one(command_line):
    run = command_line({"GET /v1/studies/digits": problem(401, "unauthenticated")})

    run("study", "show", "digits")

    assert "STUDYHALL_KEY" in run.err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["study"],
        ["stduy", "list"],
        ["study", "show"],
        ["study", "list", "--colour"],
        ["study", "list", "--limit", "many"],
        ["study", "list", "--limit", "-1"],
        ["key", "create", "x", "--expires-in", "soon"],
        ["completion", "tcsh"],
    ],
)
def test_wrong_use_is_code_2(command_line, arguments):
    run = command_line()

    assert run(*arguments) == 2

    assert run.out == ""
    assert "Traceback" not in run.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["stduy"], "there is no command 'stduy'; did you mean 'study'?; see 'studyhall --help'"),
        (["zzz"], "there is no command 'zzz'; see 'studyhall --help'"),
        (["study", "lst"], "there is no command 'lst'; did you mean 'list'?; see 'studyhall study --help'"),
        (["study", "list", "--jsn"], "no option '--jsn'; did you mean '--json'?; see 'studyhall study list --help'"),
        (["study", "list", "digits"], "there is no place for 'digits'; see 'studyhall study list --help'"),
        (["study", "stop", "digits", "--mode", "kil"], "argument --mode: 'kil' is not possible; did you mean 'kill'?"),
        (["analyse", "digits", "importnce"], "'importnce' is not possible; did you mean 'importance'?"),
    ],
)
def test_what_is_misspelt_is_one_line_that_says_what_was_meant_and_where_to_look(command_line, arguments, said):
    run = command_line()

    assert run(*arguments) == 2

    assert said in run.err
    assert run.err.count("\n") == 1


def test_a_study_that_is_misspelt_is_told_what_was_meant(command_line):
    there = {"items": [STUDY | {"name": "digits"}, STUDY | {"name": "wine"}]}
    run = command_line({"GET /v1/studies/digts": problem(404, "not-found"), "GET /v1/studies": there})

    assert run("study", "show", "digts") == 4

    assert run.err == "studyhall: there is no study 'digts'; did you mean 'digits'?\n"


def test_a_trial_is_named_by_its_study_or_by_its_id(command_line):
    run = command_line()

    assert run("trial", "attempts", "12") == 2

    assert run.err == "studyhall: '12' names no trial; write STUDY/NUMBER or its id, tr_...\n"


def test_an_empty_key_is_no_key(home, monkeypatch):
    monkeypatch.setenv("STUDYHALL_KEY", "")

    assert find_server("http://server.test").key is None


def test_an_interrupt_is_code_130(home, capsys):
    def interrupt(request):
        raise KeyboardInterrupt

    code = main(["study", "list", "--url", "http://server.test"], transport=httpx2.MockTransport(interrupt))

    assert code == 130
    assert "Traceback" not in capsys.readouterr().err


def test_an_error_nobody_thought_of_is_one_line_too(command_line, monkeypatch):
    def fall_over(request):
        raise RuntimeError("fell\nover")

    code = main(["study", "list"], transport=httpx2.MockTransport(fall_over))

    assert code == 1


def test_help_and_version_are_code_0(home, capsys):
    assert main(["--help"]) == 0
    assert main(["study", "create", "--help"]) == 0
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("studyhall ")


def test_a_file_that_is_not_there_is_one_line(command_line):
    run = command_line()

    assert run("study", "create", "/nowhere/study.json") == 2
    assert run.err == "studyhall: /nowhere/study.json: No such file or directory\n"
