"""`studyhall --version`."""

import argparse
import sys
from importlib.metadata import version


def show(_: argparse.Namespace) -> None:
    """Prints the installed version."""
    sys.stdout.write(f"studyhall {version('studyhall')}\n")
