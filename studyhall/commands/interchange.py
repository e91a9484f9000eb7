"""`studyhall import` and `studyhall export`: studies of other tools, and ours for them."""

import argparse
import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TextIO

from studyhall.commands.asking import client_for
from studyhall.commands.printing import print_json, printable
from studyhall.errors import InvalidInput
from studyhall.study_handle import StudyHandle
from studyhall.trial import Trial

PORTION: Final = 200
"""Trials of one request: their curves must fit into its megabyte."""
MOST_NOTES: Final = 20


def import_optuna(arguments: argparse.Namespace) -> None:
    """Makes a study of one in an Optuna storage, with its trials."""
    from studyhall.interchange.optuna_storage import read_study
    from studyhall.interchange.optuna_study import translate

    found = translate(read_study(arguments.storage, arguments.study), name=arguments.name)
    _tell(found.notes)
    if arguments.dry_run:
        print_json(found.definition)
        return
    study = client_for(arguments).create_study_from(found.definition)
    for start in range(0, len(found.trials), PORTION):
        study.add(*found.trials[start : start + PORTION])
    _say_made(study, arguments, len(found.trials))


def import_definition(arguments: argparse.Namespace) -> None:
    """Makes a study of another tool's file, or prints it as a study file."""
    from studyhall.commands.study_file import read_mapping
    from studyhall.interchange.sweeps import READERS

    found = READERS[arguments.tool](read_mapping(arguments.file))
    _tell(found.notes)
    definition = found.definition | ({"name": arguments.name} if arguments.name else {})
    if arguments.create:
        _say_made(client_for(arguments).create_study_from(definition), arguments, 0)
    else:
        print_json(definition)


def export(arguments: argparse.Namespace) -> None:
    """Writes a study's trials: `csv`, `jsonl`, or a journal that Optuna opens."""
    client = client_for(arguments)
    study = client.study(arguments.study)
    with _output(arguments.file) as file:
        if arguments.form == "optuna":
            from studyhall.interchange.optuna_journal import journal_lines

            told = ((trial, client.measurements(trial.id) if trial.step is not None else ()) for trial in _all(study))
            file.writelines(journal_lines(study.definition, told))
        elif arguments.form == "jsonl":
            file.writelines(trial.to_json() + "\n" for trial in _all(study))
        else:
            _write_csv(file, study, _all(study))


def _all(study: StudyHandle) -> Iterator[Trial]:
    return study.trials(page_size=500)


def _write_csv(file: TextIO, study: StudyHandle, trials: Iterable[Trial]) -> None:
    parameters = [parameter.name for parameter in study.definition.space.scalars]
    metrics = [objective.metric for objective in study.definition.objectives]
    writer = csv.writer(file, lineterminator="\n")
    facts = ("number", "id", "state", "source", "worker", "started_at", "finished_at")
    writer.writerow(
        [*facts, *(f"parameters.{n}" for n in parameters), *(f"metrics.{n}" for n in metrics), "other_metrics"]
    )
    for trial in trials:
        told = trial.to_dict()
        others = {name: value for name, value in trial.metrics.items() if name not in metrics}
        writer.writerow(
            [
                *(told.get(name, "") for name in facts),
                *(_cell(trial.parameters, name) for name in parameters),
                *(_cell(trial.metrics, name) for name in metrics),
                json.dumps(others) if others else "",
            ]
        )


def _cell(values: Mapping[str, Any], name: str) -> Any:
    """A value as a cell; text that a spreadsheet would take for a formula keeps its first sign behind a quote."""
    if name not in values:
        return ""
    value = values[name]
    if isinstance(value, str):
        return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else json.dumps(value)


@contextmanager
def _output(path: str | None) -> Iterator[TextIO]:
    if path in (None, "-"):
        yield sys.stdout
        return
    assert path is not None  # noqa: S101  # said one line above
    try:
        file = Path(path).open("x", encoding="utf-8", newline="")  # noqa: SIM115  # closed below, whatever happens
    except FileExistsError as error:
        raise InvalidInput(f"{path} is there already; give another name") from error
    with file:
        yield file


def _tell(notes: Sequence[str]) -> None:
    for note in notes[:MOST_NOTES]:
        sys.stderr.write(f"note: {printable(note)}\n")
    if len(notes) > MOST_NOTES:
        sys.stderr.write(f"note: and {len(notes) - MOST_NOTES} more like these\n")


def _say_made(study: StudyHandle, arguments: argparse.Namespace, trials: int) -> None:
    if arguments.json:
        print_json(study.refresh().to_dict())
    else:
        sys.stdout.write(f"study '{study.name}' ({study.id}) is there, with {trials} trials\n")
