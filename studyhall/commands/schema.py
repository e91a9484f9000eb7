"""`studyhall study schema`."""

import argparse

from studyhall.commands.printing import print_json
from studyhall.study_schema import study_schema


def show(_: argparse.Namespace) -> None:
    """Prints the JSON schema of study files."""
    print_json(study_schema())
