"""`studyhall study confirm`."""

import argparse
import sys

from studyhall.client import Client
from studyhall.commands.asking import client_for
from studyhall.commands.printing import print_json, print_table
from studyhall.confirmation import Confirmed, ranking
from studyhall.errors import NotFound
from studyhall.study_handle import StudyHandle


def run(arguments: argparse.Namespace) -> None:
    """Runs the best trials again with other seeds, and ranks them by what they come to on average."""
    client = client_for(arguments)
    again = _confirmation(client, arguments)
    if arguments.wait:
        for _ in again.summaries():
            pass
    found, trials = ranking(again), again.refresh().trials
    if arguments.json:
        print_json({"study": again.name, "state": again.definition.state, "ranking": [_facts(each) for each in found]})
        return
    sys.stdout.write(f"study '{again.name}' is {again.definition.state}: {trials.finished} of {trials.total} trials\n")
    rows = [(each.number, each.mean, each.standard_error, len(each.values), dict(each.parameters)) for each in found]
    columns = ("TRIAL", "MEAN", "STANDARD ERROR", "SEEDS", "PARAMETERS")
    print_table(columns, rows, empty="no results yet; the same command again shows them, with --wait when they are in")


def _confirmation(client: Client, arguments: argparse.Namespace) -> StudyHandle:
    """The study that confirms: made by the first call, found by all others."""
    study = client.study(arguments.study)
    name = arguments.name or f"{study.name}-confirmed"
    try:
        return client.study(name)
    except NotFound:
        return study.confirm(top=arguments.top, seeds=arguments.seeds, name=name)


def _facts(found: Confirmed) -> dict[str, object]:
    return {
        "trial": found.number,
        "mean": found.mean,
        "standard_error": found.standard_error,
        "values": list(found.values),
        "parameters": dict(found.parameters),
    }
