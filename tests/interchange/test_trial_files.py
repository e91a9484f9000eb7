"""A study's trials as a file, and a file's trials as a study: nothing that a trial says is lost on the way."""

import csv
import itertools
import json

import pytest

from studyhall.cli import main
from studyhall.errors import InvalidInput, Unreachable

SPACE = [
    {"name": "lr", "type": "float", "low": 1e-5, "high": 0.1, "scale": "log"},
    {"name": "layers", "type": "int", "low": 1, "high": 4},
    {"name": "sign", "type": "categorical", "choices": ["=1", "-", "", "adam"]},
    {"name": "mixed", "type": "categorical", "choices": [None, 1, "1", True]},
    {"name": "flag", "type": "bool"},
    {"name": "order", "type": "permutation", "items": ["a", "b", "c"]},
    {"name": "momentum", "type": "float", "low": 0, "high": 1, "when": "sign == 'adam'"},
]
NAMES = (f"filed {number}" for number in itertools.count())


def study_of(door):
    return door.client(worker="w").create_study(
        next(NAMES), SPACE, [{"metric": "loss"}, {"metric": "size"}], algorithm={"name": "random", "seed": 1}
    )


@pytest.fixture
def study(door):
    """A study with trials of every state."""
    study = study_of(door)
    trials = study.ask(9)
    for trial in trials[:5]:
        trial.complete(loss=0.1 + trial.number / 3, size=4.0, seconds=1.5)
    trials[5].infeasible('it, "really"\ncannot work')
    trials[6].fail("boom")
    trials[7].report(1, loss=0.5, size=2.0)
    trials[7].prune()
    door.client().change_trial(trials[0].id, labels={"team": "vision"}, note="=cmd")
    return study


def told(trial):
    return (trial.parameters, trial.state, trial.metrics, trial.reason, trial.labels, trial.note)


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_what_was_exported_can_be_added_to_another_study(study, door, tmp_path, ending):
    path = study.export(tmp_path / f"trials.{ending}")
    copy = study_of(door)

    added = copy.add_file(path)

    ended = [trial for trial in study.trials() if trial.state != "running"]
    assert added == len(ended) == 8
    assert [told(trial) for trial in copy.trials()] == [told(trial) for trial in ended]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_what_earlier_versions_of_a_space_had_is_in_the_table(study, door, tmp_path, ending):
    before = [trial.parameters for trial in study.trials() if trial.state != "running"]
    later = [{"name": "layers", "type": "categorical", "choices": ["few", "many"], "default": "few"}, SPACE[0]]
    study.refresh()
    study.change(space={"parameters": later})
    copy = study_of(door)

    copy.add_file(study.export(tmp_path / f"trials.{ending}"))

    assert [trial.parameters for trial in copy.trials()] == before


def test_what_earlier_versions_of_a_space_had_is_a_column_of_the_data_frame(study):
    before = [trial.parameters.get("sign") for trial in study.trials()]
    study.refresh()
    study.change(space={"parameters": [SPACE[0]]})

    assert list(study.trials_dataframe()["parameters.sign"]) == before


def test_a_parquet_column_has_the_type_of_its_parameter(study, tmp_path):
    from pyarrow import parquet

    table = parquet.read_table(study.export(tmp_path / "trials.parquet"))

    types = {field.name: str(field.type) for field in table.schema}
    assert table.num_rows == 9
    assert (types["parameters.lr"], types["parameters.layers"], types["parameters.flag"]) == ("double", "int64", "bool")
    assert (types["parameters.sign"], types["parameters.mixed"]) == ("string", "string")
    assert types["finished_at"] == "timestamp[us, tz=UTC]"


def test_a_spreadsheet_finds_no_formula_in_a_table(study, tmp_path):
    with study.export(tmp_path / "trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))

    assert rows[0]["note"] == "'=cmd"
    assert not [cell for row in rows for cell in row.values() if cell[:1] in ("=", "+", "@") or cell == "-"]


def test_a_study_without_trials_is_a_table_of_headings(door, tmp_path):
    empty = study_of(door)

    assert empty.export(tmp_path / "t.csv").read_text().startswith("number,id,state,")
    assert empty.export(tmp_path / "t.jsonl").read_text() == ""
    assert empty.add_file(empty.export(tmp_path / "t.parquet")) == 0


def test_a_file_that_could_not_be_written_whole_is_not_there(study, tmp_path, monkeypatch):
    def cut_off(*_, **__):
        yield b"begun"
        raise Unreachable("gone")

    monkeypatch.setattr(study._connection, "stream", cut_off)

    with pytest.raises(Unreachable):
        study.export(tmp_path / "trials.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_an_unknown_kind_is_asked_about(study, tmp_path):
    with pytest.raises(InvalidInput, match="ends in none of"):
        study.export(tmp_path / "trials.xlsx")


def test_a_bad_cell_is_named_by_its_line(study, tmp_path):
    text = study.export(tmp_path / "trials.csv").read_text().splitlines()
    (tmp_path / "bad.csv").write_text(
        "\n".join([text[0], text[1].replace("completed,", "completed,", 1), "x" + text[2]])
    )

    with pytest.raises(InvalidInput, match=r"bad.csv, line 3: 'x1' is no int"):
        study.add_file(tmp_path / "bad.csv")


def test_the_command_line_writes_and_reads_them_too(study, door, home, tmp_path, monkeypatch, capfdbinary):
    monkeypatch.setenv("STUDYHALL_URL", "http://testserver")
    monkeypatch.setenv("STUDYHALL_KEY", door.key)
    copy = study_of(door)

    def run(*arguments):
        assert main(list(arguments), transport=door.transport, patience_s=0) == 0
        return capfdbinary.readouterr().out

    run("export", "parquet", study.name, str(tmp_path / "trials.parquet"))
    run("trial", "add", copy.name, str(tmp_path / "trials.parquet"))
    lines = run("export", "jsonl", copy.name).splitlines()

    assert len(lines) == 8
    assert json.loads(lines[0])["parameters"] == next(iter(study.trials())).parameters
