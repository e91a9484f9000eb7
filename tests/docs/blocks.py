"""The code blocks of a page, as a Markdown parser sees them."""

from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES = [page for page in PAGES if "rest" not in page.relative_to(ROOT).parts]  # made; test_reference.py plays it

PLAYED = frozenset({"sh", "console", "python", "json", "yaml", "toml"})
SHOWN = frozenset({"text"})
"""Drawings, signatures and what a program printed: nothing to run."""


class Block(NamedTuple):
    """A block: its language, its text, its first line in the page, and under which heading it stands."""

    language: str
    text: str
    line: int
    section: int


def blocks_of(page: Path) -> list[Block]:
    """Every block of a page but the site's own directives; an indented one has no language."""
    found, section = [], 0
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        section += token.type == "heading_open"
        if token.type in ("fence", "code_block") and not token.info.startswith("{"):
            language = token.info.split(" ")[0] if token.type == "fence" else ""
            found.append(Block(language, token.content, (token.map or [0])[0] + 1, section))
    return found


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()
