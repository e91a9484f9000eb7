"""What everybody must be able to use: every page, in light and dark, on a desk and on a phone.

axe-core looks at each (it comes in a wheel: the tests need no npm), and then our own checks (`check_page.js`) of what
it does not look at: one heading, no level left out, and no page wider than its screen.
"""

from importlib.resources import files
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from tests.dashboard.fake_server import KEY, FakeServer
from tests.dashboard.fake_study import NETWORKS, FakeStudy

CHECK = (Path(__file__).parent / "check_page.js").read_text()
AXE = (files("axe_playwright_python") / "axe.min.js").read_text()
RUN_AXE = "async () => (await axe.run()).violations.flatMap(v => v.nodes.map(n => `${v.id}: ${n.html.slice(0, 120)}`))"
STUDY = "/studies/digits"
PLACES = {
    "/studies": "table.studies svg",
    STUDY: ".main-card svg",
    f"{STUDY}/trials": ".virtual tbody tr[data-key]",
    f"{STUDY}/model": ".tile",
    "/studies/networks/model": ".layer .box",
    "/studies/networks/space": ".block.attends",
    f"{STUDY}/health": ".check",
    f"{STUDY}/importance": ".share",
    f"{STUDY}/dependence": ".around",
    f"{STUDY}/contour": "path.level-9",
    f"{STUDY}/rank": ".levelled path",
    f"{STUDY}/ablation": ".around",
    f"{STUDY}/progress": ".hoped .line",
    f"{STUDY}/parallel": ".parallel svg",
    f"{STUDY}/slices": ".multiples svg",
    f"{STUDY}/curves": ".curve",
    f"{STUDY}/timeline": ".bars path",
    f"{STUDY}/space": ".space table",
    f"{STUDY}/events": ".feed li",
    "/compare?studies=digits,digits": "g.study-1 .line",
    "/workers": "table.cards",
    "/new": ".verdict table",
    "/about": ".facts",
}


def faults_of(page: Page) -> list[str]:
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    return [*page.evaluate(RUN_AXE), *page.evaluate(CHECK)]


@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 390)])
def test_every_page_can_be_used_by_everybody(
    page: Page, address: str, server: FakeServer, study: FakeStudy, scheme: Literal["light", "dark"], width: int
) -> None:
    networks = FakeStudy(NETWORKS)
    networks.scatter(12)
    server.studies[networks.id] = networks
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(address)
    expect(page.get_by_label("API key")).to_be_focused()
    faults = {"sign in": faults_of(page)}

    for place, sign in PLACES.items():
        page.goto(f"{address}/#key={KEY}&page={place}")
        expect(page.locator(sign).first).to_be_visible()
        faults[place] = faults_of(page)
    page.goto(f"{address}/#key={KEY}&page={STUDY}/trials?trial={study.trials[1].id}")
    expect(page.locator("dialog.drawer .parameters").first).to_be_visible()
    faults["trial"] = faults_of(page)

    assert {place: found for place, found in faults.items() if found} == {}


def test_a_question_keeps_the_keyboard_and_gives_it_back(page: Page, address: str) -> None:
    page.goto(f"{address}/#key={KEY}&page={STUDY}")
    stop = page.get_by_role("button", name="Stop…")
    stop.focus()
    page.keyboard.press("Enter")
    for _ in range(8):
        page.keyboard.press("Tab")
        # The body stands for the browser's own bar, which a question may not shut out.
        assert page.evaluate("document.activeElement.matches('body, dialog, dialog *')")

    page.keyboard.press("Escape")

    expect(stop).to_be_focused()


def test_the_page_is_reached_past_the_bar(page: Page, address: str) -> None:
    page.goto(f"{address}/#key={KEY}&page={STUDY}")
    expect(page.locator("h1")).to_have_text("digits")

    page.locator(".skip").focus()
    page.keyboard.press("Enter")

    expect(page.locator("main")).to_be_focused()
    expect(page.locator("h1")).to_have_text("digits")


def test_a_reader_chooses_the_colours(page: Page, address: str) -> None:
    page.emulate_media(color_scheme="light")
    page.goto(f"{address}/#key={KEY}&page=/studies")
    theme = page.get_by_role("button", name="Colours")
    theme.click()
    theme.click()
    expect(theme).to_have_text("Dark")

    page.reload()

    expect(page.locator("h1")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
