"""The database fixtures themselves: a test that gets no real PostgreSQL proves nothing about it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg

from tests import postgres_cluster


def plain(url: str) -> str:
    return url.replace("+psycopg", "")


def test_a_database_is_real_and_empty(empty_postgres_url: str) -> None:
    with psycopg.connect(plain(empty_postgres_url)) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()

    assert tables == (0,)


def test_a_migrated_database_belongs_to_one_test_alone(postgres_url: str, postgres_template: str) -> None:
    with psycopg.connect(plain(postgres_url)) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()

    assert tables is not None
    assert tables[0] > 0
    assert postgres_cluster.database_name(postgres_url) != postgres_template


def test_a_server_does_not_outlive_a_test_process_that_is_killed() -> None:
    program = """
        import os
        from tests import postgres_cluster
        programs = postgres_cluster.find_programs()
        with postgres_cluster.running_server(programs) as url:
            print(url.query["host"], flush=True)
            os.read(0, 1)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", f"if True:{program}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    folder = Path(process.stdout.readline().strip())
    assert folder.is_dir()

    os.kill(process.pid, signal.SIGKILL)
    process.communicate()

    assert wait_for_removal(folder)


def wait_for_removal(folder: Path) -> bool:
    """Whether the folder goes away: the last thing the server's shell does."""
    watcher = 'for _ in $(seq 200); do test -e "$1" || exit 0; sleep 0.05; done; exit 1'
    return subprocess.run(["sh", "-c", watcher, "sh", folder], check=False).returncode == 0
