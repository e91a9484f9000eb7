"""`studyhall import` and `studyhall export`: studies of other tools, and ours for them."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from studyhall.commands.asking import client_for
from studyhall.commands.printing import print_json, printable
from studyhall.errors import InvalidInput
from studyhall.study_handle import StudyHandle

if TYPE_CHECKING:
    from studyhall.interchange.optuna_study import Translated

PORTION: Final = 200
"""Trials of one request: their curves must fit into its megabyte."""
MOST_NOTES: Final = 20


def import_optuna(arguments: argparse.Namespace) -> None:
    """Makes a study of one in an Optuna storage, with its trials."""
    from studyhall.interchange.optuna_storage import read_study
    from studyhall.interchange.optuna_study import translate, with_our_names

    study, renamed = with_our_names(read_study(arguments.storage, arguments.study))
    _tell(renamed)
    _make(translate(study, name=arguments.name), arguments)


def import_ray_results(arguments: argparse.Namespace) -> None:
    """Makes a study of what Ray Tune has left in a directory, with its trials."""
    from studyhall.commands.study_file import read_mapping
    from studyhall.interchange.ray_results import read_results
    from studyhall.interchange.sweeps import read_sweep

    definition = read_sweep("ray", read_mapping(arguments.space)).definition if arguments.space else None
    found = read_results(
        arguments.directory, metric=arguments.metric, mode=arguments.mode, definition=definition, name=arguments.name
    )
    _make(found, arguments)


def import_definition(arguments: argparse.Namespace) -> None:
    """Makes a study of another tool's file, or prints it as a study file."""
    from studyhall.commands.study_file import read_mapping
    from studyhall.interchange.sweeps import read_sweep

    found = read_sweep(arguments.tool, read_mapping(arguments.file))
    _tell(found.notes)
    definition = found.definition | ({"name": arguments.name} if arguments.name else {})
    if arguments.create:
        _say_made(client_for(arguments).create_study_from(definition), arguments, 0)
    else:
        print_json(definition)


def _make(found: "Translated", arguments: argparse.Namespace) -> None:
    _tell(found.notes)
    if arguments.dry_run:
        print_json(found.definition)
        return
    study = client_for(arguments).create_study_from(found.definition)
    for start in range(0, len(found.trials), PORTION):
        study.add(*found.trials[start : start + PORTION])
    _say_made(study, arguments, len(found.trials))


def export(arguments: argparse.Namespace) -> None:
    """Writes a study's trials: `csv`, `jsonl`, `parquet`, or a journal that Optuna opens."""
    client = client_for(arguments)
    study = client.study(arguments.study)
    with _output(arguments.file) as file:
        if arguments.form == "optuna":
            from studyhall.interchange.optuna_journal import journal_lines

            trials = study.trials(page_size=500)
            told = ((trial, client.measurements(trial.id) if trial.step is not None else ()) for trial in trials)
            file.writelines(line.encode() for line in journal_lines(study.definition, told))
        else:
            file.writelines(study.export_pieces(arguments.form))


@contextmanager
def _output(path: str | None) -> Iterator[BinaryIO]:
    """A new file, that is gone again when it could not be written whole; or standard output."""
    if path is None or path == "-":
        yield sys.stdout.buffer
        return
    try:
        file = Path(path).open("xb")  # noqa: SIM115  # closed below, whatever happens
    except FileExistsError as error:
        raise InvalidInput(f"{path} is there already; give another name") from error
    try:
        with file:
            yield file
    except BaseException:
        Path(path).unlink(missing_ok=True)
        raise


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
