"""README, CONTRIBUTING and CHANGELOG as pages of the site: they live at the root, where people look for them."""

import re
from pathlib import Path
from typing import Final

from sphinx.application import Sphinx

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = {"index": "README.md", "contributing": "CONTRIBUTING.md", "changelog": "CHANGELOG.md"}
_LINK: Final = re.compile(r"\]\((?!https?://|#)([^)]+)\)")


def put_in(_app: Sphinx, page: str, source: list[str]) -> None:
    """Puts the file at the root before what its page holds; a handler of `source-read`."""
    if name := PAGES.get(page):
        source[0] = seen_from_docs((ROOT / name).read_text(encoding="utf-8")) + source[0]


def seen_from_docs(text: str) -> str:
    """The text with its links as they are from `docs/`.

    >>> seen_from_docs("[a](docs/tour.md), [b](CHANGELOG.md), [c](LICENSE)")
    '[a](tour.md), [b](changelog.md), [c](../LICENSE)'
    """
    return _LINK.sub(lambda link: f"]({_moved(link[1])})", text)


def _moved(target: str) -> str:
    pages = {name: page for page, name in PAGES.items()}
    if target.startswith("docs/"):
        return target.removeprefix("docs/")
    return f"{pages[target]}.md" if target in pages else f"../{target}"
