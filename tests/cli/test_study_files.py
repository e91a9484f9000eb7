"""Study files as people write them, with the mistakes people make."""

import io
import json

import pytest

from studyhall.commands.study_file import read_space_file, read_study_file
from studyhall.errors import InvalidInput
from tests.sdk.scripted import SPACE, STUDY

DEFINITION = {"name": "digits", "space": SPACE, "objectives": [{"metric": "loss"}]}
YAML = """
name: digits
space:
  parameters:
    - {name: lr, type: float, low: %s, high: 0.1, scale: log}
objectives:
  - {metric: loss, goal: minimize}
"""


def write(tmp_path, text, name="study.json"):
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(tmp_path / name)


def refused(path):
    with pytest.raises(InvalidInput) as caught:
        read_study_file(path)
    return str(caught.value)


def test_json_and_yaml_say_the_same(tmp_path):
    from_yaml = read_study_file(write(tmp_path, YAML % "0.0001", "study.yaml"))
    as_json = json.dumps(from_yaml.to_dict())

    assert read_study_file(write(tmp_path, as_json)) == from_yaml


def test_the_command_line_may_change_the_name(tmp_path):
    path = write(tmp_path, json.dumps(DEFINITION))

    assert read_study_file(path, name="other", if_exists=None).name == "other"


@pytest.mark.catalogue("CF-017")
def test_a_number_that_yaml_takes_for_text_is_explained(tmp_path):
    message = refused(write(tmp_path, YAML % "1e-4", "study.yaml"))

    assert "/space/parameters/0/low" in message
    assert "'1e-4' is text in YAML 1.1, write 1.0e-4" in message


@pytest.mark.catalogue("CF-017")
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("study.json", '{"name": "a", "name": "b"}'),
        ("study.yaml", "name: a\nname: b\n"),
        ("study.yaml", "space:\n  parameters: []\n  parameters: []\n"),
    ],
)
def test_a_key_written_twice_is_refused(tmp_path, name, text):
    assert "is written twice" in refused(write(tmp_path, text, name))


@pytest.mark.catalogue("CF-003", "CF-017")
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("study.json", "{"),
        ("study.json", ""),
        ("study.json", "[1]"),
        ("study.json", '{"name": NaN}'),
        ("study.json", "[" * 100_000),
        ("study.json", b"\xff\xfe\x00"),
        ("study.yaml", "a:\n\t- b"),
        ("study.yaml", "!!python/object/apply:os.system ['true']"),
        ("study.yaml", "{a: b"),
        ("study.yaml", "? [a, b]\n: c"),
        ("study.json", b" " * (1024 * 1024 + 1)),
    ],
)
def test_what_is_no_study_is_one_line_with_the_file(tmp_path, name, text):
    message = refused(write(tmp_path, text, name))

    assert name in message
    assert "\n" not in message


def test_every_fault_is_named(tmp_path):
    broken = DEFINITION | {"nmae": "x", "objectives": []}

    message = refused(write(tmp_path, json.dumps(broken)))

    assert "/nmae: unknown field" in message
    assert "/objectives" in message


def test_a_space_is_read_alone_or_out_of_a_study(tmp_path):
    alone = read_space_file(write(tmp_path, json.dumps(SPACE), "space.json"))

    assert alone == read_space_file(write(tmp_path, json.dumps(DEFINITION)))


def test_a_study_is_made_from_a_file(command_line, tmp_path):
    run = command_line({"POST /v1/studies": (201, STUDY)})

    assert run("study", "create", write(tmp_path, json.dumps(DEFINITION)), "--if-exists", "get") == 0

    assert run.out == "study 'digits' is active (st_1)\n"
    assert run.server.sent("/v1/studies")[0]["if_exists"] == "get"


def test_a_space_is_checked_with_samples(command_line, tmp_path):
    checked = {"size": None, "feasible_share": 1.0, "samples": [{"x": 0.25}]}
    run = command_line({"POST /v1/spaces/validate": checked})

    run("space", "check", write(tmp_path, json.dumps(SPACE)), "--samples", "1")

    assert run.out.splitlines() == ["parameters  1", "size        a continuum", "x", "0.25"]


def test_a_field_that_is_misspelt_is_told_what_was_meant(tmp_path):
    message = refused(write(tmp_path, json.dumps({"name": "digits", "spaces": SPACE, "objectives": []})))

    assert "/spaces: unknown field; did you mean 'space'?" in message


def test_a_type_there_is_not_is_told_which_there_are(tmp_path):
    space = {"parameters": [{"name": "lr", "type": "flot", "low": 0, "high": 1}]}

    message = refused(write(tmp_path, json.dumps(DEFINITION | {"space": space})))

    assert "/space/parameters/0/type: 'flot' is none of 'float', 'int'" in message


@pytest.mark.parametrize("text", [YAML % "0.001", json.dumps(DEFINITION)])
def test_standard_input_may_be_yaml_or_json(monkeypatch, text):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    assert read_study_file("-").name == "digits"
