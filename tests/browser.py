"""A fixture that gives a test a page of a fresh Chromium, and fails it if the page breaks or leaves the house.

Playwright drives the browser the machine has (`CHROMIUM`, or `chromium` in PATH); it never downloads one. Where there
is none the tests skip, and with `REQUIRE_BROWSER=1` or `CI=true` they fail instead.
"""

import os
import shutil
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.presence import skip_or_fail

# No sandbox: CI runs as root, where Chromium's own refuses to start; the pages are ours.
# The rest keeps it from calling home or waiting for a GPU.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
HOME = ("127.0.0.1", "localhost")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks every test that asks for a browser, so that `-m "not browser"` needs no bookkeeping."""
    for item in items:
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
            # One test process for a module: its tests share a browser.
            item.add_marker(pytest.mark.xdist_group(f"browser-{item.path.stem}"))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A Chromium for the tests of one module; each of them gets a page with cookies and storage of its own.

    Not shared by the session: while Playwright's loop runs, no other test of the process could start one.
    """
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        skip_or_fail("no Chromium: run `make browser`, or set CHROMIUM to its path", required_by="REQUIRE_BROWSER")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """An empty page; after the test it must have raised no error and asked no other machine for anything."""
    errors: list[str] = []
    strangers: list[str] = []
    page = chromium.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: strangers.append(request.url) if is_foreign(request.url) else None)
    yield page
    page.close()
    assert errors == []
    assert strangers == []


def is_foreign(url: str) -> bool:
    """Whether a request leaves this machine (`data:` and `blob:` do not)."""
    parts = urlsplit(url)
    return parts.scheme in {"http", "https", "ws", "wss"} and parts.hostname not in HOME
