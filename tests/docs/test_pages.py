"""The pages, run and checked."""

import re
import shutil
from contextlib import closing, contextmanager

import pytest

from tests.docs.blocks import PAGES, PLAYED, SHOWN, blocks_of, name_of
from tests.docs.players import Player, Shell

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="NO curl: the pages are not run")
PAGES_WITH_BLOCKS = [page for page in PAGES if any(block.language in PLAYED for block in blocks_of(page))]


@contextmanager
def only_digits(client):
    """Takes away what a page has made, so that no worker of the next one runs it."""
    try:
        yield
    finally:
        for study in client.studies():
            if study.name != "digits":
                client.study(study.id).delete(force=True)


@needs_curl
@pytest.mark.xdist_group("docs")
@pytest.mark.parametrize("page", PAGES_WITH_BLOCKS, ids=name_of)
def test_every_block_of_a_page_does_what_the_page_says(page, house, shell_environment, as_in_a_checkout, monkeypatch):
    monkeypatch.chdir(as_in_a_checkout)
    for name in ("STUDYHALL_HOME", "STUDYHALL_URL", "STUDYHALL_KEY"):
        monkeypatch.setenv(name, shell_environment[name])
    blocks = [block for block in blocks_of(page) if block.language not in SHOWN]

    environment = shell_environment
    if page.name == "postgresql.md":  # makes a database of its own
        environment = environment | {"STUDYHALL_DATABASE_URL": f"sqlite:///{as_in_a_checkout / 'new.db'}"}
    with (
        only_digits(house.client),
        Shell(as_in_a_checkout, environment) as shell,
        closing(Player(shell, house.client)) as player,
    ):
        for block in blocks:
            player.play(block)

    assert player.played == len(blocks) > 0


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_says_what_it_is(page):
    """So that none is left out: `text` is for drawings and for what a program printed."""
    assert [block for block in blocks_of(page) if block.language not in PLAYED | SHOWN] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_nothing_that_could_be_run_is_shown_as_text(page):
    shown = [block.text for block in blocks_of(page) if block.language in SHOWN]

    assert [text for text in shown if re.search(r"^(studyhall|curl|import|from|python|pip) ", text, re.MULTILINE)] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_within_the_repository_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []
