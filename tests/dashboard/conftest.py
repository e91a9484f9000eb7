"""The made-up server that the dashboard's tests look at, and pages that are signed in to it."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.dashboard.fake_server import KEY, FakeServer, serving
from tests.dashboard.fake_study import DIGITS, FakeStudy

expect.set_options(timeout=30_000)  # what a busy machine may need; a page of ours takes a tenth of a second

Visit = Callable[[str], Page]


@pytest.fixture
def study() -> FakeStudy:
    """A study on digits with 60 trials, still active."""
    study = FakeStudy(DIGITS)
    study.grow(60)
    return study


@pytest.fixture
def server(study: FakeStudy) -> FakeServer:
    """A server that tells that study."""
    return FakeServer(study)


@pytest.fixture
def address(server: FakeServer) -> Iterator[str]:
    """Where the server answers."""
    with serving(server) as address:
        yield address


@pytest.fixture
def page(address: str, page: Page) -> Page:
    """A page that is closed before its server is: a browser logs a lost connection as an error."""
    page.set_default_timeout(20_000)
    return page


@pytest.fixture
def visit(page: Page, address: str) -> Visit:
    """Opens a place of the dashboard with the key in the address, as a person does with the printed link."""

    def go(place: str) -> Page:
        page.goto(f"{address}/#key={KEY}&page={place}")
        page.wait_for_selector("h1")
        return page

    return go


@pytest.fixture
def unwatched(chromium: Browser, address: str) -> Iterator[Page]:
    """A page that may log errors: a browser logs every refusal and lost connection, also those a test wants."""
    page = chromium.new_page()
    yield page
    page.close()
