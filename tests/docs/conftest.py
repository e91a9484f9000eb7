"""One server for all pages, with a study that they speak of."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.players import environment_of, write_programs
from tests.e2e.house import House, house_in


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("STUDYHALL_WEBHOOKS__ORIGINS", "https://hooks.example.com")
        with house_in(tmp_path_factory.mktemp("docs")) as house:
            make_digits(house)
            yield house


@pytest.fixture(scope="session")
def shell_environment(house: House) -> dict[str, str]:
    programs = house.directory / "bin"
    write_programs(programs)
    return environment_of(
        programs,
        STUDYHALL_HOME=str(house.directory),
        STUDYHALL_URL=house.url,
        STUDYHALL_KEY=(house.directory / "key").read_text().strip(),
        STUDYHALL_DATABASE_URL=f"sqlite:///{house.directory / 'studyhall.db'}",
    )


@pytest.fixture
def as_in_a_checkout(tmp_path: Path, house: House) -> Path:
    """A directory of a page's own with what a checkout has."""
    (tmp_path / "worker.key").write_text((house.directory / "key").read_text())
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(house.directory / "bin")
    for name in ("deploy", "examples", "docker-compose.yml"):
        (tmp_path / name).symlink_to(Path(__file__).parents[2] / name)
    return tmp_path


def make_digits(house: House) -> None:
    """The study that most pages speak of: forty results."""
    study = house.client.create_study(
        "digits",
        [
            {"name": "lr", "type": "float", "low": 1e-5, "high": 0.1, "scale": "log"},
            {"name": "layers", "type": "int", "low": 1, "high": 4},
        ],
        {"metric": "loss"},
        algorithm={"name": "sobol", "seed": 1},
    )
    points = [{"lr": 10 ** (-5 + n / 10), "layers": 1 + n % 4} for n in range(40)]
    study.add(
        *(
            {"parameters": point, "metrics": {"loss": abs(point["lr"] - 0.01) + point["layers"]}, "state": "completed"}
            for point in points
        )
    )
