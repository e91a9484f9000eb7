"""Says what the built-in trainables would make of data: `python -m workers.trainables.data_report csv rows.csv`.

One JSON object: rows, columns with their ranges, the classes or the range of the target, and the SHA-256 of it all.
What cannot be used is said in the words that a trial would fail with.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from studyhall.errors import InvalidInput
from workers.trainables.data_files import DATA_VARIABLE, FILE_KINDS
from workers.trainables.data_set import DataSettings
from workers.trainables.datasets import BUNDLED, load_dataset


def main(arguments: Sequence[str] | None = None) -> int:
    """0: it can be used; 2: it cannot."""
    given = _parser().parse_args(arguments)
    file = Path(given.path).absolute() if given.path else None
    if file is not None:
        os.environ[DATA_VARIABLE] = str(file.parent)
    try:
        settings = DataSettings(
            dataset=given.dataset, path=file.name if file else None, target=given.target, goal=given.goal
        )
        report = load_dataset(settings).report()
    except InvalidInput as error:
        sys.stderr.write(f"data_report: {error}\n")
        return 2
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="data_report", description="What is in data, before a study trains on it.")
    parser.add_argument("dataset", choices=[*FILE_KINDS, *BUNDLED])
    parser.add_argument("path", nargs="?", help="of the file, for csv, npz and parquet")
    parser.add_argument("--target", help="the column or array to predict")
    parser.add_argument("--goal", choices=["auto", "classification", "regression"], default="auto")
    return parser


if __name__ == "__main__":
    sys.exit(main())
