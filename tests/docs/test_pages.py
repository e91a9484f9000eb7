"""The pages, run and checked."""

import json
import os
import re
import shlex
import shutil
from pathlib import Path

import pytest

from studyhall.commands.grammar import parse
from tests.docs.walkthrough import assert_shown, run, steps_of
from tests.e2e.house import house_in

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="NO curl: the walk-throughs are not run")


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with house_in(tmp_path_factory.mktemp("docs")) as house:
        yield house


@pytest.fixture
def environment(house):
    key = (house.directory / "key").read_text().strip()
    return os.environ | {"STUDYHALL_URL": house.url, "STUDYHALL_KEY": key}


@needs_curl
@pytest.mark.parametrize("page", ["docs/tour.md", "README.md"])
def test_a_walk_through_prints_what_the_page_shows(page, environment, tmp_path):
    steps = steps_of((ROOT / page).read_text())
    assert len(steps) >= 4

    for step, printed in zip(steps, run(steps, tmp_path, environment), strict=True):
        if step.shown is not None:
            assert_shown(step.shown, json.loads(printed), step.script)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_repository_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


def commands_of(page: Path) -> list[str]:
    """The lines of a page's shell blocks that run `studyhall`, without what comes after a pipe."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [m[1] for line in lines if (m := re.match(r"(?:[A-Z_]+=\S+ )*studyhall ([^|>&#]*)", line))]


@pytest.mark.parametrize(("page", "command"), [(page.name, command) for page in PAGES for command in commands_of(page)])
def test_a_command_on_a_page_is_one_that_the_command_line_knows(page, command):
    assert parse(shlex.split(command)).run


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_on_a_page_is_python(page):
    for block in re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL):
        compile(block, page.name, "exec")
