"""What a process may not load, proved by starting it where the import is impossible."""

import os
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

# Refuses the named packages the way an environment without them would.
BLOCKER = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
{program}
"""

HEAVY = ("torch", "sklearn", "skopt", "ray")
SERVER = ("fastapi", "starlette", "uvicorn", "sqlalchemy", "alembic", "structlog", "pydantic_settings", "app")
SCIENCE = ("numpy", "scipy", "sklearn", "skopt", "torch")


def run_without(absent: tuple[str, ...], program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", BLOCKER.format(absent=set(absent), program=program)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_blocker_blocks() -> None:
    assert "ModuleNotFoundError" in run_without(("json",), "import json").stderr


def test_the_server_starts_without_torch_scikit_learn_or_scikit_optimize() -> None:
    started = run_without(HEAVY, "import app.main")

    assert started.returncode == 0, started.stderr


def test_the_server_serves_without_torch_scikit_learn_or_scikit_optimize(tmp_path: Path) -> None:
    program = "from app.__main__ import main; sys.exit(main(['serve', '--port', '0']))"
    environment = os.environ | {"STUDYHALL_DATABASE_URL": f"sqlite:///{tmp_path}/studyhall.db"}
    with subprocess.Popen(
        [sys.executable, "-c", BLOCKER.format(absent=set(HEAVY), program=program)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        try:
            address = next(line.split()[1] for line in server.stdout if line.startswith("ready "))
            answer = httpx2.get(f"{address}/readyz")
        finally:
            server.terminate()

    assert answer.status_code == 200
    assert server.returncode == 0


@pytest.mark.parametrize("program", ["import studyhall", "import studyhall.client", "import studyhall.cli"])
def test_the_bare_install_needs_no_server_and_no_science(program: str) -> None:
    started = run_without(SERVER + SCIENCE, program)

    assert started.returncode == 0, started.stderr


def test_the_command_line_helps_in_a_bare_install() -> None:
    program = "from studyhall.cli import main; sys.argv = ['studyhall', '--help']; main()"

    helped = run_without(SERVER + SCIENCE + ("workers",), program)

    assert helped.returncode == 0, helped.stderr
    assert "usage" in helped.stdout.lower()


def test_a_worker_starts_without_a_server_installed() -> None:
    started = run_without(
        SERVER, "import runpy; sys.argv = ['workers', '--help']; runpy.run_module('workers', run_name='__main__')"
    )

    assert started.returncode == 0, started.stderr


def test_a_list_of_studies_is_asked_for_without_what_it_does_not_need() -> None:
    # Each of these costs more than the command may take in all (0.4 s), or comes with something that does.
    heavy = ("asyncio", "multiprocessing", "unittest", "yaml", "pandas", "matplotlib", "pyarrow", "optuna", "workers")
    program = (
        "from studyhall.cli import main; code = main(['study', 'list', '--url', 'http://127.0.0.1:9'], patience_s=0);"
        " print(code, len(sys.modules))"
    )

    started = run_without(SERVER + SCIENCE + heavy, program)

    code, modules = map(int, started.stdout.split())
    assert code == 6, started.stderr  # nobody listens there; all that an answer needs was loaded
    assert modules < 450
