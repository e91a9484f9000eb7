"""The browser fixture itself: a page that breaks or calls another machine must fail its test."""

import pytest
from playwright.sync_api import Page

from tests.browser import is_foreign


def test_a_page_runs_in_a_real_browser(page: Page) -> None:
    page.set_content("<p>one</p><script>document.querySelector('p').textContent = 'two'</script>")

    assert page.text_content("p") == "two"


@pytest.mark.parametrize("url", ["https://cdn.example/x.js", "http://192.0.2.1/", "wss://example.org/"])
def test_another_machine_is_foreign(url: str) -> None:
    assert is_foreign(url)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/", "http://localhost/app.js", "data:text/html,x", "blob:x"])
def test_this_machine_is_not_foreign(url: str) -> None:
    assert not is_foreign(url)
