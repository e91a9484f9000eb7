"""The page of the model: its network drawn, its stages, what it looks at, and its files saved."""

import json

import pytest
from playwright.sync_api import Page, expect

from studyhall.trial import Trial, TrialState
from tests.dashboard.conftest import Visit
from tests.dashboard.fake_server import FakeServer
from tests.dashboard.fake_study import DIGITS, NETWORKS, FakeStudy

HOSTILE = "<img src=x onerror='window.hacked = 1'>"
STAGES = ("train", "prune", "examine", "export")


@pytest.fixture
def networks(server: FakeServer) -> FakeStudy:
    """A study of architectures with 20 results."""
    study = FakeStudy(NETWORKS)
    study.scatter(20)
    server.studies[study.id] = study
    return study


@pytest.fixture
def pipeline(server: FakeServer) -> Trial:
    """The one trial of a study whose models went through stages, and kept their files."""
    study = FakeStudy({**DIGITS, "name": "small"})
    figures = {"accuracy": 0.9, "params": 100.0, "file_bytes": 4000.0}
    metrics = {f"{stage}.{name}": value for stage in STAGES for name, value in figures.items()}
    metrics |= {"accuracy": 0.9, "examine.fgsm_accuracy": 0.3, "export.file_bytes": 1000.0}
    trial = study.put(state=TrialState.COMPLETED, parameters={"lr": 0.01}, metrics=metrics, attempt=1)
    explained = {"integrated_gradients": [[[0.1, 0.9], [0.4, 0.2]]]}
    study.keep(trial, examine__explanation_json=json.dumps(explained).encode(), export__model_onnx=b"the model")
    server.studies[study.id] = study
    return trial


def test_the_network_of_the_best_trial_is_drawn_layer_by_layer(visit: Visit, networks: FakeStudy) -> None:
    page = visit("/studies/networks/model")
    best = networks.best()
    architecture = networks.definition.space.architecture
    assert best is not None
    assert architecture is not None
    layers = architecture.graph(best.parameters).nodes

    expect(page.get_by_role("heading", name=f"The model of trial {best.number}")).to_be_visible()
    expect(page.locator(".network .layer .box")).to_have_count(len(layers))
    expect(page.locator(".network .layers tbody tr")).to_have_count(len(layers))


def test_another_trial_is_chosen_by_its_number_and_has_an_address(visit: Visit, networks: FakeStudy) -> None:
    page = visit("/studies/networks/model?of=3")
    expect(page.get_by_role("heading", name="The model of trial 3")).to_be_visible()

    page.get_by_role("spinbutton", name="Trial").fill("7")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="The model of trial 7")).to_be_visible()
    assert page.url.endswith("model?of=7")


def test_stages_robustness_and_explanation_are_told(visit: Visit, pipeline: Trial) -> None:
    page = visit("/studies/small/model")

    expect(page.locator("[aria-label=Stages] tbody tr")).to_have_count(len(STAGES))
    expect(page.locator(".meters")).to_contain_text("30 %")
    expect(page.locator(".heat path").first).to_be_visible()


def test_a_file_of_the_model_is_saved(visit: Visit, pipeline: Trial) -> None:
    page = visit("/studies/small/model")

    with page.expect_download() as saved:
        page.get_by_role("button", name="Save export/model.onnx").click()

    assert saved.value.suggested_filename == "model.onnx"
    assert saved.value.path().read_bytes() == b"the model"


def test_hostile_names_of_files_stay_text(visit: Visit, pipeline: Trial, server: FakeServer) -> None:
    server.studies["st_small"].files[pipeline.id][f"export/{HOSTILE}"] = b"x"

    page: Page = visit("/studies/small/model")

    expect(page.locator(".files").first).to_contain_text(HOSTILE)
    assert page.evaluate("window.hacked") is None
    assert page.locator("main img").count() == 0


def test_parameters_of_architectures_are_axes_columns_and_slices(visit: Visit, networks: FakeStudy) -> None:
    page = visit("/studies/networks/parallel")
    expect(page.locator(".axis-name", has_text="stem.out")).to_be_visible()

    page.get_by_role("link", name="Slices").click()
    expect(page.get_by_role("heading", name="arch.stem.out")).to_be_visible()
    page.get_by_role("link", name="Trials").click()
    page.get_by_text("Columns", exact=True).click()

    expect(page.get_by_label("arch.stem.out")).to_be_visible()


def test_a_wrong_value_is_corrected_and_the_correction_undone(visit: Visit, study: FakeStudy) -> None:
    trial = next(trial for trial in study.trials if trial.state == "completed")
    page = visit(f"/studies/digits/trials?trial={trial.id}")
    page.get_by_text("Correct a value").click()

    page.get_by_label("Right value").fill("0.5")
    page.get_by_role("button", name="Correct", exact=True).click()
    expect(page.locator(".notices")).to_contain_text("accuracy is 0.5 now")
    assert study.trials[trial.number].metrics["accuracy"] == 0.5

    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".notices")).to_contain_text("Undone.")
    assert study.trials[trial.number].metrics["accuracy"] == trial.metrics["accuracy"]


def test_trials_of_a_front_are_chosen_by_dragging_and_compared(visit: Visit, server: FakeServer) -> None:
    goals = [{"metric": name, "goal": "maximize"} for name in ("accuracy", "speed", "smallness")]
    study = FakeStudy({**DIGITS, "name": "three", "objectives": goals})
    study.scatter(30)
    server.studies[study.id] = study
    page = visit("/studies/three/pareto?view=plane")
    plot = page.locator(".plot").first
    expect(plot.locator(".on-front path").first).to_be_visible()
    box = plot.bounding_box()
    assert box is not None

    page.mouse.move(box["x"] + 70, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 20, box["y"] + 60, steps=4)
    page.mouse.up()
    page.get_by_role("link", name="Compare", exact=True).first.click()

    expect(page.get_by_role("heading", name="Side by side")).to_be_visible()
