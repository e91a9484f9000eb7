"""Puts the database of a release, as `tests/storage/released` keeps it, where a server of today can find it."""

import io
import sqlite3
import subprocess
import tarfile
from pathlib import Path

from sqlalchemy import Boolean, Connection, MetaData, Table, make_url, text

from app.storage import migrate
from app.storage.connect import make_engine
from tests.storage.freeze import CODE

RELEASED = sorted((Path(__file__).parent / "released").glob("*.sql"))
NOT_DATA = ("alembic_version", "schema_floor")


def as_sqlite(release: Path) -> sqlite3.Connection:
    """The release's own database, in memory: its tables and its rows."""
    database = sqlite3.connect(":memory:")
    database.row_factory = sqlite3.Row
    database.executescript(release.read_text(encoding="utf-8"))
    return database


def revision_of(release: Path) -> str:
    """The newest migration that the release had."""
    return str(as_sqlite(release).execute("SELECT version_num FROM alembic_version").fetchone()[0])


def code_of(release: Path, into: Path) -> bool:
    """Lays out the packages of that release; False where its commit is not at hand, as in a source archive."""
    commit = release.read_text(encoding="utf-8").splitlines()[0].removeprefix(CODE)
    packed = subprocess.run(
        ["git", "archive", commit, "app", "studyhall", "workers", "migrations"],
        capture_output=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    if packed.returncode == 0:
        with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
            # Python 3.11.2, which is Debian's, knows no filters yet.
            archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
            archive.extractall(into)  # noqa: S202  # ours
    return packed.returncode == 0


def restore(release: Path, url: str) -> None:
    """Makes an empty database what that release left behind."""
    if url.startswith("sqlite"):
        with sqlite3.connect(str(make_url(url).database)) as database:
            database.executescript(release.read_text(encoding="utf-8"))
        return
    # No PostgreSQL dump is kept: the migrations up to then are the same, and so are the rows.
    migrate.upgrade(url, to=revision_of(release))
    engine = make_engine(url, writes=True)
    with engine.begin() as connection, as_sqlite(release) as source:
        tables = MetaData()
        tables.reflect(connection)
        for table in tables.sorted_tables:
            if table.name not in NOT_DATA:
                _copy(table, source, connection)
    engine.dispose()


def _copy(table: Table, source: sqlite3.Connection, connection: Connection) -> None:
    rows = [dict(row) for row in source.execute(f"SELECT * FROM {table.name}")]
    for column in table.columns:
        if isinstance(column.type, Boolean):
            for row in rows:
                row[column.name] = None if row[column.name] is None else bool(row[column.name])
    if rows:
        connection.execute(table.insert(), rows)
    if table.name == "audit":
        connection.execute(text("SELECT setval(pg_get_serial_sequence('audit', 'id'), max(id)) FROM audit"))
