"""How much of a worker's time is not training. The trials sleep: what is measured is everything around them."""

import tempfile
from itertools import pairwise
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple

from studyhall.study_handle import StudyHandle
from tests.e2e.house import House, house_in


class Span(NamedTuple):
    """When a trial's function ran, by the machine's clock."""

    began: float
    ended: float


def between_trials(*, trials: int, trial_s: float, with_torch: bool) -> dict[str, float]:
    """Milliseconds from the end of a training to the first line of the next, of one warm worker with one slot."""
    with tempfile.TemporaryDirectory() as folder, house_in(Path(folder)) as house:
        # The first study warms the worker: torch is imported, connections are open, a spare process is there.
        spans = _run(house, ["only"], trials=trials + 5, trial_s=trial_s, with_torch=with_torch)["only"][5:]
    gaps = sorted(1000 * (after.began - before.ended) for before, after in pairwise(spans))
    at = quantiles(gaps, n=100, method="inclusive")
    return {"p50": at[49], "p95": at[94], "max": gaps[-1], "trials": float(trials)}


def share_of_training(*, workers: int, trials: int, trial_s: float) -> dict[str, float]:
    """How much of the time between a worker's first training and the end of its last it has trained."""
    with tempfile.TemporaryDirectory() as folder, house_in(Path(folder)) as house:
        names = [f"w{number}" for number in range(workers)]
        by_worker = _run(house, names, trials=workers * trials, trial_s=trial_s, with_torch=False)
    shares = [
        sum(span.ended - span.began for span in spans) / (spans[-1].ended - spans[0].began)
        for spans in by_worker.values()
    ]
    return {"share": sum(shares) / len(shares), "least": min(shares), "workers": float(len(shares)), "trials": trials}


def _run(house: House, names: list[str], *, trials: int, trial_s: float, with_torch: bool) -> dict[str, list[Span]]:
    """Runs a study of trials that sleep; when each ran, by worker, in order."""
    options = ["--allow", "fleet_training:marked", *(("--trainables", "*") if with_torch else ())]
    started = [house.start_worker(name, options=options, waits=False) for name in names]
    for worker in started:
        worker.wait_until_ready(120)
    study = _study(house, trials=trials, trial_s=trial_s)
    for _ in study.events():
        pass
    spans: dict[str, list[Span]] = {name: [] for name in names}
    for trial in study.trials(page_size=500):
        began, ended = (house.directory / "marks" / str(trial.number)).read_text().split()
        spans[str(trial.worker)].append(Span(float(began), float(ended)))
    return {name: sorted(found) for name, found in spans.items()}


def _study(house: House, *, trials: int, trial_s: float) -> StudyHandle:
    marks = house.directory / "marks"
    marks.mkdir()
    return house.client.create_study(
        "sleeping",
        [{"name": "x", "type": "float", "low": 0, "high": 1}],
        {"metric": "loss"},
        algorithm={"name": "random", "seed": 1},
        budget={"max_trials": trials},
        task={"entry_point": "fleet_training:marked", "settings": {"marks": str(marks), "seconds": trial_s}},
    )
