"""`studyhall analyse`."""

import argparse
import sys
from datetime import UTC, datetime
from itertools import starmap
from typing import Any

from studyhall.commands.asking import client_for, limited
from studyhall.commands.printing import print_json, print_table


def run(arguments: argparse.Namespace) -> None:
    """Prints an analysis: a table, CSV, or JSON."""
    options: dict[str, Any] = {
        "objective": arguments.objective,
        "method": arguments.method,
        "parameters": arguments.parameters or None,
        "max_points": arguments.max_points,
    }
    found = client_for(arguments).study(arguments.study).analysis(arguments.kind, **options)
    if arguments.csv:
        sys.stdout.write(found.to_csv())
        return
    if arguments.json:
        print_json(found.answer.to_dict())
        return
    if found.note:
        sys.stderr.write(f"{found.note}\n")
    rows = (tuple(starmap(_cell, row.items())) for row in limited(found.rows(), arguments.limit))
    print_table([name.upper() for name in found.columns], rows, empty="nothing to show yet")


def _cell(column: str, value: object) -> object:
    """Moments are seconds since 1970 in an analysis; nobody reads those."""
    if column.endswith("_at") and isinstance(value, float):
        return datetime.fromtimestamp(value, UTC).isoformat(sep=" ", timespec="seconds")
    return value
