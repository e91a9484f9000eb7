"""The dashboard on the real server: what the made-up one of the other tests pretends, and the promises between both."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Page, expect

from app.config import Settings
from app.main import create_app
from app.storage import migrate
from studyhall.client import Client
from studyhall.errors import Unauthenticated
from studyhall.study_handle import StudyHandle
from tests.api.live import live
from tests.dashboard.fake_study import DIGITS

PLOT = ".main-card .plot svg"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A real server on a real socket: its address and its first key."""
    directory: Path = tmp_path_factory.mktemp("dashboard")
    url, key_file = f"sqlite:///{directory / 'studyhall.db'}", directory / "key"
    migrate.upgrade(url)
    settings = Settings(database_url=url, first_key_file=key_file, sweep_s=0.2)
    with live(create_app(settings), settings.limits) as (host, port):
        address = f"http://{host}:{port}"
        with Client(address, "none") as nobody:
            while not nobody.is_ready():
                continue
        yield address, key_file.read_text().strip()


@pytest.fixture
def client(house: tuple[str, str]) -> Iterator[Client]:
    with Client(*house) as client:
        yield client


@pytest.fixture
def study(client: Client, request: pytest.FixtureRequest) -> StudyHandle:
    """A study of its own for each test, searched at random and evaluated by whoever asks."""
    definition = DIGITS | {"name": request.node.name[:100], "algorithm": {"name": "random", "seed": 3}}
    del definition["task"], definition["stopping"]
    return client.create_study_from(definition)


@pytest.fixture
def page(house: tuple[str, str], page: Page, study: StudyHandle) -> Page:
    """A page with the key, on the study."""
    address, key = house
    page.set_default_timeout(20_000)
    page.goto(f"{address}/#key={key}&page=/studies/{study.id}")
    expect(page.locator("h1")).to_have_text(study.name)
    expect(page.locator(".freshness")).to_have_attribute("data-state", "live")
    return page


def register(house: tuple[str, str], name: str) -> None:
    """What a worker does when it starts."""
    address, key = house
    headers = {"Authorization": f"Bearer {key}"}
    answer = httpx2.post(f"{address}/v1/workers", json={"name": name, "version": "0.1.0"}, headers=headers)
    assert answer.status_code == 200, answer.text


def test_a_trial_is_seen_from_its_claim_to_its_result(page: Page, study: StudyHandle) -> None:
    trial = study.ask()
    expect(page.get_by_role("region", name="Now")).to_contain_text("1 running")

    trial.report(1, accuracy=0.5)
    trial.complete(accuracy=0.75)

    expect(page.locator(".best-card .figure")).to_have_text("0.75")
    expect(page.locator(PLOT)).to_have_attribute("aria-label", re.compile("best 0.75 at trial 0"))
    page.get_by_role("button", name="Details").click()
    drawer = page.locator("dialog.drawer")
    expect(drawer).to_contain_text(trial.id)
    expect(drawer.locator(".plot svg .curve")).to_have_count(1)


def test_trials_that_were_pruned_or_failed_have_their_place_in_the_plot(page: Page, study: StudyHandle) -> None:
    parameters = study.ask().parameters
    study.add(
        {"parameters": parameters, "state": "completed", "metrics": {"accuracy": 0.9}},
        {"parameters": parameters, "state": "pruned", "metrics": {"accuracy": 0.4}},
        {"parameters": parameters, "state": "failed", "reason": "no memory"},
    )
    page.reload()

    expect(page.locator(f"{PLOT} .mark.failed .rug")).to_have_count(1)
    expect(page.locator(f"{PLOT} .mark.pruned path:not(.rug)")).to_have_count(1)
    assert study.history().value == (0.9, 0.4, None)


def test_the_buttons_do_what_they_say(page: Page, study: StudyHandle) -> None:
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".study-head .pill")).to_have_text("paused")
    assert study.refresh().state == "paused"

    page.get_by_role("button", name="Stop…").click()
    page.get_by_role("button", name="Stop the study").click()

    expect(page.locator(".study-head .pill")).to_have_text("completed")
    assert study.refresh().state == "completed"


def test_a_change_made_elsewhere_is_seen(page: Page, study: StudyHandle) -> None:
    study.change(budget={"max_trials": 7})
    study.pause()

    expect(page.get_by_role("region", name="Progress")).to_contain_text("0 / 7")
    expect(page.locator(".study-head .pill")).to_have_text("paused")


def test_a_note_is_kept_by_the_server(page: Page, study: StudyHandle) -> None:
    trial = study.ask()
    trial.complete(accuracy=0.5)
    page.goto(f"{page.url}/trials?trial={trial.id}")

    page.get_by_label("Note").fill("<b>odd</b>")
    page.get_by_role("button", name="Save note").click()

    expect(page.locator(".notices")).to_contain_text("Note saved.")
    assert next(iter(study.trials())).note == "<b>odd</b>"


def test_every_tab_reads_the_real_answers(page: Page, study: StudyHandle) -> None:
    for index in range(6):
        trial = study.ask()
        trial.report(1, accuracy=index / 10)
        trial.complete(accuracy=index / 10)
    signs = {
        "Trials": "table.virtual tr[data-key]",
        "Parallel": ".plot.parallel svg",
        "Slices": ".multiples .plot svg .marks path",
        "Curves": ".plot svg .curve",
        "Timeline": ".plot svg .bars path",
        "Space": "table",
        "Events": ".feed li",
    }

    for tab, sign in signs.items():
        page.get_by_role("navigation", name="Study").get_by_role("link", name=tab).click()
        expect(page.locator(f".tab {sign}").first).to_be_visible()


def test_a_study_is_made_from_a_template_and_another_like_it(page: Page, client: Client) -> None:
    page.get_by_role("link", name="New study").click()
    page.get_by_label("Start from").select_option("Evaluated by your own client")
    expect(page.get_by_role("heading", name="The space fits")).to_be_visible()
    page.get_by_role("button", name="Create the study").click()
    expect(page.locator("h1")).to_have_text("my-search")

    page.get_by_role("link", name="Space").click()
    page.get_by_role("link", name="Make one like this").click()
    expect(page.get_by_role("heading", name="The space fits")).to_be_visible()
    page.get_by_role("button", name="Create the study").click()

    expect(page.locator("h1")).to_have_text("my-search-2")
    assert client.study("my-search-2").definition.space == client.study("my-search").definition.space


def test_a_key_is_made_used_rotated_and_revoked(page: Page, house: tuple[str, str]) -> None:
    page.get_by_text("Key", exact=True).click()
    page.get_by_role("button", name="All keys").click()
    page.get_by_label("Name").fill("<i>notebook</i>")
    page.get_by_label("Scope").select_option("reader")
    page.get_by_role("button", name="Make a key").click()
    expect(page.locator("pre")).to_be_visible()

    first = page.locator("pre").inner_text()
    with Client(house[0], first) as notebook:
        assert list(notebook.studies()) != []
        page.get_by_role("button", name="Rotate <i>notebook</i>").click()
        page.get_by_label("Not at all").check()
        page.get_by_role("button", name="Rotate the key").click()
        expect(page.locator("pre")).not_to_have_text(first)
        with pytest.raises(Unauthenticated):
            list(notebook.studies())

    with Client(house[0], page.locator("pre").inner_text()) as notebook:
        assert list(notebook.studies()) != []
        page.get_by_role("button", name="Revoke <i>notebook</i>").click()
        page.get_by_role("button", name="Revoke the key").click()
        expect(page.locator(".notices")).to_contain_text("is revoked")
        with pytest.raises(Unauthenticated):
            list(notebook.studies())


def test_a_worker_is_drained_and_the_drain_undone(page: Page, client: Client, house: tuple[str, str]) -> None:
    """Drain is asked of the worker by name; the server keeps what a person wants of it."""
    register(house, "desk/1")
    page.get_by_role("link", name="Workers").click()

    page.get_by_role("button", name="Drain desk/1").click()

    expect(page.locator("tbody tr", has_text="desk/1")).to_contain_text("draining")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Drain desk/1")).to_be_visible()
    assert next(worker.state for worker in client.workers() if worker.name == "desk/1") == "online"


def test_the_other_pages_read_the_real_answers(page: Page) -> None:
    page.get_by_role("link", name="About").click()
    expect(page.locator("main")).to_contain_text("random")
    page.get_by_role("link", name="Studies", exact=True).click()
    expect(page.locator("table.studies tbody tr").first).to_be_visible()


def test_what_a_history_says_is_the_same_on_the_page_in_the_sdk_and_on_the_command_line(
    page: Page, study: StudyHandle, house: tuple[str, str], tmp_path: Path
) -> None:
    for _ in range(40):
        trial = study.ask()
        trial.complete(accuracy=1.0 - trial.parameters["dropout"])

    found = study.analysis("importance")
    page.goto(f"{house[0]}/#/studies/{study.id}/importance")
    page.locator("details.twin summary").click()
    (key_file := tmp_path / "key").write_text(house[1])
    words = ["analyse", study.id, "importance", "--csv", "--url", house[0], "--key-file", str(key_file)]

    first = next(iter(found.rows()))
    assert (first["parameter"], found.answer.used) == ("dropout", 40)
    expect(page.locator("details.twin tbody tr").first).to_contain_text("dropout")
    command = [str(Path(sys.executable).with_name("studyhall")), *words]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == found.to_csv()


def test_a_studys_health_is_shown_with_its_evidence(page: Page, study: StudyHandle) -> None:
    parameters = study.ask().parameters
    study.add(*({"parameters": parameters, "state": "failed", "reason": "no disk"} for _ in range(20)))

    page.goto(page.url.split("#")[0] + f"#/studies/{study.id}/health")

    urgent = page.locator(".check.act")
    expect(urgent).to_contain_text("Many trials fail")
    expect(urgent).to_contain_text("no disk")


def test_a_share_link_opens_its_study_live(page: Page, study: StudyHandle) -> None:
    link = study.share("a reviewer").link
    assert link is not None
    page.evaluate("sessionStorage.clear()")

    page.goto("about:blank")
    page.goto(link)

    expect(page.locator("h1")).to_have_text(study.name)
    expect(page.locator(".freshness")).to_have_attribute("data-state", "live")
    study.ask().complete(accuracy=0.75)
    expect(page.locator(".best-card .figure")).to_have_text("0.75")
    assert "hps_" not in page.url


def test_a_guest_is_offered_nothing_that_is_refused(page: Page, study: StudyHandle) -> None:
    page.evaluate("sessionStorage.clear()")
    page.goto("about:blank")
    study.ask().complete(accuracy=0.75)
    page.goto(study.share("a reviewer").link or "")

    page.get_by_role("navigation", name="Study").get_by_role("link", name="Model").click()

    expect(page.locator(".tile").first).to_contain_text("0.75")  # and no error in the console: the fixture looks
    expect(page.get_by_role("button", name="Stop…")).to_have_count(0)
    page.get_by_role("link", name="Studies").first.click()
    expect(page.locator("table.studies")).to_contain_text(study.name)
    expect(page.get_by_role("link", name="New study")).to_have_count(0)
    page.goto(page.url.split("#")[0] + f"#/studies/{study.id}/space")
    expect(page.get_by_role("button", name="Save JSON")).to_be_visible()
    expect(page.get_by_role("link", name="Make one like this")).to_have_count(0)
    page.goto(page.url.split("#")[0] + f"#/studies/{study.id}/trials")
    page.get_by_label("Choose trial 0").check()
    expect(page.get_by_role("button", name="Let go")).to_be_visible()
    expect(page.get_by_role("button", name="Tag")).to_have_count(0)
    page.get_by_label("Key", exact=True).click()
    expect(page.get_by_role("button", name="Forget the key")).to_be_visible()
    expect(page.get_by_role("button", name="All keys")).to_have_count(0)
