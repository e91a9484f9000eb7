"""The three doors, run from their examples as a user runs them: one worker, one study for each."""

import os
import subprocess
import sys
from pathlib import Path

from studyhall.commands.study_file import read_study_file
from tests.e2e.house import house_in

ROOT = Path(__file__).parents[2]
DOORS = ROOT / "examples" / "doors"
STOP_S = 30.0


def test_a_script_becomes_a_trial_by_three_lines_at_most():
    for script, lines in (("my_training.py", 3), ("train.py", 1)):
        source = (DOORS / script).read_text()

        assert source.count("  # <- ") == lines


def test_a_worker_opens_all_three_doors(tmp_path):
    with house_in(tmp_path) as house:
        studies = [
            house.client.create_study_from(read_study_file(str(DOORS / f"{door}.json")))
            for door in ("trainable", "entry_point", "command")
        ]
        options = ["--url", house.url, "--key-file", str(tmp_path / "key")]
        options += ["--allow", "my_training:train", "--allow", "python", "--path", str(DOORS), "--env", "PYTHONPATH"]
        environment = os.environ | {
            "STUDYHALL_HOME": str(tmp_path),
            "PYTHONPATH": f"{ROOT}:{DOORS}",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        with (tmp_path / "worker.log").open("w+") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "workers", *options], env=environment, cwd=ROOT, stderr=log
            )
            try:
                ends = [[summary.state for summary in study.summaries()][-1] for study in studies]
            finally:
                worker.terminate()
                worker.wait(timeout=STOP_S)

        trials = [trial for study in studies for trial in study.trials()]
        said = (tmp_path / "worker.log").read_text()
        assert [(trial.state, trial.failure) for trial in trials] == [("completed", None)] * 10, said
        assert ends == ["completed"] * 3
        assert all(trial.step for trial in trials)
