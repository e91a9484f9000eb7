"""The examples, run as their users run them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from studyhall.commands.study_file import read_study_file
from tests.e2e.house import house_in

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    with house_in(tmp_path_factory.mktemp("examples")) as house:
        key = (house.directory / "key").read_text().strip()
        yield os.environ | {"STUDYHALL_URL": house.url, "STUDYHALL_KEY": key}


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_runs(example, environment):
    done = subprocess.run(
        [sys.executable, str(example)], env=environment, capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.name)
def test_a_study_file_is_a_study(example):
    assert read_study_file(str(example)).space.parameters
