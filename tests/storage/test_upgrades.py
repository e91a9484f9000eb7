"""Upgrades without downtime: servers of two versions on one database, while the schema grows below the older one."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import inspect, text
from starlette.testclient import TestClient

from app.config import Settings
from app.main import create_app
from app.storage import migrate
from app.storage.connect import make_engine
from studyhall.client import Client
from studyhall.transport import Connection
from tests.storage.freeze import server_on
from tests.storage.released_database import RELEASED, as_sqlite, restore, revision_of

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


Columns = dict[tuple[str, str], tuple[str, bool]]
"""Of (table, column): the type, and whether whoever writes a row has to give a value."""


def columns_of(url: str) -> Columns:
    engine = make_engine(url)
    seen = inspect(engine)
    found = {
        (table, column["name"]): (str(column["type"]), not column["nullable"] and column["default"] is None)
        for table in seen.get_table_names()
        for column in seen.get_columns(table)
    }
    engine.dispose()
    return found


def tables_of(columns: Columns) -> set[str]:
    return {table for table, _ in columns}


def schema_of(database: sqlite3.Connection) -> list[str]:
    rows = database.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return sorted(" ".join(row[0].split()) for row in rows)


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


@pytest.mark.parametrize("release", RELEASED, ids=lambda path: path.stem)
def test_the_database_of_every_release_is_upgraded_and_everything_in_it_is_still_there(empty_url, release) -> None:
    restore(release, empty_url)

    with server_on(empty_url) as client:
        study = client.study("of-all-states")
        states = [trial.state for trial in study.trials()]
        assert states == ["completed", "pruned", "infeasible", "failed", "cancelled", "waiting"]
        (best,) = study.trials(number=[0])
        assert study.best() == best
        assert (best.metrics["loss"], best.note, best.labels) == (0.4, "kept", {"seen": "yes"})
        assert [point.step for point in client.measurements(best.id)] == [1, 2]
        assert [each.definition.name for each in client.studies(archived=True)] == ["put-away"]
        assert "conv" in client.network(next(client.study("networks").trials()).id).drawing


@pytest.mark.parametrize("release", RELEASED, ids=lambda path: path.stem)
def test_a_study_of_every_release_goes_on(empty_url, release) -> None:
    restore(release, empty_url)

    with server_on(empty_url) as client:
        study = client.study("of-all-states")
        with study.ask() as trial:
            trial.complete(loss=0.1, latency_ms=1.0)
        assert (trial.number, trial.parameters["lr"]) == (5, 0.01)
        assert next(each.number for each in study.trials(sort="value")) == 5
        client.study("networks").delete()


@pytest.mark.parametrize("release", RELEASED, ids=lambda path: path.stem)
def test_no_migration_that_was_released_is_changed(tmp_path: Path, release: Path) -> None:
    url = f"sqlite:///{tmp_path / 'again.db'}"

    migrate.upgrade(url, to=revision_of(release))

    with sqlite3.connect(tmp_path / "again.db") as again:
        assert schema_of(again) == schema_of(as_sqlite(release))


@pytest.mark.parametrize("release", RELEASED, ids=lambda path: path.stem)
def test_migrations_since_a_release_only_expand_its_schema(empty_url: str, release: Path) -> None:
    """Else its servers fail while those of this version run beside them: what is new may be left out by them."""
    migrate.upgrade(empty_url, to=revision_of(release))
    before = columns_of(empty_url)

    migrate.upgrade(empty_url)

    after = columns_of(empty_url)
    assert {name: after.get(name) for name in before} == before
    demanding = [name for name in after.keys() - before.keys() if name[0] in tables_of(before) and after[name][1]]
    assert demanding == []


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    return str(request.getfixturevalue("empty_postgres_url"))
