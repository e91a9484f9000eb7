"""What charts and pages show of odd data: outliers, long names, broken constraints, small screens, other questions."""

from pathlib import Path

from playwright.sync_api import Page, expect

from studyhall.trial import TrialState
from tests.dashboard.conftest import Visit
from tests.dashboard.fake_server import KEY, FakeServer
from tests.dashboard.fake_study import DIGITS, GOALS, FakeStudy


def test_the_table_of_parallel_coordinates_tells_values_beyond_the_axis(visit: Visit, study: FakeStudy) -> None:
    study.put(state=TrialState.COMPLETED, parameters=study.trials[0].parameters, metrics={"accuracy": -1234.5})
    page = visit("/studies/digits/parallel")
    expect(page.locator(".hint", has_text="trials").first).to_contain_text("trials")

    page.locator("details.twin summary").click()

    expect(page.locator("details.twin tbody")).to_contain_text("-1,234.5")


def test_what_lies_beyond_the_range_of_the_history_is_explained(visit: Visit, study: FakeStudy) -> None:
    page = visit("/studies/digits")
    expect(page.locator(".main-card .legend")).not_to_contain_text("beyond")

    study.put(state=TrialState.COMPLETED, parameters=study.trials[0].parameters, metrics={"accuracy": -1e6})

    expect(page.locator(".main-card .legend")).to_contain_text("◆ beyond the range shown")
    page.get_by_role("button", name="All", exact=True).click()
    expect(page.locator(".main-card .legend")).not_to_contain_text("beyond")


def test_a_zoom_into_nothing_is_none(visit: Visit, server: FakeServer) -> None:
    server.studies["st_empty"] = FakeStudy(DIGITS | {"name": "empty"})
    page = visit("/studies/empty")
    box = page.locator(".main-card .plot").bounding_box()
    assert box is not None

    page.mouse.move(box["x"] + 50, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 250, box["y"] + 50)
    page.mouse.up()

    expect(page.locator(".main-card .plot")).to_contain_text("No trials yet")


def test_long_names_do_not_widen_the_page(page: Page, visit: Visit, server: FakeServer) -> None:
    metric = "validation.really.long.metric_name.of_the_multi_task_loss"
    named = FakeStudy(DIGITS | {"name": "long" * 20, "description": "words " * 99, "objectives": [{"metric": metric}]})
    named.scatter(20)
    server.studies[named.id] = named
    page.set_viewport_size({"width": 360, "height": 800})
    signs = {"overview": ".feed li", "parallel": ".ramp", "progress": ".plot .axis", "space": ".space td"}
    for tab, sign in signs.items():
        visit(f"/studies/{'long' * 20}/{tab}")
        page.locator(sign).first.wait_for(state="attached")

        assert page.evaluate("document.documentElement.scrollWidth") == 360, tab


def test_what_a_menu_offers_is_on_the_screen_of_a_phone(visit: Visit) -> None:
    page = visit("/studies/digits/parallel")
    page.set_viewport_size({"width": 360, "height": 800})
    for name in ("Key", "Axes", "Save parallel coordinates"):
        page.locator("summary").and_(page.get_by_label(name)).click()

        box = page.locator("details.menu[open] .actions").bounding_box()

        assert box is not None
        assert box["x"] >= 0, name
        assert box["x"] + box["width"] <= 360, name
        page.keyboard.press("Escape")
        expect(page.locator("details.menu[open]")).to_have_count(0)


def test_what_breaks_a_constraint_is_hollow_beside_the_front(visit: Visit, server: FakeServer) -> None:
    two = FakeStudy(
        GOALS | {"name": "two", "objectives": GOALS["objectives"][:2], "constraints": ["latency_ms <= 0.5"]}
    )
    two.scatter(30)
    server.studies[two.id] = two
    slow = sum(trial.metrics["latency_ms"] > 0.5 for trial in two.trials)
    page = visit("/studies/two/pareto")

    expect(page.locator(".pareto .hint")).to_contain_text(f"{slow} that break a constraint are hollow")
    expect(page.locator(".broken path")).to_be_attached()


def test_another_question_on_the_same_page_is_answered(visit: Visit, study: FakeStudy) -> None:
    page = visit("/studies/digits/dependence?parameters=lr")
    titles = page.locator(".multiples h2")
    expect(titles).to_have_text(["lr"])

    page.get_by_role("navigation", name="Study").get_by_role("link", name="Dependence").click()

    expect(titles).not_to_have_count(1)
    page.go_back()
    expect(titles).to_have_text(["lr"])


def test_comparing_trials_that_there_are_not_asks_for_others(visit: Visit) -> None:
    page = visit("/studies/digits/compare?trials=998,999")

    expect(page.locator(".tab")).to_contain_text("Choose trials to compare")


def test_workers_that_are_gone_stand_below_those_that_are_there(visit: Visit, server: FakeServer) -> None:
    server.workers.reverse()
    page = visit("/workers")

    expect(page.locator("tbody th.name")).to_contain_text(["gpu-2", "gpu-1", "gpu-0", "gpu-3"])


def test_a_saved_drawing_has_its_names_and_its_letters_lie_above_their_halo(visit: Visit) -> None:
    page = visit("/studies/digits/parallel")
    page.locator(".plot.parallel svg").wait_for()
    page.locator("summary").and_(page.get_by_label("Save parallel coordinates")).click()

    with page.expect_download() as saved:
        page.get_by_role("button", name="Drawing (SVG)").click()

    drawing = Path(saved.value.path()).read_text()
    assert ">momentum</text>" in drawing
    assert 'paint-order="stroke' in drawing
    assert "<rect" in drawing


def test_the_news_of_a_running_trial_take_nothing_from_who_writes_or_reads(visit: Visit, study: FakeStudy) -> None:
    running = study.put(state=TrialState.RUNNING, parameters=study.trials[0].parameters, attempt=1)
    page = visit(f"/studies/digits?trial={running.id}")
    drawer = page.locator("dialog.drawer")
    drawer.get_by_label("New tag").fill("half a ta")
    drawer.get_by_text("Why was it suggested?").click()
    expect(drawer.locator(".why p").first).to_be_visible()

    study.put(number=running.number, step=7)

    expect(drawer).to_contain_text("last step7")
    expect(drawer.get_by_label("New tag")).to_have_value("half a ta")
    expect(drawer.locator(".why p").first).to_be_visible()


def test_why_there_is_no_answer_stands_where_it_would(unwatched: Page, address: str) -> None:
    refused = {"code": "bad-input", "detail": "There is no parameter 'nope'.", "status": 422}
    unwatched.route("**/analyses/partial_dependence*", lambda route: route.fulfill(status=422, json=refused))

    unwatched.goto(f"{address}/#key={KEY}&page=/studies/digits/dependence?parameters=nope")

    expect(unwatched.locator(".filters .hint")).to_have_text("There is no parameter 'nope'.")
