"""What the server offers has its place on a page."""

import re

import pytest

from app.search.registry import ENTRIES
from app.search.stopping import RULES
from tests.docs.blocks import ROOT


@pytest.mark.parametrize("name", ENTRIES)
def test_an_algorithm_has_a_section_that_says_when_to_use_it(name):
    page = (ROOT / "docs" / "algorithms.md").read_text()
    table = page.partition("## When to use which")[2].partition("\n## ")[0]

    assert f"\n## `{name}`\n" in page
    assert f"`{name}`" in table or name == "reinforce"  # of which the page says that all others are better


@pytest.mark.parametrize("name", RULES)
def test_a_stopping_rule_is_in_the_guide(name):
    page = (ROOT / "docs" / "guides" / "early-stopping.md").read_text()

    assert re.search(rf"^\| `{name}`", page, re.MULTILINE)
