"""Copies of a database while servers use it, and a database made of such a copy.

SQLite: one step of the online backup, which sees a single moment and holds no writer up (WAL). PostgreSQL: `pg_dump` in
its own format, and `pg_restore` in one transaction. A copy is whole or not there: it gets its name when it is on disk.
"""

import fcntl
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from sqlalchemy import make_url

from app.storage.connect import sqlite_file
from app.storage.contents import sync
from studyhall.errors import Conflict, NotFound, StorageUnavailable


def backup(url: str, to: Path) -> None:
    """Writes a copy of the database as it is at one moment; servers may go on writing.

    Raises:
        Conflict: there is such a file already.
        NotFound: there is no such database.
        StorageUnavailable: the copy could not be made; no file is left.
    """
    if to.exists():
        raise Conflict(f"{to} is there already; give the backup another name")
    beside = to.with_name(f".{to.name}.{os.getpid()}")
    try:
        file = sqlite_file(url)
        if file is None:
            _run(["pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={beside}"], url)
        else:
            _copy_sqlite(file, beside)
        sync(beside)
        beside.rename(to)
        sync(to.parent)
    except (sqlite3.Error, OSError) as error:
        raise StorageUnavailable(f"the backup could not be written: {error}") from error
    finally:
        beside.unlink(missing_ok=True)


def restore(url: str, source: Path) -> None:
    """Makes the database anew from a copy. The database must not be there yet, and no server may use it.

    Raises:
        NotFound: there is no such copy.
        Conflict: the database is there, or a server uses it.
        StorageUnavailable: the copy is damaged, or of another kind of database; nothing was changed.
    """
    if not source.is_file():
        raise NotFound(f"there is no file {source}")
    file = sqlite_file(url)
    if file is None:
        _run(["pg_restore", "--exit-on-error", "--single-transaction", "--no-owner", str(source)], url)
        return
    # A log that was left beside it is another database's, and SQLite would write it into the restored one.
    for old in (file, *(file.with_name(file.name + suffix) for suffix in ("-wal", "-shm", "-journal"))):
        if old.exists():
            raise Conflict(f"{old} is there already; move it away first: {file.name}, and its -wal and -shm files")
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_name(file.name + ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Conflict(f"a server uses {file}; stop it first") from None
        beside = file.with_name(f".{file.name}.{os.getpid()}")
        try:
            _copy_sqlite(source, beside)
            sync(beside)
            beside.rename(file)
            sync(file.parent)
        except (sqlite3.Error, OSError) as error:
            raise StorageUnavailable(f"{source} cannot be restored: {error}") from error
        finally:
            beside.unlink(missing_ok=True)


def _copy_sqlite(source: Path, to: Path) -> None:
    if not source.is_file():
        raise NotFound(f"there is no database {source}")
    with (
        closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True, timeout=30)) as old,
        closing(sqlite3.connect(to)) as new,
    ):
        old.backup(new)  # in one step: in several, every commit in between would start it again
        new.execute("PRAGMA journal_mode=DELETE")  # one file, without a -wal beside it
        faults = [row[0] for row in new.execute("PRAGMA integrity_check(1)")]
        if faults != ["ok"] or not new.execute("SELECT 1 FROM sqlite_master WHERE name = 'studies'").fetchone():
            raise StorageUnavailable(f"{source} is no sound database of Studyhall's: {faults[0]}")


def _run(command: Sequence[str], url: str) -> None:
    program = shutil.which(command[0])
    if program is None:
        raise StorageUnavailable(f"{command[0]} is not installed: it comes with PostgreSQL's client programs")
    parsed = make_url(url)
    plain = parsed.set(drivername="postgresql", password=None).render_as_string(hide_password=False)
    # The password goes by the environment: every user of the machine can read a command line.
    environment = os.environ | ({} if parsed.password is None else {"PGPASSWORD": str(parsed.password)})
    done = subprocess.run(
        [program, *command[1:], f"--dbname={plain}"], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return
    said = done.stderr.strip().splitlines()
    what = f"{command[0]}: {said[-1] if said else f'exit status {done.returncode}'}"
    if any("already exists" in line for line in said):
        raise Conflict(f"the database is not empty; restore into a new one ({what})")
    raise StorageUnavailable(what)
