"""A server that starts while another one migrates."""

import threading
import time

import psycopg
import pytest
from sqlalchemy import make_url

from app.storage import migrate


@pytest.mark.slow
def test_a_server_waits_for_another_server_s_migration_however_long_it_takes(empty_postgres_url: str) -> None:
    address = make_url(empty_postgres_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [migrate.LOCK])
        waiting = threading.Thread(target=migrate.upgrade, args=(empty_postgres_url,))
        waiting.start()
        time.sleep(2.2)  # longer than the lock_timeout of ordinary work, which is PostgreSQL's own to measure
    waiting.join()

    with psycopg.connect(address) as connection:
        assert connection.execute("SELECT count(*) FROM studies").fetchone() == (0,)
