"""What is shipped: the metadata, the wheel and the source archive."""

import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The names of the files in the wheel and in the source archive, built from the checkout as it is."""
    folder = tmp_path_factory.mktemp("dist")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    (sdist,) = folder.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as zipped, tarfile.open(sdist) as tarred:
        return {
            "wheel": set(zipped.namelist()),
            "sdist": {name.partition("/")[2] for name in tarred.getnames()},
        }


def package_files() -> set[str]:
    """Every file of the packages we ship, seen from the root of the checkout."""
    found = [path for package in ("app", "workers", "studyhall", "migrations") for path in (ROOT / package).rglob("*")]
    return {path.relative_to(ROOT).as_posix() for path in found if path.is_file() and "__pycache__" not in path.parts}


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_every_file_of_the_packages_is_shipped(archives: dict[str, set[str]], kind: str) -> None:
    assert package_files() - archives[kind] == set()


@pytest.mark.parametrize(
    "pattern", ["app/dashboard/*.html", "app/dashboard/*.js", "migrations/versions/*.py", "studyhall/py.typed"]
)
@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_what_is_not_imported_is_shipped_too(archives: dict[str, set[str]], kind: str, pattern: str) -> None:
    wanted = {path for path in package_files() if matches(path, pattern)}

    assert wanted
    assert wanted <= archives[kind]


def matches(path: str, pattern: str) -> bool:
    folder, _, name = pattern.rpartition("/")
    return path.startswith(folder + "/") and Path(path).match(name)


def test_the_wheel_carries_no_tests(archives: dict[str, set[str]]) -> None:
    assert [name for name in archives["wheel"] if name.startswith(("tests/", "benchmarks/", "examples/"))] == []


def test_the_source_archive_carries_its_licence_and_its_tests(archives: dict[str, set[str]]) -> None:
    assert {"LICENSE", "README.md", "constraints.txt", "Makefile", "tests/conftest.py"} <= archives["sdist"]


def test_the_bare_install_has_two_dependencies() -> None:
    assert {Requirement(line).name for line in PROJECT["dependencies"]} == {"pydantic", "httpx2"}


def test_every_requirement_is_pinned_to_a_version_it_allows() -> None:
    pinned = [Requirement(line) for line in pins()]
    wanted = [Requirement(line) for extra in [PROJECT["dependencies"], *extras()] for line in extra]

    for requirement in wanted:
        name = canonicalize_name(requirement.name)
        if name == PROJECT["name"]:
            continue
        versions = [str(pin.specifier).removeprefix("==") for pin in pinned if canonicalize_name(pin.name) == name]
        assert versions, f"{requirement} is not in constraints.txt: run `make constraints`"
        assert all(requirement.specifier.contains(version) for version in versions), requirement


def test_no_pin_names_a_build_or_an_index() -> None:
    """A `+cpu` pin would shut out machines with a GPU, and an index belongs to its user's configuration."""
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")

    assert "+" not in "".join(pins())
    assert "://" not in text
    assert "--" not in text


def pins() -> list[str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.lstrip().startswith("#")]


def extras() -> list[list[str]]:
    return list(PROJECT["optional-dependencies"].values())
