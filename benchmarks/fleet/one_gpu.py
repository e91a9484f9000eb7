"""Several small trainings at once on one GPU against one after the other, and the same trainings on the CPU."""

import tempfile
import time
from pathlib import Path
from typing import Any

from studyhall.study_handle import StudyHandle
from tests.e2e.house import House, house_in
from workers.machine import find_gpus

SMALL_CNN: dict[str, Any] = {"trainable": "image_classifier", "settings": {"dataset": "digits", "deterministic": True}}
SPACE = [
    {"name": "lr", "type": "float", "low": 1e-4, "high": 1e-2, "scale": "log"},
    {"name": "network", "type": "constant", "value": "cnn"},
    {"name": "epochs", "type": "constant", "value": 10},
]
METRIC = "val_accuracy"


def has_gpu() -> bool:
    """Whether there is something to measure."""
    return bool(find_gpus())


def compare(*, trials: int, at_once: int) -> dict[str, float]:
    """Trials a minute one at a time and several at once, and how far the results of CPU and GPU are apart."""
    one, alone = run_study(trials=trials, options=["--slots", "1", "--gpus-per-trial", "1"])
    share = str(1 / at_once)
    several, together = run_study(trials=trials, options=["--slots", str(at_once), "--gpus-per-trial", share])
    _, on_cpu = run_study(trials=min(trials, 4), options=["--slots", "1", "--gpus", "none"])
    return {
        "one at a time, trials/min": one,
        f"{at_once} at once, trials/min": several,
        "times as many": several / one,
        "CPU and GPU differ by at most": max(abs(alone[number] - on_cpu[number]) for number in on_cpu),
        "alone and together differ by at most": max(abs(alone[number] - together[number]) for number in alone),
    }


def run_study(*, trials: int, options: list[str]) -> tuple[float, dict[int, float]]:
    """Trials a minute of a warm worker, and the results by number: the same parameters and seeds every time."""
    with tempfile.TemporaryDirectory() as folder, house_in(Path(folder)) as house:
        house.start_worker("worker", options=["--trainables", "image_classifier", *options])
        _finish(_study(house, "warm-up", 1))
        began = time.monotonic()
        study = _study(house, "measured", trials)
        _finish(study)
        took_s = time.monotonic() - began
        return 60 * trials / took_s, {trial.number: trial.metrics[METRIC] for trial in study.trials()}


def _study(house: House, name: str, trials: int) -> StudyHandle:
    return house.client.create_study(
        name,
        SPACE,
        {"metric": METRIC, "goal": "maximize"},
        algorithm={"name": "random", "seed": 1},
        budget={"max_trials": trials},
        task=SMALL_CNN,
    )


def _finish(study: StudyHandle) -> None:
    for _ in study.events():
        pass
