"""What every test of Studyhall may ask for, whatever its folder."""

import logging
import os
import tempfile
from collections.abc import Iterator

import pytest

# Before numpy or torch is imported: with one test process per core, more threads only fight each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

pytest_plugins = ["tests.postgres_cluster", "tests.browser", "tests.databases", "tests.in_process"]


@pytest.fixture(autouse=True, scope="session")
def temporary_files_go_where_pytest_removes_them(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A `LocalTrial` keeps its directory for whoever runs it by hand; hundreds of tests do, and nobody looks."""
    before, tempfile.tempdir = tempfile.tempdir, str(tmp_path_factory.getbasetemp())
    yield
    tempfile.tempdir = before


@pytest.fixture(autouse=True)
def log_handlers_stay_with_their_test() -> Iterator[None]:
    """Takes away what a test has hung on the root logger: its stream is closed once the test has ended."""
    root = logging.getLogger()
    before = list(root.handlers)
    level = root.level
    yield
    for handler in [handler for handler in root.handlers if handler not in before]:
        # pytest hangs its own handlers on the logger for each phase of a test, and takes them away itself.
        if not type(handler).__module__.startswith("_pytest"):
            root.removeHandler(handler)
    root.setLevel(level)
