"""Training code for fleets under test: it takes a while, reports, saves, and starts processes of its own."""

import os
import random
import subprocess
import time
from pathlib import Path


def with_helpers(parameters, trial):
    """Some steps with values that nobody else reports, and a helper that hides from its parent."""
    subprocess.Popen(["sleep", "600"], start_new_session=True)
    rng = random.Random()
    first = int((trial.resume_from / "step").read_text()) + 1 if trial.resume_from else 1
    for step in range(first, 6):
        time.sleep(rng.uniform(0.02, 0.2))
        trial.report(step, loss=rng.random())
        with trial.checkpoint(step) as directory:
            (directory / "step").write_text(str(step))
    return {"loss": rng.random(), "resumed": float(first > 1)}


def marked(parameters, trial):
    """Sleeps, and writes down when it began and ended, by the clock that all processes of a machine share."""
    began = time.monotonic()
    time.sleep(trial.settings["seconds"])
    trial.report(1, loss=parameters["x"])
    with (Path(trial.settings["marks"]) / str(trial.number)).open("w") as file:
        file.write(f"{began} {time.monotonic()}")
    return parameters["x"]


def until_go(parameters, trial):
    """Says that it is there, and trains until it may go; saves when asked to."""
    marks = Path(trial.settings["marks"])
    step = first = int((trial.resume_from / "step").read_text()) + 1 if trial.resume_from else 1
    while trial.report(step, loss=1.0) and not (marks / "go").exists():
        (marks / f"{trial.number}.{os.getpid()}").touch()
        time.sleep(0.1)
        step += 1
    if trial.wants_checkpoint:
        with trial.checkpoint(step) as directory:
            (directory / "step").write_text(str(step))
    return {"loss": 1.0, "first": float(first)}
