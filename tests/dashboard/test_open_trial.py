"""A trial beside the page: how it is opened and closed, and what a person may change of it."""

import re

from playwright.sync_api import Page, expect

from tests.dashboard.conftest import Visit
from tests.dashboard.fake_server import KEY
from tests.dashboard.fake_study import FakeStudy

PLOT = "figure:has-text('History') .plot svg"


def test_a_trial_opens_beside_the_table_by_keyboard_and_back_closes_it(visit: Visit, study: FakeStudy) -> None:
    page = visit("/studies/digits/trials")
    page.locator("table.virtual tbody:not(.spacer) tr").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    drawer = page.locator("dialog.drawer")
    trial = study.trials[-2]
    expect(drawer).to_contain_text(f"Trial {trial.number}")
    expect(drawer).to_contain_text(trial.id)
    expect(drawer.locator(".plot svg .curve")).to_have_count(1)
    page.go_back()
    expect(drawer).not_to_be_visible()


def test_a_trial_that_was_closed_is_not_opened_again_by_back(visit: Visit) -> None:
    page = visit("/studies")
    page.get_by_role("link", name="digits", exact=True).click()
    page.get_by_role("button", name="Details").click()
    expect(page.locator("dialog.drawer h2")).to_contain_text("Trial")
    page.get_by_role("button", name="Later trial").click()

    page.keyboard.press("Escape")

    expect(page).not_to_have_url(re.compile("trial="))
    page.go_back()
    expect(page.locator("h1")).to_have_text("Studies")


def test_a_trial_that_was_linked_to_is_closed_where_it_is(visit: Visit, study: FakeStudy) -> None:
    page = visit("/activity")
    page.get_by_role("link", name="trial 59").first.click()
    expect(page.locator("dialog.drawer h2")).to_have_text("Trial 59")

    page.keyboard.press("Escape")

    expect(page).not_to_have_url(re.compile("trial="))
    page.go_back()
    expect(page.locator("h1")).to_have_text("Activity")


def test_a_trial_opens_from_its_point_in_the_history(visit: Visit) -> None:
    page = visit("/studies/digits")
    plot = page.locator(".main-card .plot")
    expect(page.locator(PLOT)).to_be_visible()

    plot.focus()
    page.keyboard.press("Home")
    expect(page.locator(".main-card .tip")).to_contain_text("Trial 0")
    page.keyboard.press("Enter")

    expect(page.locator("dialog.drawer h2")).to_have_text("Trial 0")


def test_a_note_and_an_exclusion_are_kept(visit: Visit, study: FakeStudy) -> None:
    trial = study.trials[3]
    page = visit(f"/studies/digits/trials?trial={trial.id}")
    drawer = page.locator("dialog.drawer")

    drawer.get_by_label("Note").fill("looks odd")
    drawer.get_by_role("button", name="Save note").click()
    expect(page.locator(".notices")).to_contain_text("Note saved.")
    drawer.get_by_role("button", name="Exclude").click()

    expect(drawer.locator(".drawer-head")).to_contain_text("excluded")
    assert (study.trials[3].note, study.trials[3].excluded) == ("looks odd", True)


def test_a_tag_that_is_refused_is_kept_to_be_mended(unwatched: Page, address: str, study: FakeStudy) -> None:
    fault = {"pointer": "/labels/a b", "message": "should be 1 to 64 of A-Z a-z 0-9"}
    refused = {"code": "invalid", "detail": "`errors` names each field.", "status": 422, "errors": [fault]}
    unwatched.goto(f"{address}/#key={KEY}&page=/studies/digits?trial={study.trials[1].id}")
    tag = unwatched.get_by_label("New tag")
    tag.fill("a b")
    unwatched.route("**/v1/trials/*", lambda route: route.fulfill(status=422, json=refused))

    unwatched.keyboard.press("Enter")

    expect(unwatched.locator(".notice span")).to_have_text("/labels/a b: should be 1 to 64 of A-Z a-z 0-9")
    expect(tag).to_have_value("a b")
