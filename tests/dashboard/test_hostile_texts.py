"""Whatever a text says, it stays text: payloads in every field that anybody may write, looked at in a real browser.

The policy (trusted types) would refuse markup even if a module tried; the page fixture fails on that refusal too.
"""

import json
import re

import pytest
from playwright.sync_api import Page, expect

from studyhall.trial import TrialState
from tests.dashboard.fake_server import KEY, FakeServer
from tests.dashboard.fake_study import DIGITS, FakeStudy

PAYLOADS = (
    "<script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 1'>",
    "<svg onload='window.hacked = 1'>",
    "'\"><iframe srcdoc='<script>parent.hacked = 1</script>'></iframe>",
    "javascript:window.hacked=1",
    "</script><script>window.hacked=1</script>",
    "{{constructor.constructor('window.hacked=1')()}}",
    "\" onfocus='window.hacked=1' autofocus x=\"",
)
PLACES = (
    "",
    "/trials",
    "/model",
    "/parallel",
    "/slices",
    "/curves",
    "/timeline",
    "/space",
    "/events",
    "/health",
    "/importance",
    "/rank",
    "/ablation",
)
ODD_NAMES = ("constructor", "__proto__", "toString", "hasOwnProperty")


@pytest.fixture
def study() -> FakeStudy:
    """A study whose every text is hostile; names of parameters and metrics keep to what the server lets through."""
    text = " ".join(PAYLOADS)
    hostile = FakeStudy(
        {
            **DIGITS,
            "name": "hostile",
            "description": text,
            "labels": {f"label{index}": payload for index, payload in enumerate(PAYLOADS)},
            "space": {
                "parameters": [
                    {"name": "choice", "type": "categorical", "choices": list(PAYLOADS)},
                    *({"name": name, "type": "float", "low": 0.0, "high": 1.0} for name in ODD_NAMES),
                ]
            },
            "task": {"command": ["echo", text], "settings": {PAYLOADS[4]: text}},
        }
    )
    for index, payload in enumerate(PAYLOADS):
        trial = hostile.put(
            state=TrialState.COMPLETED if index else TrialState.FAILED,
            parameters={"choice": payload, **({} if index % 2 else dict.fromkeys(ODD_NAMES, 0.5))},
            metrics={"accuracy": index / 10, "constructor": 1.0},
            reason=payload,
            worker="gpu-0",
            why=payload,
            note=payload,
            labels={"label": payload},
            attempt=1,
            step=2,
            started_at=hostile.study().created_at,
            finished_at=hostile.study().updated_at,
        )
        hostile.measure(trial, [(1, {"accuracy": 0.1, "toString": 1.0}), (2, {"accuracy": 0.2, "toString": 2.0})])
        hostile.touch("trial.noted", trial, text=payload, nested={"text": payload})
    return hostile


@pytest.fixture
def server(study: FakeStudy) -> FakeServer:
    """A server whose workers are hostile too."""
    server = FakeServer(study)
    odd = {"reason": PAYLOADS[1], "host": PAYLOADS[0]}
    server.workers = [worker.model_copy(update=odd) for worker in server.workers]
    return server


def assert_nothing_ran(page: Page) -> None:
    assert page.evaluate("window.hacked") is None
    assert page.locator("main iframe, main img, main script, dialog iframe, dialog img, dialog script").count() == 0


def test_hostile_texts_stay_texts_on_every_tab(page: Page, address: str) -> None:
    page.goto(f"{address}/#key={KEY}&page=/studies/hostile")
    expect(page.locator(".freshness")).to_have_attribute("data-state", "live")

    for tab in PLACES:
        page.goto(f"{address}/#/studies/hostile{tab}")
        expect(page.locator(".tabs [aria-current]")).to_have_attribute("href", f"#/studies/hostile{tab}")
        expect(page.locator(".tab .loading")).to_have_count(0)
        for closed in page.locator("details.twin > summary").all():
            closed.click()
        assert_nothing_ran(page)


def test_hostile_texts_stay_texts_in_the_list_among_the_workers_and_in_what_happens(page: Page, address: str) -> None:
    page.goto(f"{address}/#key={KEY}&page=/studies")
    expect(page.locator("table.studies")).to_contain_text(PAYLOADS[0])
    assert_nothing_ran(page)

    page.get_by_role("link", name="Workers").click()
    expect(page.locator("table.cards")).to_contain_text(PAYLOADS[1])
    assert_nothing_ran(page)

    page.get_by_role("link", name="Activity").click()
    expect(page.locator(".feed")).to_contain_text(PAYLOADS[2])
    assert_nothing_ran(page)


def test_hostile_texts_stay_texts_beside_the_table(page: Page, address: str, study: FakeStudy) -> None:
    page.goto(f"{address}/#key={KEY}&page=/studies/hostile/trials?trial={study.trials[2].id}")

    drawer = page.locator("dialog.drawer")
    expect(drawer.locator(".plot svg .curve")).to_have_count(1)
    expect(drawer).to_contain_text(PAYLOADS[2])
    expect(drawer.get_by_label("Note")).to_have_value(PAYLOADS[2])
    assert_nothing_ran(page)


def test_hostile_texts_stay_texts_in_notices_and_in_the_editor(page: Page, address: str, study: FakeStudy) -> None:
    page.goto(f"{address}/#key={KEY}&page=/new?from=hostile")
    expect(page.get_by_label("Choices")).to_have_value(re.compile("<script>"))
    assert_nothing_ran(page)
    page.get_by_role("button", name="JSON", exact=True).click()
    editor = page.get_by_label("Study definition (JSON)")
    expect(page.get_by_role("heading", name="The space fits")).to_be_visible()

    assert json.loads(editor.input_value())["description"] == study.definition.description
    expect(page.locator(".verdict table")).to_contain_text("<")
    assert_nothing_ran(page)


def test_a_hostile_address_opens_nothing_but_a_message(page: Page, address: str) -> None:
    page.goto(f"{address}/#key={KEY}&page=/<img src=x onerror=window.hacked=1>")

    expect(page.locator("main")).to_contain_text("There is no such page")
    assert_nothing_ran(page)


def test_a_hostile_filter_is_only_a_filter(page: Page, address: str) -> None:
    page.goto(f"{address}/#key={KEY}&page=/studies/hostile/trials?filter=%3Cimg%20src=x%20onerror=window.hacked=1%3E")

    expect(page.locator(".filters .hint")).to_contain_text("unknown")
    assert_nothing_ran(page)
