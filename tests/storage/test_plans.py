"""How SQLite looks things up: by an index, so that a claim costs the same in a study of ten trials and of a million."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from app.storage import reader, sql
from app.storage.connect import make_engine
from app.storage.statement import Statement

WALKED = {"KEYS", "RENEW_LEASES", "END_PAUSES", "SILENT_WORKERS"}
"""Read a whole table or index because they want all of it: an administrator's list, the end of an outage, the fleet."""
OF_POSTGRESQL = {"LOCK_TOKENS", "NOTIFY", "NOW", "TOUCHED_STUDIES"}
INDEXES = {
    "ALL_WAITING": "ix_trials_waiting",
    "CLAIMABLE": "ix_studies_claimable",
    "EXPIRED": "ix_trials_expires_at",
    "FRONT": "ix_trials_front",
    "GREATEST": "ix_trials_value",
    "HELD_BY": "ix_trials_expires_at",
    "HELD_BY_QUARANTINED": "ix_trials_expires_at",
    "LEAST": "ix_trials_value",
    "RUNNING": "ix_trials_expires_at",
    "RUNNING_SECONDS": "ix_trials_expires_at",
    "TWIN": "ix_trials_identity",
    "WAITING": "ix_trials_waiting",
}
"""Those that must not read all trials of a study, or all studies."""


def statements() -> Iterator[tuple[str, Statement]]:
    for name, value in vars(sql).items():
        if name in OF_POSTGRESQL:
            continue
        if isinstance(value, Statement):
            yield name, value


@pytest.fixture
def connection(migrated_sqlite: Path) -> Iterator[sqlite3.Connection]:
    made = sqlite3.connect(migrated_sqlite)
    yield made
    made.close()


def plan(connection: sqlite3.Connection, statement: Statement) -> list[str]:
    text = statement.text("sqlite")
    values = dict.fromkeys(re.findall(r":(\w+)", text), 1)
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {text}", values)]


def test_no_statement_of_a_transaction_reads_a_whole_table(connection: sqlite3.Connection) -> None:
    scans = {
        name: step
        for name, statement in statements()
        for step in plan(connection, statement)
        if step.startswith("SCAN") and "json_each" not in step and name not in WALKED
    }

    assert not scans


@pytest.mark.parametrize("name", INDEXES)
def test_what_is_asked_at_every_turn_has_an_index_of_its_own(connection: sqlite3.Connection, name: str) -> None:
    steps = plan(connection, getattr(sql, name))

    assert any(INDEXES[name] in step for step in steps), steps


def test_counting_what_workers_run_reads_no_trial_that_has_ended(
    connection: sqlite3.Connection, sqlite_url: str
) -> None:
    steps = plans(
        connection, sqlite_url, lambda database: reader.workers(database, "default", now=0.0, offline_after_s=90.0)
    )

    assert [step for step in steps if "trials" in step] == [
        "SEARCH trials USING INDEX ix_trials_expires_at (expires_at>?)"
    ]


@pytest.mark.parametrize(
    ("state", "index"),
    [
        ("running", "ix_trials_expires_at (expires_at>?)"),
        ("waiting", "ix_trials_waiting (study_id=?)"),
        ("failed", "ix_trials_ended_otherwise (study_id=? AND state=?)"),
        ("pruned", "ix_trials_ended_otherwise (study_id=? AND state=?)"),
    ],
)
def test_the_few_trials_of_a_state_are_found_without_reading_those_that_have_completed(
    connection: sqlite3.Connection, sqlite_url: str, state: str, index: str
) -> None:
    asked = reader.TrialFilter(state=(state,))

    steps = plans(
        connection, sqlite_url, lambda database: reader.trials_page(database, "st_1", asked, limit=9, cursor=None)
    )

    assert steps[0] == f"SEARCH trials USING INDEX {index}"


def plans(connection: sqlite3.Connection, url: str, query: Callable[[reader.Connection], object]) -> list[str]:
    asked: list[tuple[str, Any]] = []
    with make_engine(url).connect() as database:
        event.listen(database, "before_cursor_execute", lambda _1, _2, text, values, *_: asked.append((text, values)))
        query(database)
    return [
        row[3]
        for text, values in asked
        if not text.startswith("PRAGMA")
        for row in connection.execute(f"EXPLAIN QUERY PLAN {text}", values)
    ]
