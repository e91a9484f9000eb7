"""A new study: from a template, as a copy, by form or as JSON, and what is said of a fault."""

import json

import pytest
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


def test_a_fault_is_told_at_its_field_to_eyes_and_ears(unwatched: Page, address: str) -> None:
    unwatched.goto(f"{address}/#key={KEY}&page=/new")
    low = unwatched.get_by_label("From", exact=True).first

    low.fill("7")

    expect(low).to_have_attribute("aria-invalid", "true")
    expect(low).to_have_accessible_description("low (7) must not be above high (0.1)")
    expect(unwatched.locator(".fault", has_text="must not be above")).to_be_visible()
    low.fill("0.01")
    expect(low).not_to_have_attribute("aria-invalid", "true")


def test_what_is_no_number_is_kept_and_told(unwatched: Page, address: str) -> None:
    unwatched.goto(f"{address}/#key={KEY}&page=/new")
    low = unwatched.get_by_label("From", exact=True).first

    low.fill("0.0001e-")

    expect(low).to_have_attribute("aria-invalid", "true")
    expect(low).to_have_value("0.0001e-")


def test_a_name_that_is_taken_is_told_at_the_name(unwatched: Page, address: str) -> None:
    taken = {"code": "name-taken", "detail": "study 'digits' already exists; pass if_exists='get'", "status": 409}
    unwatched.route("**/v1/studies", lambda route: route.fulfill(status=409, json=taken))
    unwatched.goto(f"{address}/#key={KEY}&page=/new")
    expect(unwatched.get_by_role("heading", name="The space fits")).to_be_visible()

    unwatched.get_by_role("button", name="Create the study").click()

    name = unwatched.get_by_label("Name", exact=True)
    expect(name).to_have_accessible_description("is taken; choose another")
    expect(name).to_be_focused()


def test_choices_keep_their_types_when_one_is_added(visit: Visit) -> None:
    page = visit("/new?as=json")
    choices = ["1", 2, "a, b", None, True, "true", "", 'say "no"', "adam"]
    space = {"parameters": [{"name": "each", "type": "categorical", "choices": choices}]}
    editor = page.get_by_label("Study definition (JSON)")
    editor.fill(json.dumps({"name": "new", "space": space, "objectives": [{"metric": "loss"}]}))
    page.get_by_role("button", name="Form", exact=True).click()

    field = page.get_by_label("Choices", exact=True)
    field.fill(field.input_value() + ', .5, "7"')

    page.get_by_role("button", name="JSON", exact=True).click()
    told = json.loads(editor.input_value())["space"]["parameters"][0]["choices"]
    assert told == [*choices, 0.5, "7"]
    assert told[4] is True


@pytest.mark.parametrize(
    "text", ['{"objectives": {"metric": "loss"}}', '{"space": {"parameters": [null]}}', '{"budget": 5}']
)
def test_json_that_no_form_can_show_stays_json(unwatched: Page, address: str, text: str) -> None:
    unwatched.goto(f"{address}/#key={KEY}&page=/new?as=json")
    editor = unwatched.get_by_label("Study definition (JSON)")
    editor.fill(text)

    unwatched.get_by_role("button", name="Form", exact=True).click()

    expect(unwatched.locator(".verdict")).to_contain_text("Not a form yet")
    expect(editor).to_have_value(text)
    expect(unwatched.get_by_role("button", name="JSON", exact=True)).to_have_attribute("aria-pressed", "true")


def test_what_was_typed_outlives_a_key_that_has_ended(unwatched: Page, address: str) -> None:
    ended = {"code": "unauthenticated", "detail": "A valid key is needed.", "status": 401}
    unwatched.goto(f"{address}/#key={KEY}&page=/new")
    name = unwatched.get_by_label("Name", exact=True)
    name.fill("a-long-thought")
    with unwatched.expect_response("**/v1/spaces/validate"):
        unwatched.get_by_label("To", exact=True).first.fill("0.5")
    unwatched.route("**/v1/studies", lambda route: route.fulfill(status=401, json=ended))

    unwatched.get_by_role("button", name="Create the study").click()
    unwatched.get_by_label("API key").fill(KEY)
    unwatched.keyboard.press("Enter")

    expect(name).to_have_value("a-long-thought")
    expect(unwatched.get_by_label("To", exact=True).first).to_have_value("0.5")
