"""The TypeScript example: generated from the OpenAPI document, compiled strictly, run against a live server."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import httpx2
import pytest

from tests.e2e.house import house_in

EXAMPLE = Path(__file__).parents[2] / "examples" / "typescript"
NPM = shutil.which("npm")


def npm(directory: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [NPM or "npm", *arguments],
        cwd=directory,
        env=os.environ | {"npm_config_update_notifier": "false"} | environment,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The example with what it depends on, as `package-lock.json` pins it."""
    if NPM is None:
        pytest.skip("NO npm: the TypeScript client is not built")
    copy = shutil.copytree(EXAMPLE, tmp_path / "typescript", ignore=shutil.ignore_patterns("node_modules"))
    installed = npm(copy, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
    if installed.returncode != 0:
        pytest.skip(f"NO npm registry: the TypeScript client is not built: {installed.stderr[-200:]}")
    return copy


@pytest.mark.slow
def test_a_generated_typescript_client_searches_on_a_live_server(project: Path, tmp_path: Path) -> None:
    with house_in(tmp_path) as house:
        (project / "openapi.json").write_bytes(httpx2.get(f"{house.url}/openapi.json").content)
        key = (house.directory / "key").read_text().strip()
        done = [
            npm(project, "run", "--silent", step, STUDYHALL_URL=house.url, STUDYHALL_KEY=key)
            for step in ("generate", "build", "start")
        ]

        assert [step.returncode for step in done] == [0, 0, 0], "\n".join(step.stdout + step.stderr for step in done)
        told = json.loads(done[-1].stdout)
        best = house.client.study(told["study"]).best()
        assert best is not None
        assert (best.metrics["y"], best.parameters["x"]) == (told["best"], told["x"])
        assert house.client.study(told["study"]).definition.trials.completed == 8
