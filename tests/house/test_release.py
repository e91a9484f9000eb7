"""What a user installs: the same wheel from every build, and an empty environment in which each extra works.

Nothing is fetched: an environment gets the wheel, and of the distributions that are installed here just those which its
metadata asks for. So what is not declared is missing there.
"""

import hashlib
import importlib.metadata
import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from email.parser import HeaderParser
from pathlib import Path
from typing import NamedTuple

import httpx2
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
SDK_MB = 15
SERVER_ONLY = (
    "fastapi",
    "uvicorn",
    "sqlalchemy",
    "alembic",
    "structlog",
    "numpy",
    "scipy",
    "sklearn",
    "torch",
    "skopt",
)
STARTS = {
    "server": "import app.main, app.dashboard.assets",
    "postgres": "import psycopg; assert psycopg.pq.__impl__ == 'binary'",
    "search": "import app.search.auto, app.search.skopt_gp, app.search.cma_es, app.analysis.fanova",
    "worker": "import workers.worker, workers.trainables.image_classifier",
    "tracing": "from studyhall import tracing; tracing.start('nobody'); assert tracing.tracer()",
    "compression": "import workers.compression.pipeline, onnxruntime, torch_pruning, onnxscript",
}


class Built(NamedTuple):
    """A wheel and a source archive."""

    wheel: Path
    sdist: Path


def build(tree: Path, folder: Path, *what: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", folder, *what],
        cwd=tree,
        env=os.environ | {"SOURCE_DATE_EPOCH": "1780000000"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("dist")
    build(ROOT, folder)
    return Built(next(folder.glob("*.whl")), next(folder.glob("*.tar.gz")))


def test_a_wheel_from_the_source_archive_is_the_same_to_the_last_byte(built: Built, tmp_path: Path) -> None:
    """So the archive is complete, and a build depends on neither the time nor the place."""
    with tarfile.open(built.sdist) as archive:
        # Python 3.11.2, which is Debian's, knows no filters yet.
        archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
        archive.extractall(tmp_path)  # noqa: S202  # ours
    (tree,) = tmp_path.iterdir()

    build(tree, tmp_path / "again", "-t", "wheel")

    (again,) = (tmp_path / "again").glob("*.whl")
    assert digest(again) == digest(built.wheel)


def test_a_source_archive_is_the_same_when_it_is_built_again(built: Built, tmp_path: Path) -> None:
    build(ROOT, tmp_path, "-t", "sdist")

    assert digest(next(tmp_path.glob("*.tar.gz"))) == digest(built.sdist)


def test_the_bare_install_is_a_client_and_no_server(built: Built, tmp_path: Path) -> None:
    python = environment_with(built.wheel, tmp_path)

    for package in SERVER_ONLY:
        assert run(python, f"from importlib.util import find_spec; print(find_spec('{package}'))") == "None", package
    assert run(python, "import studyhall.client, studyhall.trial_context, studyhall.integrations.torch") == ""
    assert run(python, "from studyhall.cli import main; main(['algorithms', '--help'])").startswith("usage: studyhall")


def test_the_bare_install_is_small(built: Built) -> None:
    """Files as they are shipped; what Python compiles them to can be left to the first run."""
    with zipfile.ZipFile(built.wheel) as wheel:
        own = sum(entry.file_size for entry in wheel.infolist())
    others = sum(size_of(distribution) for distribution in needed(metadata_of(built.wheel), ""))

    assert (own + others) / 1e6 < SDK_MB


@pytest.mark.parametrize("extra", STARTS)
def test_each_extra_brings_what_it_needs(built: Built, tmp_path: Path, extra: str) -> None:
    parts = {"postgres": ("server", "postgres"), "search": ("server", "search")}.get(extra, (extra,))
    python = environment_with(built.wheel, tmp_path, *parts)

    assert run(python, STARTS[extra]) == ""


def test_a_server_from_the_wheel_migrates_a_database_and_serves_the_dashboard(built: Built, tmp_path: Path) -> None:
    python = environment_with(built.wheel, tmp_path / "environment", "server", "search")
    environment = {"PATH": os.environ["PATH"], "STUDYHALL_DATABASE_URL": f"sqlite:///{tmp_path / 'new.db'}"}
    words = ["-I", "-m", "app", "serve", "--port", "0", "--key-file", tmp_path / "key"]

    with subprocess.Popen(
        [str(python), *map(str, words)], env=environment, stdout=subprocess.PIPE, text=True, cwd=tmp_path
    ) as server:
        assert server.stdout is not None
        try:
            url = next(line.split()[1] for line in server.stdout if line.startswith("ready "))
            assert httpx2.get(f"{url}/readyz").json()["status"] == "ok"
            assert "<html" in httpx2.get(url, follow_redirects=True).text
        finally:
            server.terminate()
            server.communicate()


def environment_with(wheel: Path, folder: Path, *extras: str) -> Path:
    """The Python of an environment that has the wheel and what it asks for."""
    venv.EnvBuilder(with_pip=False, symlinks=True).create(folder / "venv")
    (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)  # noqa: S202 -- a wheel of ours
    for distribution in needed(metadata_of(wheel), *(extras or ("",))):
        for name in {Path(file).parts[0] for file in distribution.files or () if Path(file).parts[0] not in ("..", "")}:
            if name != "__pycache__" and not (packages / name).exists():
                (packages / name).symlink_to(Path(str(distribution.locate_file(name))))
    return folder / "venv" / "bin" / "python"


def needed(requirements: list[Requirement], *extras: str) -> Iterator[importlib.metadata.Distribution]:
    """The distributions that are installed here and asked for, each once; torch's CUDA is not installed everywhere."""
    seen: set[str] = set()
    waiting = [(each, extra) for each in requirements for extra in extras or ("",)]
    while waiting:
        wanted, extra = waiting.pop()
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": extra}):
            continue
        if wanted.name == "studyhall":
            waiting += [(each, inner) for each in requirements for inner in wanted.extras]
            continue
        for inner in wanted.extras or {""}:
            if (key := f"{canonicalize_name(wanted.name)}[{inner}]") in seen:
                continue
            seen.add(key)
            try:
                found = importlib.metadata.distribution(wanted.name)
            except importlib.metadata.PackageNotFoundError:
                continue
            yield found
            waiting += [(Requirement(line), inner) for line in found.requires or ()]


def metadata_of(wheel: Path) -> list[Requirement]:
    """What a wheel asks for."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        headers = HeaderParser().parsestr(archive.read(name).decode())
    return [Requirement(line) for line in headers.get_all("Requires-Dist", [])]


def size_of(distribution: importlib.metadata.Distribution) -> int:
    files = [Path(str(file.locate())) for file in distribution.files or () if file.suffix != ".pyc"]
    return sum(file.stat().st_size for file in files if file.exists())


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def run(python: Path, code: str) -> str:
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
