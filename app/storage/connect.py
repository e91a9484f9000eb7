"""How each database is opened: the settings that durability, fairness and safety ask for.

SQLite: WAL with synchronous=FULL (NORMAL may lose acknowledged commits at power loss), one connection that writes and
checkpoints, no mmap (the WAL-reset bug below 3.51.3), readers query_only. PostgreSQL: READ COMMITTED, and time-outs so
that nothing waits for ever.
"""

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.pool import QueuePool

from studyhall.errors import StorageUnavailable

BUSY_MS = 5000
_POSTGRES_OPTIONS = (
    "-c statement_timeout=5000 -c lock_timeout=2000 -c idle_in_transaction_session_timeout=10000 -c timezone=UTC"
)


def make_engine(url: str, *, writes: bool = False, connections: int = 8) -> Engine:
    """An SQLAlchemy engine for reading, or with `writes` for the one writer.

    Raises:
        StorageUnavailable: when the URL names a database we do not know.
    """
    parsed = make_url(url)
    match parsed.get_backend_name():
        case "sqlite":
            return _sqlite(parsed, writes=writes, connections=connections)
        case "postgresql":
            return _postgres(parsed, connections=connections)
    raise StorageUnavailable(f"unknown database '{parsed.get_backend_name()}'; use sqlite:///FILE or postgresql://…")


def sqlite_file(url: str) -> Path | None:
    """The file behind a SQLite URL, None for another database."""
    parsed = make_url(url)
    return Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None


def _sqlite(url: URL, *, writes: bool, connections: int) -> Engine:
    engine = create_engine(
        url.set(drivername="sqlite+pysqlite"),
        poolclass=QueuePool,
        pool_size=1 if writes else connections,
        max_overflow=0,
        connect_args={"check_same_thread": False, "timeout": BUSY_MS / 1000, "isolation_level": None},
    )
    event.listen(engine, "connect", _writer_pragmas if writes else _reader_pragmas)
    # The driver's own BEGIN comes too late (at the first write); ours is explicit.
    event.listen(engine, "begin", _begin_immediate if writes else _begin)
    return engine


def _pragmas(connection: sqlite3.Connection, *pragmas: str) -> None:
    for pragma in ("foreign_keys=ON", "trusted_schema=OFF", "mmap_size=0", *pragmas):
        connection.execute(f"PRAGMA {pragma}")


def _writer_pragmas(connection: sqlite3.Connection, _record: Any) -> None:
    _pragmas(connection, "journal_mode=WAL", "synchronous=FULL", f"journal_size_limit={64 << 20}", "cache_size=-65536",
             "wal_autocheckpoint=0")  # fmt: skip  # the writer's own business


def _reader_pragmas(connection: sqlite3.Connection, _record: Any) -> None:
    _pragmas(connection, "query_only=ON", "cache_size=-16384")


def _begin_immediate(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN")


def _postgres(url: URL, *, connections: int) -> Engine:
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=connections,
        max_overflow=connections // 2,
        pool_timeout=2,
        pool_pre_ping=True,
        connect_args={
            "options": _POSTGRES_OPTIONS,
            "connect_timeout": 5,
            "tcp_user_timeout": 10_000,
            "application_name": "studyhall",
        },
    )
