"""What a commit promises, whom it wakes, and what a batch does to its neighbours."""

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from unittest.mock import Mock

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import make_url, text

from app.services.telling import complete
from app.services.trials import stop_trial
from app.storage import committed as committed_module
from app.storage import migrate
from app.storage import writer as writer_module
from app.storage.committed import CHANNEL, EVERYTHING, Committed
from app.storage.connect import make_engine, sqlite_file
from app.storage.database import Database
from app.storage.prefetch import NOTHING
from app.storage.tables import metadata
from app.storage.transaction import Transaction
from app.storage.writer import LONGEST_PATIENT_QUEUE, LONGEST_QUEUE, Work
from studyhall.errors import NameTaken, NotFound, StorageBusy
from studyhall.wire.claims import Complete
from tests.databases import Held, House


def until(event: threading.Event) -> None:
    assert event.wait(10), "nobody was told within 10 seconds"


def test_a_commit_tells_which_studies_changed_and_where_a_claim_may_look(house: House) -> None:
    study = house.study()

    (told,) = [c for c in house.commits if study.id in c.sequences]

    assert told.sequences == {study.id: study.sequence}
    assert told.openings == {study.id}


def test_another_server_of_the_same_database_hears_of_a_commit(postgres_url: str) -> None:
    heard, event = list[Committed](), threading.Event()

    def listener(committed: Committed) -> None:
        heard.append(committed)
        if any(study.startswith("st_") for study in committed.sequences):
            event.set()

    ready = threading.Event()

    def first(committed: Committed) -> None:
        ready.set()
        listener(committed)

    other = Database(postgres_url, first)
    until(ready)
    house = House(postgres_url)

    study = house.study()

    until(event)
    assert any(c.sequences.get(study.id) == study.sequence and study.id in c.openings for c in heard)
    other.close()
    house.database.close()


def test_a_server_that_is_alone_tells_nobody_until_it_meets_another(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committed_module, "_STRANGE_S", 0.0)
    looked, house = threading.Semaphore(0), House(postgres_url)
    deadline = time.monotonic() + 10
    while not house.commits and time.monotonic() < deadline:  # it listens
        time.sleep(0.005)

    with psycopg.connect(make_url(postgres_url).set(drivername="postgresql").render_as_string(False)) as spy:
        spy.autocommit = True
        spy.execute(f"LISTEN {CHANNEL}")
        house.study()
        spy.execute("SELECT pg_notify(%s, '[\"spy\"]')", (CHANNEL,))
        assert [m.payload for m in spy.notifies(timeout=10, stop_after=1)] == ['["spy"]']
        deadline = time.monotonic() + 10
        while sum(EVERYTHING in c.sequences for c in house.commits) < 2 and time.monotonic() < deadline:
            time.sleep(0.005)  # until it has met the spy
        told = house.study()

        assert any(told.id in m.payload for m in spy.notifies(timeout=10, stop_after=2))

    def count(committed: Committed) -> None:
        if EVERYTHING in committed.sequences:
            looked.release()

    other = Database(postgres_url, count)
    # Once when it begins to listen, and once more when it meets the first, whose work before was told to nobody.
    assert looked.acquire(timeout=10)
    assert looked.acquire(timeout=10)
    other.close()
    house.database.close()


def test_another_server_hears_which_worker_is_to_stop(postgres_url: str) -> None:
    recalled, heard, ready = set[str](), threading.Event(), threading.Event()

    def listener(committed: Committed) -> None:
        ready.set()
        recalled.update(committed.recalled)
        if any(trial.startswith("tr_") for trial in recalled):
            heard.set()

    other = Database(postgres_url, listener)
    until(ready)
    house = House(postgres_url)
    held = house.hold(house.study().id)

    house.do(stop_trial, held.id, None)

    until(heard)
    assert held.id in recalled
    other.close()
    house.database.close()


def in_one_batch(house: House, *verbs: Callable[[Transaction], object]) -> list[Work]:
    works = [Work(verb, NOTHING, None, None) for verb in verbs]
    house.database.writer._run(works)
    return works


def test_a_refused_verb_does_not_disturb_its_batch(house: House) -> None:
    made = house.study()
    row = house.study_row(made.id)

    def rename(tx: Transaction) -> str:
        study = tx.study(made.id)
        assert study is not None
        tx.change(study, reason="renamed")
        return "done"

    def refuse(tx: Transaction) -> None:
        raise NotFound

    refused, done = in_one_batch(house, refuse, rename)

    assert isinstance(refused.error, NotFound)
    assert done.result == "done"
    assert house.study_row(row.id).reason == "renamed"


def test_a_verb_that_fails_after_writing_is_undone_alone(house: House) -> None:
    made = house.study()

    def half(tx: Transaction) -> None:
        study = tx.study(made.id)
        assert study is not None
        tx.change(study, reason="half")
        tx.flush()
        raise NameTaken

    def whole(tx: Transaction) -> None:
        study = tx.study(made.id)
        assert study is not None
        tx.change(study, device_seconds=7.0)

    undone, done = in_one_batch(house, half, whole)

    assert isinstance(undone.error, NameTaken)
    assert done.error is None
    assert (house.study_row(made.id).reason, house.study_row(made.id).device_seconds) == (None, 7.0)


def test_two_servers_that_complete_one_trial_agree_on_one_result(postgres_url: str) -> None:
    first, second = House(postgres_url), House(postgres_url)
    study = first.study()
    for _ in range(20):
        held = first.hold(study.id)
        barrier, answers = threading.Barrier(2), list[object]()

        def work(house: House, loss: float, held: Held, barrier: threading.Barrier, answers: list[object]) -> None:
            barrier.wait()
            answers.append(house.do(complete, held.id, Complete(**held.lease, metrics={"loss": loss})))

        threads = [
            threading.Thread(target=work, args=(house, n, held, barrier, answers))
            for n, house in enumerate((first, second))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(not isinstance(answer, Exception) for answer in answers) == 1

    assert first.study_row(study.id).completed == 20
    first.database.close()
    second.database.close()


def test_two_servers_never_hand_out_more_than_the_budget(postgres_url: str) -> None:
    houses = [House(postgres_url), House(postgres_url)]
    study = houses[0].study(budget={"max_trials": 60})
    claimed: list[str] = []

    def work(house: House) -> None:
        for _ in range(25):
            claimed.extend(c.trial.id for c in house.claim(study.id, count=2))

    threads = [threading.Thread(target=work, args=(house,)) for house in houses for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(claimed) == len(set(claimed)) == 60
    for house in houses:
        house.database.close()


def test_too_many_waiting_writes_are_turned_away(house: House) -> None:
    """A writer that is stuck in one verb lets the queue fill, and then says so at once."""
    stuck, go = threading.Event(), threading.Event()

    def wait(tx: Transaction) -> None:
        stuck.set()
        go.wait(30)

    writer = house.database.writer
    blocked = threading.Thread(target=writer.write_now, args=(wait,))
    blocked.start()
    stuck.wait(10)
    for _ in range(LONGEST_PATIENT_QUEUE):
        writer._put(Work(lambda _: None, NOTHING, None, None))

    with pytest.raises(StorageBusy):
        asyncio.run(house.database.write(lambda _: None))
    for _ in range(LONGEST_QUEUE - LONGEST_PATIENT_QUEUE):
        writer._put(Work(lambda _: None, NOTHING, None, None))
    with pytest.raises(StorageBusy):
        asyncio.run(house.database.write(lambda _: None, urgent=True))

    go.set()
    blocked.join()


def test_the_log_begins_anew_as_soon_as_no_reader_is_in_it(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "CHECKPOINT_EVERY", 1)
    monkeypatch.setattr(writer_module, "LONG_LOG_PAGES", 0)
    house = House(sqlite_url)
    file = sqlite_file(sqlite_url)
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, isolation_level=None)) as reader:
        house.study()
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM studies").fetchone()
        house.study()
        house.study()  # answered although the reader stays; the writer has waited for it in between
        assert house.database.writer._log_is_long
        reader.execute("COMMIT")

    house.study()
    house.database.close()

    assert not house.database.writer._log_is_long


def test_a_failed_fsync_of_a_checkpoint_ends_the_process(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    unsynced = sqlite3.OperationalError("disk I/O error")
    unsynced.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
    ended, writer = list[int](), house.database.writer
    monkeypatch.setattr(os, "_exit", ended.append)
    for error in (sqlite3.OperationalError("disk I/O error"), unsynced):
        monkeypatch.setattr(writer, "_connect", Mock(side_effect=error))
        writer._checkpoint()

    assert ended == [os.EX_IOERR]


def test_a_second_migration_changes_nothing(database_url: str) -> None:
    migrate.upgrade(database_url)


@pytest.mark.catalogue("CF-011")
def test_servers_that_start_together_on_an_empty_database_migrate_it_once(empty_postgres_url: str) -> None:
    errors: list[BaseException] = []

    def start() -> None:
        try:
            migrate.upgrade(empty_postgres_url)
        except BaseException as error:  # noqa: BLE001  # the test shows whatever it was
            errors.append(error)

    threads = [threading.Thread(target=start) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []


def test_the_migrations_make_exactly_the_tables_that_the_code_declares(database_url: str) -> None:
    engine = make_engine(database_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})

        difference = compare_metadata(context, metadata)

    engine.dispose()
    assert difference == []


def test_a_database_that_a_newer_version_has_contracted_is_left_alone(database_url: str) -> None:
    engine = make_engine(database_url, writes=True)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '29991231_unknown'"))
        connection.execute(text("UPDATE schema_floor SET revision = '29991231_unknown'"))
    engine.dispose()

    with pytest.raises(migrate.SchemaTooNew):
        migrate.upgrade(database_url)
