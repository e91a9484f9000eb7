"""The three doors, run from their examples as a user runs them: one worker, one study for each."""

import os
import subprocess
import sys
from pathlib import Path

from studyhall.commands.study_file import read_study_file
from tests.e2e.house import house_in

DOORS = Path(__file__).parents[2] / "examples" / "doors"


def test_a_worker_opens_all_three_doors(tmp_path):
    with house_in(tmp_path) as house:
        studies = [
            house.client.create_study_from(read_study_file(str(DOORS / f"{door}.json")))
            for door in ("trainable", "entry_point", "command")
        ]
        options = ["--url", house.url, "--key-file", str(tmp_path / "key"), "--exit-when-idle", "0.5"]
        options += ["--allow", "my_training:train", "--allow", "python", "--path", str(DOORS), "--env", "PYTHONPATH"]

        worker = subprocess.run(
            [sys.executable, "-m", "workers", *options],
            env=os.environ
            | {
                "STUDYHALL_HOME": str(tmp_path),
                "PYTHONPATH": f"{DOORS}",
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            },
            cwd=DOORS.parents[1],
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

        assert worker.returncode == 0, worker.stderr
        trials = [trial for study in studies for trial in study.trials()]
        assert [(trial.state, trial.failure) for trial in trials] == [("completed", None)] * 10, trials
        assert all(trial.step for trial in trials)
