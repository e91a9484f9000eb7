"""Looks into a built site: where its links lead, and what its pages would fetch."""

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

_FETCHED: Final = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "src")}


class _Page(HTMLParser):
    """The anchors of a page, its links, and what a browser fetches to show it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors = {"", "top"}
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.anchors.add(value)
            elif (tag, name) in _FETCHED and value:
                self.fetched.append(value)
            elif (tag, name) == ("a", "href") and value:
                self.links.append(value)


def faults_of(site: Path) -> Iterator[str]:
    """Links of a built site that lead nowhere in it, and what its pages would fetch from elsewhere."""
    pages = {path.resolve(): _Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    for path, page in pages.items():
        for target in page.links + page.fetched:
            parts = urlsplit(target)
            name = path.relative_to(site.resolve())
            if parts.scheme or parts.netloc:
                if target in page.fetched and parts.scheme != "data":
                    yield f"{name} fetches {target}"
                continue
            found = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not found.exists() or (found in pages and unquote(parts.fragment) not in pages[found].anchors):
                yield f"{name} links to {target}"
