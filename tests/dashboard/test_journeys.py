"""What people do with the dashboard, in a real browser. The page fixture fails a test whose page logs an error."""

import re
from urllib.parse import unquote

from playwright.sync_api import Page, expect

from studyhall.study import StudyState
from studyhall.trial import TrialState
from tests.dashboard.conftest import Visit
from tests.dashboard.fake_server import KEY, FakeServer
from tests.dashboard.fake_study import DIGITS, GOALS, FakeStudy

PLOT = "figure:has-text('History') .plot svg"


def test_the_studies_are_listed_with_state_progress_and_best(visit: Visit, study: FakeStudy) -> None:
    page = visit("/studies")

    row = page.locator("table.studies tbody tr")
    expect(row).to_have_count(1)
    best = study.best()
    assert best is not None
    for text in ("digits", "active", "60 of 400", f"{best.metrics['accuracy']:.4f}".rstrip("0"), "team: vision"):
        expect(row).to_contain_text(text)
    expect(row.locator("svg path.spark")).to_be_visible()


def test_the_list_follows_the_feed_and_reads_nothing_while_nothing_changes(
    visit: Visit, study: FakeStudy, server: FakeServer
) -> None:
    page = visit("/studies")
    expect(page.locator("table.studies")).to_contain_text("60 of 400")
    with page.expect_response(re.compile("/v1/studies[?]")):
        study.grow(1)

    expect(page.locator("table.studies")).to_contain_text("61 of 400")

    assert sum(request.startswith("GET /v1/studies?") for request in server.requests) == 2


def test_what_happens_in_all_studies_is_told_on_one_page(visit: Visit, study: FakeStudy) -> None:
    page = visit("/activity")
    expect(page.locator(".feed li").first).to_contain_text("trial 59")

    study.grow(1)

    newest = page.locator(".feed li", has_text="trial 60").first
    expect(newest).to_contain_text("digits")
    newest.get_by_role("link", name="trial 60").click()
    expect(page.locator("dialog.drawer h2")).to_have_text("Trial 60")


def test_a_search_narrows_the_list_and_can_be_linked_to(visit: Visit, server: FakeServer) -> None:
    other = FakeStudy({**server.studies["st_digits"].definition.to_dict(), "name": "churn"})
    server.studies[other.id] = other
    page = visit("/studies")
    expect(page.locator("table.studies tbody tr")).to_have_count(2)

    page.get_by_label("Search by name").fill("chu")

    expect(page.locator("table.studies tbody tr")).to_have_count(1)
    page.reload()
    expect(page.locator("table.studies tbody tr")).to_contain_text("churn")


def test_a_label_leads_to_the_studies_that_have_it(visit: Visit, server: FakeServer) -> None:
    other = FakeStudy(DIGITS | {"name": "churn", "labels": {"team": "sales"}})
    server.studies[other.id] = other
    page = visit("/studies")
    rows = page.locator("table.studies tbody tr")

    page.get_by_role("link", name="team: sales").click()

    expect(rows).to_have_count(1)
    expect(page).to_have_url(re.compile("label=team%3Dsales"))
    page.get_by_role("button", name="Also without team=sales").click()
    expect(rows).to_have_count(2)


def test_a_study_shows_its_plot_and_its_best_trial(visit: Visit, study: FakeStudy) -> None:
    page = visit("/studies")

    page.get_by_role("link", name="digits", exact=True).click()

    best = study.best()
    assert best is not None
    expect(page.locator(PLOT)).to_have_attribute("aria-label", re.compile(rf"60 trials.*at trial {best.number}"))
    expect(page.locator(".best-card")).to_contain_text(f"trial {best.number}")
    expect(page.locator(".best-card")).to_contain_text(str(best.parameters["optimizer"]))
    assert len(page.locator(f"{PLOT} .mark.completed path").first.get_attribute("d") or "") > 200


def test_a_new_result_appears_by_itself(visit: Visit, study: FakeStudy) -> None:
    page = visit("/studies/digits")
    expect(page.locator(".freshness")).to_have_attribute("data-state", "live")

    study.put(state=TrialState.COMPLETED, parameters=study.trials[0].parameters, metrics={"accuracy": 0.99991})

    expect(page.locator(".best-card .figure")).to_have_text("0.99991")
    expect(page.locator(PLOT)).to_have_attribute("aria-label", re.compile(r"61 trials.*best 0\.99991 at trial 60"))
    expect(page.locator(".feed").first).to_contain_text("trial 60")


def test_a_change_fetches_what_changed_and_nothing_more(visit: Visit, study: FakeStudy, server: FakeServer) -> None:
    page = visit("/studies/digits")
    expect(page.locator(PLOT)).to_have_attribute("aria-label", re.compile("60 trials"))
    expect(page.locator(".freshness")).to_have_attribute("data-state", "live")
    server.requests.clear()
    known = study.sequence

    study.grow(1)

    expect(page.locator(PLOT)).to_have_attribute("aria-label", re.compile("61 trials"))
    asked = [request.split("?")[0] for request in server.requests]
    assert sorted(set(asked)) == [
        "GET /v1/studies/st_digits/events",
        "GET /v1/studies/st_digits/summary",
        "GET /v1/studies/st_digits/trials",
    ]
    assert f"since={known}&" in next(request for request in server.requests if "/trials" in request)


def test_where_streams_do_not_come_through_the_page_is_live_all_the_same(
    visit: Visit, study: FakeStudy, server: FakeServer
) -> None:
    server.streams = False
    page = visit("/studies/digits")
    expect(page.locator(".freshness")).to_have_attribute("data-state", "live")

    study.grow(1)

    expect(page.locator(PLOT)).to_have_attribute("aria-label", re.compile("61 trials"))


def test_a_study_is_paused_and_the_pause_undone(visit: Visit, study: FakeStudy) -> None:
    page = visit("/studies/digits")

    page.get_by_role("button", name="Pause").click()

    expect(page.locator(".study-head .pill")).to_have_text("paused")
    assert study.state == StudyState.PAUSED
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".study-head .pill")).to_have_text("active")


def test_a_study_is_stopped_after_a_question(visit: Visit, study: FakeStudy) -> None:
    page = visit("/studies/digits")
    page.get_by_role("button", name="Stop…").click()
    question = page.get_by_role("dialog", name="Stop “digits”?")
    question.get_by_text("Let them finish").click()
    question.get_by_label("Reason").fill("good enough")

    question.get_by_role("button", name="Stop the study").click()

    expect(page.locator(".study-head .pill")).to_have_text("completed")
    assert (study.state, study.reason) == (StudyState.COMPLETED, "good enough")
    assert study.events[-1].data == {"mode": "drain"}


def test_saying_no_to_the_question_stops_nothing(visit: Visit, study: FakeStudy) -> None:
    page = visit("/studies/digits")
    page.get_by_role("button", name="Stop…").click()

    page.keyboard.press("Escape")

    expect(page.get_by_role("dialog")).to_have_count(0)
    assert study.state == StudyState.ACTIVE


def test_the_table_is_filtered_sorted_and_linked_to(visit: Visit, study: FakeStudy) -> None:
    page = visit("/studies/digits/trials")
    page.get_by_label("Filter", exact=True).fill("optimizer = sgd lr < 0.01")
    page.get_by_role("columnheader", name="accuracy").get_by_role("button").click()

    fitting = [
        trial
        for trial in study.trials
        if trial.parameters["optimizer"] == "sgd" and float(str(trial.parameters["lr"])) < 0.01
    ]
    top = max(fitting, key=lambda trial: trial.metrics.get("accuracy", 0))
    first = page.locator("table.virtual tbody:not(.spacer) tr").first
    expect(first).to_have_attribute("data-key", str(top.number))
    expect(page.locator(".filters .hint")).to_have_text(f"{len(fitting)} of 60 trials")
    page.reload()
    expect(first).to_have_attribute("data-key", str(top.number))


def test_a_mistyped_name_in_a_filter_is_told(visit: Visit) -> None:
    page = visit("/studies/digits/trials?filter=lrr<0.1")

    expect(page.locator(".filters .hint")).to_have_text("unknown: lrr")


def test_a_brushed_axis_chooses_trials_for_the_table_too(visit: Visit, study: FakeStudy) -> None:
    page = visit("/studies/digits/parallel")
    svg = page.locator(".plot.parallel svg")
    expect(svg).to_be_visible()
    box = svg.bounding_box()
    assert box is not None
    x, top = box["x"] + 44, box["y"]

    page.mouse.move(x, top + 40)
    page.mouse.down()
    page.mouse.move(x, top + 200, steps=4)
    page.mouse.up()

    expect(page.locator(".card > .hint").first).to_contain_text("chosen")
    assert "filter=lr>=" in unquote(page.url)
    page.get_by_role("link", name="Show in table").click()
    expect(page.locator(".filters .hint")).to_contain_text(" of 60 trials")


def test_an_axis_is_moved_with_the_arrow_keys(visit: Visit) -> None:
    page = visit("/studies/digits/parallel")
    page.locator(".axis-name", has_text="lr").focus()

    page.keyboard.press("ArrowRight")

    expect(page.locator(".axis-name").nth(1)).to_have_text("lr")
    assert "axes=optimizer" in unquote(page.url)


def test_every_tab_draws_something(visit: Visit) -> None:
    page = visit("/studies/digits")
    for tab, sign in {
        "Slices": ".multiples .plot svg .marks path",
        "Curves": ".plot svg .curve",
        "Timeline": ".plot svg .bars path",
        "Space": "table",
        "Events": ".feed li",
    }.items():
        page.get_by_role("navigation", name="Study").get_by_role("link", name=tab).click()
        expect(page.locator(f".tab {sign}").first).to_be_visible()


def test_two_objectives_have_a_front_instead_of_a_best(visit: Visit, server: FakeServer) -> None:
    both = [{"metric": "accuracy", "goal": "maximize"}, {"metric": "loss", "goal": "minimize"}]
    two = FakeStudy({**server.studies["st_digits"].definition.to_dict(), "name": "two", "objectives": both})
    two.grow(30)
    server.studies[two.id] = two
    page = visit("/studies/two/pareto")

    expect(page.locator(".plot svg")).to_have_attribute("aria-label", re.compile(rf"{len(two.front())} on the front"))


def test_three_objectives_are_seen_in_a_space_that_is_turned(visit: Visit, server: FakeServer) -> None:
    three = FakeStudy(GOALS)
    three.scatter(30)
    server.studies[three.id] = three
    page = visit("/studies/goals/pareto")
    front = page.locator(".cloud .on-front path")
    seen = front.get_attribute("d")
    plot = page.locator(".plot").bounding_box()
    assert plot is not None

    page.mouse.move(plot["x"] + 200, plot["y"] + 200)
    page.mouse.down()
    page.mouse.move(plot["x"] + 300, plot["y"] + 160)
    page.mouse.up()

    expect(front).not_to_have_attribute("d", seen or "")
    assert {"turn=85", "tilt=2"} <= set(page.url.partition("?")[2].split("&"))
    page.get_by_label("Turn").fill("180")
    expect(page).to_have_url(re.compile("turn=180"))
    page.get_by_role("button", name="Flat").click()
    expect(page.locator(".levelled .on-front")).to_be_visible()


def test_a_chart_has_the_same_numbers_as_a_table(visit: Visit, study: FakeStudy) -> None:
    page = visit("/studies/digits")

    page.locator(".main-card summary", has_text="Data table").click()

    rows = page.locator(".main-card .twin tbody tr")
    expect(rows).to_have_count(len(study.trials))
    expect(rows.first).to_contain_text(study.trials[0].state)


def test_a_chart_is_saved_as_table_drawing_and_picture(visit: Visit) -> None:
    page = visit("/studies/digits")
    expect(page.locator(PLOT)).to_be_visible()
    beginnings = {"Table (CSV)": b"trial,state,accuracy", "Drawing (SVG)": b"<svg", "Picture (PNG)": b"\x89PNG"}

    for name, beginning in beginnings.items():
        page.locator(".main-card summary", has_text="Save").click()
        with page.expect_download() as download:
            page.get_by_role("button", name=name).click()
        assert download.value.path().read_bytes().startswith(beginning)


def test_the_key_leaves_the_address_and_stays_in_the_tab(visit: Visit, server: FakeServer) -> None:
    page = visit("/studies/digits")

    assert KEY not in page.url
    page.reload()
    expect(page.locator("h1")).to_have_text("digits")
    assert not [request for request in server.requests if KEY in request]


def test_a_page_without_a_key_asks_for_one_and_then_shows_what_was_wanted(page: Page, address: str) -> None:
    page.goto(f"{address}/#/studies/digits")

    page.get_by_label("API key").fill(KEY)
    page.get_by_role("button", name="Continue").click()

    expect(page.locator("h1")).to_have_text("digits")


def test_a_refused_key_is_asked_for_again(unwatched: Page, address: str) -> None:
    unwatched.goto(f"{address}/#key=wrong")

    expect(unwatched.get_by_role("alert")).to_contain_text("not accepted")
    unwatched.get_by_label("API key").fill(KEY)
    unwatched.keyboard.press("Enter")

    expect(unwatched.locator("h1")).to_have_text("Studies")


def test_a_lost_server_makes_the_page_stale_and_its_return_makes_it_live(
    unwatched: Page, address: str, server: FakeServer, study: FakeStudy
) -> None:
    unwatched.goto(f"{address}/#key={KEY}&page=/studies/digits")
    expect(unwatched.locator(".freshness")).to_have_attribute("data-state", "live")
    unwatched.route("**/events*", lambda route: route.abort())

    server.drop_streams()
    expect(unwatched.locator(".freshness")).to_have_attribute("data-state", "stale")
    expect(unwatched.locator(".freshness")).to_contain_text("stale since")
    unwatched.unroute("**/events*")
    study.grow(1)

    expect(unwatched.locator(".freshness")).to_have_attribute("data-state", "live")
    expect(unwatched.locator(PLOT)).to_have_attribute("aria-label", re.compile("61 trials"))


def test_workers_are_listed(visit: Visit) -> None:
    page = visit("/workers")

    expect(page.locator("tbody tr")).to_have_count(4)
    expect(page.locator("tbody tr").last).to_contain_text("offline")
    expect(page.locator("tbody tr").first).to_contain_text("load3.5 of 8")
    expect(page.locator("tbody tr").first).to_contain_text("H20080 %H200 memory25 %")


def test_a_study_that_does_not_exist_is_told(unwatched: Page, address: str) -> None:
    unwatched.goto(f"{address}/#key={KEY}&page=/studies/none")

    expect(unwatched.locator("main")).to_contain_text("There is no such study")
    expect(unwatched.locator("h1")).to_have_text("Not found")
    expect(unwatched).to_have_title("Not found · Studyhall")


def test_empty_places_say_what_comes_there(visit: Visit, server: FakeServer) -> None:
    new = FakeStudy({**server.studies["st_digits"].definition.to_dict(), "name": "new"})
    server.studies = {new.id: new}
    page = visit("/studies/new")

    expect(page.locator(".main-card svg")).to_contain_text("No trials yet")
    expect(page.locator(".best-card")).to_contain_text("It appears with the first result.")
    page.get_by_role("link", name="Trials").click()
    expect(page.locator(".tab")).to_contain_text("They appear here as workers claim them.")


def test_chosen_trials_are_compared_side_by_side(visit: Visit) -> None:
    page = visit("/studies/digits/trials")
    page.get_by_label("Choose trial 59", exact=True).check()
    page.get_by_label("Choose trial 58", exact=True).check()

    page.reload()
    expect(page.get_by_label("Choose trial 58", exact=True)).to_be_checked()
    page.get_by_role("link", name="Compare").click()

    head = page.locator("table.compare thead th")
    expect(head).to_have_text(["trial", "58", "59"])
    expect(page.locator("table.compare tr.differs", has_text="lr")).to_be_visible()
    expect(page.locator(".legend li")).to_have_text(["trial 58", "trial 59"])
    colours = page.locator(".curve .line").evaluate_all("lines => lines.map(line => getComputedStyle(line).stroke)")
    assert len(set(colours)) == 2


def test_chosen_trials_are_excluded_and_tagged_together(visit: Visit, study: FakeStudy) -> None:
    page = visit("/studies/digits/trials")
    for number in (57, 58):
        page.get_by_label(f"Choose trial {number}", exact=True).check()

    page.get_by_role("button", name="Exclude").click()
    expect(page.get_by_text("2 trials excluded")).to_be_visible()
    page.get_by_label("Tag", exact=True).fill("odd=yes")
    page.get_by_role("button", name="Tag").click()
    expect(page.get_by_text("2 trials tagged odd")).to_be_visible()

    assert [study.trials[n].excluded for n in (56, 57, 58)] == [False, True, True]
    assert study.trials[58].labels == {"odd": "yes"}


def test_a_saved_picture_of_compared_curves_tells_which_is_which(visit: Visit) -> None:
    page = visit("/studies/digits/compare?trials=3,7")
    expect(page.locator(".legend li")).to_have_count(2)
    page.locator("summary", has_text="Save").click()

    with page.expect_download() as download:
        page.get_by_role("button", name="Drawing (SVG)").click()

    picture = download.value.path().read_text()
    assert ">trial 3</text>" in picture
    assert ">trial 7</text>" in picture


def test_a_check_of_health_leads_to_its_evidence(visit: Visit) -> None:
    page = visit("/studies/digits/health")

    page.locator(".check", has_text="run to their end").get_by_role("link", name="See it").click()

    expect(page.locator(".virtual tbody tr[data-key]").first).to_be_visible()


def test_importance_leads_to_how_the_value_depends(visit: Visit) -> None:
    page = visit("/studies/digits/importance")
    expect(page.locator(".share").first).to_be_visible()

    page.get_by_role("button", name="Everywhere").click()
    expect(page.get_by_text("fANOVA")).to_be_visible()
    page.get_by_role("link", name="×").first.click()

    expect(page.locator("path.level-9")).to_be_visible()


def test_chosen_studies_are_compared_in_one_plot(visit: Visit, server: FakeServer) -> None:
    other = FakeStudy({**DIGITS, "name": "digits-random", "algorithm": {"name": "random"}}, seed=5)
    other.grow(40)
    server.studies[other.id] = other
    page = visit("/studies")
    for name in ("digits", "digits-random"):
        page.get_by_label(f"Choose study {name}", exact=True).check()

    page.get_by_role("link", name="Compare").click()

    expect(page.locator("g.series-1 .line")).to_be_visible()
    expect(page.locator("table.compare tr.differs", has_text="algorithm")).to_be_visible()


def test_chosen_studies_are_paused_together(visit: Visit, study: FakeStudy) -> None:
    page = visit("/studies")
    page.get_by_label("Choose study digits", exact=True).check()

    page.get_by_role("button", name="Pause", exact=True).click()

    expect(page.get_by_text("1 study paused.")).to_be_visible()
    assert study.state == StudyState.PAUSED


def test_an_attempt_that_was_lost_has_its_place_in_the_timeline(visit: Visit, study: FakeStudy) -> None:
    study.put(number=7, attempt=2)

    page = visit("/studies/digits/timeline")

    expect(page.locator(".bars path.lost")).to_be_visible()
    expect(page.locator(".legend")).to_contain_text("lost")
