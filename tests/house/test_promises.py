"""Every promise of docs/reliability.md names what tries it, every default of docs/security.md what holds it."""

import re
from pathlib import Path

import pytest

from tests.faults.scenarios import ALL

HOUSE = Path(__file__).parents[2]
ROWS = re.findall(r"^\| (P\d+) \|.*\| ([^|]+) \|$", (HOUSE / "docs/reliability.md").read_text(), re.MULTILINE)


def test_all_promises_are_there() -> None:
    assert [name for name, _ in ROWS] == [f"P{i}" for i in range(1, 18)]


@pytest.mark.parametrize(("name", "tried_by"), ROWS)
def test_what_tries_a_promise_exists(name: str, tried_by: str) -> None:
    scenarios = re.findall(r"\bF\d+\b", tried_by)
    files = re.findall(r"`(tests/[^`]+)`", tried_by)
    known = {scenario.split()[0] for scenario in ALL}

    assert set(scenarios) <= known
    assert all((HOUSE / file).is_file() for file in files)
    assert scenarios or files or "every" in tried_by


def test_every_default_of_security_is_held_by_tests_there_are() -> None:
    table = (HOUSE / "docs/security.md").read_text().partition("## The defaults, one by one")[2]
    rows = re.findall(r"^\| ([a-z ]+) \| .+ \| (`tests/.+`) \|$", table, re.MULTILINE)

    assert len(rows) == 23
    for name, held_by in rows:
        assert all((HOUSE / file).is_file() for file in re.findall(r"`([^`]+)`", held_by)), name
