"""Walks through a page: runs its `sh` blocks in one shell and holds what they print against what it shows."""

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

ANYTHING = "…"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_BETWEEN = "----8<----"


class Step(NamedTuple):
    """A block to run and the JSON that the page shows below it, if any."""

    script: str
    shown: Any = None


def steps_of(page: str) -> list[Step]:
    """The `sh` blocks of a page, each with the `json` block that follows it."""
    found: list[Step] = []
    for language, text in _BLOCK.findall(page):
        if language == "sh":
            found.append(Step(text))
        elif language == "json" and found and found[-1].shown is None:
            found[-1] = found[-1]._replace(shown=json.loads(text))
    return found


def run(steps: list[Step], directory: Path, environment: Mapping[str, str]) -> list[str]:
    """Runs all steps in one shell and answers what each one printed."""
    script = f"\necho '{_BETWEEN}'\n".join(step.script for step in steps)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split(f"{_BETWEEN}\n")


def assert_shown(shown: Any, printed: Any, at: str = "") -> None:
    """Whether all that the page shows is in what was printed; `…` is anything, at the end of a list any number."""
    if shown == ANYTHING:
        return
    if isinstance(shown, dict):
        assert isinstance(printed, dict), f"{at}: {printed!r}"
        for name, value in shown.items():
            assert name in printed, f"{at}/{name} is not in {sorted(printed)}"
            assert_shown(value, printed[name], f"{at}/{name}")
    elif isinstance(shown, list):
        assert isinstance(printed, list), f"{at}: {printed!r}"
        if shown[-1:] == [ANYTHING]:
            shown, printed = shown[:-1], printed[: len(shown) - 1]
        assert len(shown) == len(printed), f"{at}: {len(printed)} items"
        for index, value in enumerate(shown):
            assert_shown(value, printed[index], f"{at}/{index}")
    else:
        assert shown == printed, f"{at}: {printed!r}"
