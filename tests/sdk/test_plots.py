"""Charts for notebooks: what they show is what the server told."""

import pytest

matplotlib = pytest.importorskip("matplotlib", reason="NO matplotlib: pip install 'studyhall[notebook]'")
matplotlib.use("agg")

from matplotlib import pyplot  # noqa: E402 - after the choice of what draws

from studyhall import plots  # noqa: E402
from studyhall.errors import Conflict  # noqa: E402

SPACE = [
    {"name": "lr", "type": "float", "low": 1e-4, "high": 1, "scale": "log"},
    {"name": "kind", "type": "categorical", "choices": ["a", "b"]},
]


@pytest.fixture(autouse=True)
def closed():
    yield
    pyplot.close("all")


def study_of(door, name, *metrics, trials=32):
    study = door.client(worker="w").create_study(
        name, SPACE, [{"metric": metric} for metric in metrics], algorithm={"name": "random", "seed": 1}
    )
    for trial in study.ask(trials) if trials else ():
        told = {metric: trial.parameters["lr"] * (-1) ** place for place, metric in enumerate(metrics)}
        trial.report_many({1: told, 2: told})
        trial.complete(told)
    return study


@pytest.fixture
def study(door, request):
    return study_of(door, request.node.name[:100], "loss")


def test_the_history_has_a_point_for_each_trial_and_ends_at_the_best(study):
    axes = plots.history(study)

    assert len(axes.collections[0].get_offsets()) == 32
    assert axes.lines[0].get_ydata()[-1] == study.best().metrics["loss"]


def test_the_most_important_parameter_stands_on_top(study):
    axes = plots.importance(study)

    assert [label.get_text() for label in axes.get_yticklabels()][-1] == "lr"


def test_slices_stand_side_by_side_on_the_scale_of_their_parameter(study):
    lr, kind = plots.slices(study)

    assert (lr.get_xscale(), kind.get_xlabel()) == ("log", "kind")
    assert len(kind.collections[0].get_offsets()) == 32


def test_curves_are_drawn_step_by_step(study):
    assert list(plots.curves(study, [3]).lines[0].get_xdata()) == [1, 2]


def test_the_front_stands_out(door):
    several = study_of(door, "plotted front", "loss", "size")

    axes = plots.pareto(several)

    assert sum(len(points.get_offsets()) for points in axes.collections) == 32


def test_a_front_of_one_objective_is_no_front(study):
    with pytest.raises(Conflict, match=r"plots\.history"):
        plots.pareto(study)


def test_what_cannot_be_told_yet_is_said_in_the_chart(door):
    empty = study_of(door, "plotted empty", "loss", trials=0)

    charts = [plots.history(empty), plots.importance(empty), plots.curves(empty), *plots.slices(empty)]

    assert all(axes.texts[0].get_text() for axes in charts)
