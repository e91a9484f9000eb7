"""Brings a database to the newest schema, all or nothing, however many servers start at once.

Why locks: two servers creating tables together race (seen: one died). PostgreSQL holds an advisory lock for the
transaction; on SQLite the transaction itself is exclusive from its first statement.

Expand and contract: a migration adds, and what it makes superfluous is dropped by a later one, after a release that no
longer reads it. So servers of two versions share a database while one replaces the other, and the older one may even
start anew. A migration that takes something away raises `schema_floor`, the oldest revision that a server must know.
"""

import sqlite3
from importlib import resources
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import DBAPIError

from app.storage.connect import make_engine
from app.storage.faults import translate
from app.storage.tables import schema_floor
from studyhall.errors import StorageUnavailable, StudyhallError

LOCK = 0x5374756479  # "Study"


class SchemaTooNew(StorageUnavailable):
    """The database was written by a newer Studyhall; upgrade this one. Nothing was changed."""

    code = "schema-too-new"


def upgrade(url: str, *, to: str = "head") -> None:
    """Migrates a database to the newest schema; does nothing when it is there already, or beyond and only expanded.

    Raises:
        SchemaTooNew: when the database has a revision that this program does not know and cannot work with.
        Unavailable: when the database cannot be reached or written, or is none.
    """
    engine = make_engine(url, writes=True)
    try:
        with engine.connect() as connection, connection.begin():
            _lock(connection)
            if not _is_newer(connection):
                command.upgrade(_config(connection), to)
    except StudyhallError:
        raise
    except Exception as error:
        ours = translate(error)
        if isinstance(ours, StorageUnavailable | DBAPIError | sqlite3.Error):
            ours = StorageUnavailable(f"the database cannot be opened: {_reason(error)}")
        raise ours from error
    finally:
        engine.dispose()


def _reason(error: Exception) -> str:
    """What the driver says, in a line: without the statement, and drivers never repeat a password."""
    said = str(error.orig if isinstance(error, DBAPIError) else error).strip()
    return said.partition("\n")[0]


def current_revision(connection: Connection) -> str | None:
    """The revision of a database, None when it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def newest_revision() -> str:
    """The revision this program knows."""
    head = ScriptDirectory.from_config(_config(None)).get_current_head()
    if head is None:
        raise RuntimeError("this installation has no migrations")
    return head


def _is_newer(connection: Connection) -> bool:
    current = current_revision(connection)
    known = {script.revision for script in ScriptDirectory.from_config(_config(None)).walk_revisions()}
    if current is None or current in known:
        return False
    if connection.execute(select(schema_floor.c.revision)).scalar() not in known:
        raise SchemaTooNew
    return True


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        # Whoever waits for another server's migration waits as long as that takes; so does the migration itself.
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _folder() -> Path:
    return Path(str(resources.files("migrations")))
