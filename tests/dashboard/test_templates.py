"""The studies that a person may start from are studies that can be made, and that the workers of the house can run."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from app.dashboard.assets import STATIC
from studyhall.study import StudyDefinition
from workers.trainables.registry import TRAINABLES

PRINT = "import {{ TEMPLATES }} from '{}'; console.log(JSON.stringify(TEMPLATES));"


@pytest.fixture(scope="module")
def templates() -> list[dict[str, Any]]:
    """What the page of a new study offers to start from."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node: install version 20 or newer to read the dashboard's templates")
    script = PRINT.format((Path(STATIC) / "pages/templates.js").as_uri())
    told = subprocess.run([node, "--input-type=module", "-e", script], capture_output=True, text=True, check=True)
    found: list[dict[str, Any]] = json.loads(told.stdout)
    return found


def test_every_template_is_a_study(templates: list[dict[str, Any]]) -> None:
    for template in templates:
        StudyDefinition.model_validate_json(json.dumps(template["definition"]))


def test_every_template_names_parameters_and_metrics_that_its_trainable_knows(templates: list[dict[str, Any]]) -> None:
    tasks = [each["definition"] for each in templates if "task" in each["definition"]]

    assert len(tasks) >= 4
    for definition in tasks:
        trainable = TRAINABLES[definition["task"]["trainable"]].info()
        plain = [name for each in definition["space"]["parameters"] if "." not in (name := each["name"])]
        metrics = [name for each in definition["objectives"] if "." not in (name := each["metric"])]
        assert set(plain) <= trainable.parameters["properties"].keys()
        assert set(metrics) <= set(trainable.metrics)
