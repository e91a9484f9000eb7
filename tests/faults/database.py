"""The databases that faults happen to: a SQLite file and a PostgreSQL cluster of our own, both durable."""

import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from sqlalchemy import create_engine, text

from tests import postgres_cluster as pg

DURABLE = ("fsync=on", "synchronous_commit=on", "full_page_writes=on", "max_connections=100", "listen_addresses=")


class Sqlite:
    """A file."""

    name = "sqlite"

    def __init__(self, folder: Path) -> None:
        self.file = folder / "studyhall.db"
        self.url = f"sqlite:///{self.file}"

    @contextmanager
    def copied(self) -> Iterator[str]:
        """The URL of a copy, as a crash has left it; the file itself is left to its server."""
        copy = self.file.with_name(f"copy-{uuid4().hex}.db")
        try:
            for suffix in ("", "-wal"):
                with suppress(FileNotFoundError):
                    shutil.copy(f"{self.file}{suffix}", f"{copy}{suffix}")
            yield f"sqlite:///{copy}"
        finally:
            for suffix in ("", "-wal", "-shm"):
                copy.with_name(copy.name + suffix).unlink(missing_ok=True)

    def integrity(self) -> list[str]:
        """I9: what SQLite itself finds wrong with a copy."""
        with self.copied() as url, sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
            found = [row[0] for row in connection.execute("PRAGMA integrity_check")]
            found += [str(row) for row in connection.execute("PRAGMA foreign_key_check")]
        connection.close()
        return [line for line in found if line != "ok"]


class Postgres:
    """A cluster in a folder of its own, as a user without rights, that can be killed and started."""

    name = "postgresql"

    def __init__(self) -> None:
        programs = pg.find_programs()
        if programs is None:
            raise SystemExit("no PostgreSQL: set PG_BIN, or run `make setup`, which installs one")
        self.account = pg.unprivileged_account()
        self.folder = pg.short_folder(self.account)
        if self.account is not None and not pg.may_reach(programs):
            programs = pg.copy_for_everyone(programs, self.folder)
        self.programs = programs
        if self.account is not None:
            pg.give_away(self.folder, self.account)
        pg.initialise(programs, self.folder, self.account)
        self.start()
        self.base = pg.wait_until_ready(self.folder)
        pg.administer(self.base, "CREATE DATABASE {}", "studyhall")
        self.url = self.base.set(database="studyhall").render_as_string(hide_password=False)

    def start(self) -> None:
        """Starts the cluster, once the last one's processes are gone."""
        command: list[str | Path] = [self.programs / "postgres", "-D", self.folder / "data", "-k", self.folder]
        for setting in DURABLE:
            command += ["-c", setting]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=True, user=self.account and self.account.pw_uid,
                group=self.account and self.account.pw_gid, extra_groups=self.account and [],
            )  # fmt: skip

    def kill(self) -> None:
        """SIGKILL to the postmaster; its backends end when they notice."""
        self.process.kill()
        self.process.wait()
        self._wait_for_orphans()

    def stop_immediately(self) -> None:
        """What `pg_ctl stop -m immediate` does."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait()

    def restart(self) -> None:
        self.start()
        pg.wait_until_ready(self.folder)

    def terminate_backends(self) -> None:
        with pg.connect(self.base) as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'studyhall'")

    def pids(self) -> list[int]:
        """The postmaster and its children."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [self.process.pid, *map(int, children)]

    @contextmanager
    def copied(self) -> Iterator[str]:
        yield self.url

    def integrity(self) -> list[str]:
        """I9: what a server that reads every table finds wrong."""
        engine = create_engine(self.url)
        try:
            with engine.connect() as connection:
                orphans = connection.execute(
                    text("SELECT count(*) FROM trials t LEFT JOIN studies s ON s.id = t.study_id WHERE s.id IS NULL")
                ).scalar_one()
                connection.execute(text("SELECT sum(length(t::text)) FROM trials t"))
                connection.execute(text("SELECT sum(length(m::text)) FROM measurements m"))
        finally:
            engine.dispose()
        return [f"{orphans} trials without a study"] if orphans else []

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _wait_for_orphans(self) -> None:
        # A postmaster refuses to start while a backend of the last one still has the shared memory.
        data = f"-D{self.folder}"
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            numbers = [path.name for path in Path("/proc").iterdir() if path.name.isdigit()]
            alive = [pid for pid in numbers if self._is_ours(pid, data)]
            if not alive:
                break
            time.sleep(0.05)
        (self.folder / "data" / "postmaster.pid").unlink(missing_ok=True)

    def _is_ours(self, pid: str, data: str) -> bool:
        with suppress(OSError):
            return Path(f"/proc/{pid}/cwd").readlink() == self.folder / "data"
        return False


Database = Sqlite | Postgres
