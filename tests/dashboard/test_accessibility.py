"""What everybody must be able to use: every page, in light and dark, on a desk and on a phone.

axe-core looks at each (it comes in a wheel: the tests need no npm), and our own checks (`check_page.js`) at what it
does not: one heading, no level left out, no page wider than its screen. They also hold the contrast of texts, in a
twentieth of axe's time; of what is dark on a phone axe looks at the colours in drawings only, which they do not.
"""

from importlib.resources import files
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.dashboard.fake_server import KEY, FakeServer
from tests.dashboard.fake_study import GOALS, NETWORKS, FakeStudy

CHECK = (Path(__file__).parent / "check_page.js").read_text()
AXE = (files("axe_playwright_python") / "axe.min.js").read_text()
RUN_AXE = "async () => (await axe.run()).violations.flatMap(v => v.nodes.map(n => `${v.id}: ${n.html.slice(0, 120)}`))"
RUN_AXE_ON_COLOURS = RUN_AXE.replace("run()", "run('svg, h1', {runOnly: ['color-contrast']})")
DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"
DESK: ViewportSize = {"width": 1400, "height": 700}
PHONE: ViewportSize = {"width": 390, "height": 900}
STUDY = "/studies/digits"
PLACES = {
    "/studies": "table.studies svg",
    STUDY: ".main-card svg",
    f"{STUDY}/trials": ".virtual tbody tr[data-key]",
    f"{STUDY}/compare?trials=3,7": "table.compare td",
    f"{STUDY}/model": ".tile",
    "/studies/goals/pareto": ".cloud .on-front",
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
    "/compare?studies=digits,digits": "g.series-1 .line",
    "/activity": ".feed li",
    "/workers": "table.cards",
    "/keys": "table td",
    "/new": ".verdict table",
    "/about": ".facts",
}


def faults_of(page: Page, run_axe: str = RUN_AXE) -> list[str]:
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    return [*page.evaluate(run_axe), *page.evaluate(CHECK)]


def faults_in_both(page: Page, sign: str) -> list[str]:
    """Of a page as it is in light on a desk, and then in dark on a phone; it is not read anew between the two."""
    expect(page.locator(sign).first).to_be_visible()
    faults = faults_of(page)
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size(PHONE)
    page.evaluate(DRAWN)
    expect(page.locator(sign).first).to_be_visible()
    faults += [f"dark: {fault}" for fault in faults_of(page, RUN_AXE_ON_COLOURS)]
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(DESK)
    return faults


@pytest.mark.parametrize("half", [0, 1])  # together they would take longer than a test may
def test_every_page_can_be_used_by_everybody(
    page: Page, address: str, server: FakeServer, study: FakeStudy, half: int
) -> None:
    for more in (FakeStudy(NETWORKS), FakeStudy(GOALS)):
        more.scatter(12)
        server.studies[more.id] = more
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.set_viewport_size(DESK)
    page.goto(address)
    expect(page.get_by_label("API key")).to_be_focused()
    faults = {} if half else {"sign in": faults_in_both(page, "form")}
    trial = {f"{STUDY}/trials?trial={study.trials[1].id}": "dialog.drawer .parameters"}

    for place, sign in list((PLACES | trial).items())[half::2]:
        page.goto(f"{address}/#key={KEY}&page={place}")
        faults[place] = faults_in_both(page, sign)

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


@pytest.mark.parametrize(
    ("place", "name", "news"),
    [
        ("/studies", "digits", "61 of 400"),
        ("/activity", "trial 58", "trial 60"),
        (f"{STUDY}/events", "trial 58", "trial 60"),
    ],
)
def test_news_leave_the_keyboard_where_it_is(
    page: Page, address: str, study: FakeStudy, place: str, name: str, news: str
) -> None:
    page.goto(f"{address}/#key={KEY}&page={place}")
    role: Literal["link", "button"] = "button" if place.endswith("events") else "link"
    page.locator("main").get_by_role(role, name=name, exact=True).first.focus()

    study.grow(1)

    expect(page.locator("main")).to_contain_text(news)
    expect(page.locator("main :focus")).to_have_text(name)


def test_a_page_is_printed_dark_on_white(page: Page, address: str) -> None:
    page.goto(f"{address}/#key={KEY}&page={STUDY}")
    theme = page.get_by_role("button", name="Colours")
    theme.click()
    theme.click()
    expect(page.locator(".best-card")).to_be_visible()

    page.emulate_media(media="print")

    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
    expect(page.get_by_role("navigation", name="Study")).to_be_hidden()
    expect(page.locator(".best-card")).to_be_visible()


def test_a_page_that_is_opened_by_keyboard_has_it(page: Page, address: str) -> None:
    page.goto(f"{address}/#key={KEY}&page=/studies")
    page.get_by_role("link", name="digits", exact=True).focus()

    page.keyboard.press("Enter")

    expect(page.locator("h1")).to_have_text("digits")
    expect(page.locator("main")).to_be_focused()
