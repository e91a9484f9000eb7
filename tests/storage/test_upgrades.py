"""Upgrades without downtime: servers of two versions on one database, while the schema grows below the older one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import text
from starlette.testclient import TestClient

from app.config import Settings
from app.main import create_app
from app.storage import migrate
from app.storage.connect import make_engine
from studyhall.client import Client
from studyhall.transport import Connection

SERVER = "http://testserver"
EXPANSION = (
    "ALTER TABLE trials ADD COLUMN novelty VARCHAR(32)",
    "ALTER TABLE studies ADD COLUMN novelty INTEGER DEFAULT 7 NOT NULL",
    "CREATE TABLE novelties (id INTEGER PRIMARY KEY, trial_id VARCHAR(32) REFERENCES trials (id) ON DELETE CASCADE)",
    "CREATE INDEX ix_novelties_trial_id ON novelties (trial_id)",
    "UPDATE alembic_version SET version_num = '29991231_next_release'",
)
"""What the next release could do: columns that are empty or have a default, tables, indexes."""


@contextmanager
def older_server(url: str, key: Path) -> Iterator[Client]:
    """This version, which knows nothing of the expansion."""
    migrate.upgrade(url)
    settings = Settings(database_url=url, first_key_file=key, hosts=("testserver",))
    with TestClient(create_app(settings), base_url=SERVER) as testing:
        transport = testing._transport
        yield Client(connection=Connection(SERVER, key.read_text().strip(), transport=transport, patience_s=0))


def expand(url: str) -> None:
    engine = make_engine(url, writes=True)
    with engine.begin() as connection:
        for statement in EXPANSION:
            connection.execute(text(statement))
    engine.dispose()


def evaluate(client: Client, name: str, trials: int) -> list[str]:
    """Asks, reports and tells, often enough that statements are prepared."""
    space = [{"name": "x", "type": "float", "low": 0, "high": 1}]
    study = client.create_study(name, space, {"metric": "loss"}, algorithm={"name": "random"}, if_exists="get")
    for _ in range(trials):
        with study.ask() as trial:
            trial.report(1, loss=trial.parameters["x"])
            trial.complete(loss=trial.parameters["x"])
    return [trial.state for trial in study.trials()]


def test_an_older_server_works_on_and_starts_anew_while_a_newer_one_has_expanded_the_schema(
    database_url: str, tmp_path: Path
) -> None:
    with older_server(database_url, tmp_path / "key") as client:
        evaluate(client, "rolling", 8)
        expand(database_url)
        assert evaluate(client, "rolling", 4) == ["completed"] * 12

    with older_server(database_url, tmp_path / "key") as client:
        assert evaluate(client, "rolling", 1) == ["completed"] * 13
        client.study("rolling").delete()


def test_an_older_program_leaves_an_expanded_schema_as_it_is(database_url: str) -> None:
    expand(database_url)

    migrate.upgrade(database_url)

    engine = make_engine(database_url)
    with engine.connect() as connection:
        assert migrate.current_revision(connection) == "29991231_next_release"
    engine.dispose()


@pytest.mark.parametrize(
    "revision",
    [each.revision for each in ScriptDirectory(str(Path(__file__).parents[2] / "migrations")).walk_revisions()],
)
def test_every_schema_that_was_ever_the_newest_is_upgraded(empty_url: str, revision: str) -> None:
    """None has been released yet, so this is one; each release adds its own by adding a migration."""
    migrate.upgrade(empty_url, to=revision)

    migrate.upgrade(empty_url)

    engine = make_engine(empty_url)
    with engine.connect() as connection:
        assert migrate.current_revision(connection) == migrate.newest_revision()
        assert connection.execute(text("SELECT count(*) FROM schema_floor")).scalar() == 1
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    return str(request.getfixturevalue("empty_postgres_url"))
