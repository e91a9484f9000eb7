"""Backups while writers are at work, and databases made of them."""

import os
import shutil
import threading
from pathlib import Path

import pytest

from app.__main__ import main
from app.storage.backup import backup, restore
from app.storage.reader import studies_page
from studyhall.errors import Conflict, NotFound, StorageUnavailable
from tests.databases import House


def names(url: str) -> set[str]:
    house = House(url)
    try:
        return {study.name for study in house.ask(studies_page, project="default", limit=500, cursor=None).items}
    finally:
        house.database.close()


@pytest.fixture
def busy(house):
    """A database on which somebody makes studies all the time; `acknowledged` are those answered so far."""
    acknowledged: list[str] = []
    enough = threading.Event()

    def work() -> None:
        while not enough.is_set() and len(acknowledged) < 400:
            acknowledged.append(house.study().name)

    writer = threading.Thread(target=work)
    writer.start()
    while len(acknowledged) < 20:
        pass
    yield house, acknowledged
    enough.set()
    writer.join()


def beside(house: House, directory: Path) -> str:
    """The address of a new database of the same kind."""
    if house.url.startswith("sqlite"):
        return f"sqlite:///{directory / 'restored.db'}"
    import psycopg

    plain = house.url.replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(plain, autocommit=True) as connection:
        name = f"restored_{os.getpid()}_{id(directory)}"
        connection.execute(f"CREATE DATABASE {name}")
        old = connection.info.dbname
    return house.url.replace(f"/{old}", f"/{name}", 1)


def test_a_backup_under_load_has_everything_that_was_acknowledged_before_it(busy, tmp_path):
    house, acknowledged = busy
    if house.url.startswith("postgresql") and not _fitting_pg_dump(house):
        pytest.skip("NO pg_dump of the server's version")
    before = set(acknowledged)

    backup(house.url, tmp_path / "copy")
    target = beside(house, tmp_path)
    restore(target, tmp_path / "copy")

    assert before <= names(target)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def _fitting_pg_dump(house: House) -> bool:
    import subprocess

    program = shutil.which("pg_dump")
    if program is None:
        return False
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    import psycopg

    with psycopg.connect(house.url.replace("postgresql+psycopg://", "postgresql://")) as connection:
        return int(said.split()[2].split(".")[0]) >= connection.info.server_version // 10000


def test_a_backup_never_replaces_a_file(sqlite_url, tmp_path):
    (tmp_path / "copy").write_text("of yesterday")

    with pytest.raises(Conflict):
        backup(sqlite_url, tmp_path / "copy")

    assert (tmp_path / "copy").read_text() == "of yesterday"


def test_a_restore_never_replaces_a_database(sqlite_url, tmp_path):
    backup(sqlite_url, tmp_path / "copy")

    with pytest.raises(Conflict, match="move it away"):
        restore(sqlite_url, tmp_path / "copy")


@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal"])
def test_a_restore_refuses_what_an_older_database_has_left(sqlite_url, tmp_path, suffix):
    backup(sqlite_url, tmp_path / "copy")
    left = tmp_path / f"new.db{suffix}"
    left.write_bytes(b"the log of another database")

    with pytest.raises(Conflict, match=suffix):
        restore(f"sqlite:///{tmp_path}/new.db", tmp_path / "copy")

    assert not (tmp_path / "new.db").exists()


@pytest.mark.parametrize("content", [b"", b"not a database at all", b"SQLite format 3\0 and then nothing"])
def test_a_damaged_copy_is_refused_and_leaves_nothing(content, tmp_path):
    (tmp_path / "copy").write_bytes(content)

    with pytest.raises(StorageUnavailable):
        restore(f"sqlite:///{tmp_path}/new.db", tmp_path / "copy")

    assert not (tmp_path / "new.db").exists()


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(NotFound):
        backup(f"sqlite:///{tmp_path}/none.db", tmp_path / "copy")
    with pytest.raises(NotFound):
        restore(f"sqlite:///{tmp_path}/none.db", tmp_path / "copy")


def test_both_are_commands(house, tmp_path, monkeypatch, capsys):
    if house.url.startswith("postgresql"):
        pytest.skip("said of both databases above")
    made = house.study()
    monkeypatch.setenv("STUDYHALL_DATABASE_URL", house.url)
    assert main(["backup", str(tmp_path / "copy")]) == 0

    monkeypatch.setenv("STUDYHALL_DATABASE_URL", f"sqlite:///{tmp_path}/again.db")
    assert main(["restore", str(tmp_path / "copy")]) == 0
    assert main(["restore", str(tmp_path / "copy")]) == 1

    assert made.name in names(f"sqlite:///{tmp_path}/again.db")
    assert "move it away" in capsys.readouterr().err
