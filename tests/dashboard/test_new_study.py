"""A new study: from a template, as a copy, by form or as JSON, and what is said of a fault."""

from playwright.sync_api import Page, expect

from tests.dashboard.conftest import Visit
from tests.dashboard.fake_server import KEY


def test_a_study_is_made_from_a_template(visit: Visit) -> None:
    page = visit("/new")
    expect(page.get_by_role("heading", name="The space fits")).to_be_visible()

    page.get_by_label("Start from").select_option("Small regression net")

    expect(page.locator(".verdict table")).to_contain_text("lr")


def test_a_form_tells_a_faulty_field_and_becomes_json(unwatched: Page, address: str) -> None:
    unwatched.goto(f"{address}/#key={KEY}&page=/new")
    expect(unwatched.get_by_role("heading", name="The space fits")).to_be_visible()

    unwatched.get_by_label("From", exact=True).first.fill("7")
    expect(unwatched.locator(".verdict")).to_contain_text("low (7) must not be above high (0.1)")
    assert unwatched.get_by_label("From", exact=True).first.get_attribute("aria-invalid") is not None
    unwatched.get_by_label("From", exact=True).first.fill("0.001")
    unwatched.get_by_role("button", name="JSON", exact=True).click()

    assert '"low": 0.001' in unwatched.get_by_label("Study definition (JSON)").input_value()


def test_a_faulty_space_is_told_while_one_types(unwatched: Page, address: str) -> None:
    unwatched.goto(f"{address}/#key={KEY}&page=/new?as=json")
    editor = unwatched.get_by_label("Study definition (JSON)")

    editor.fill('{"space": {"parameters": [{"name": "lr", "type": "float", "low": 2, "high": 1}]}}')
    expect(unwatched.locator(".verdict")).to_contain_text("low (2) must not be above high (1)")
    editor.fill('{"space": ')

    expect(unwatched.locator(".verdict")).to_contain_text("Not JSON yet")
