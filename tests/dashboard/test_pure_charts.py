"""Runs the tests of the dashboard's pure functions with Node's own runner, where there is Node."""

import shutil
import subprocess
from pathlib import Path

import pytest

PURE = sorted((Path(__file__).parent / "pure").glob("*.test.mjs"))


@pytest.mark.parametrize("path", PURE, ids=lambda path: path.name.removesuffix(".test.mjs"))
def test_the_pure_functions_keep_their_promises(path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node: install version 20 or newer to test the charts without a browser")

    ran = subprocess.run([node, "--test", path], capture_output=True, text=True, check=False, timeout=60)

    assert ran.returncode == 0, ran.stdout
