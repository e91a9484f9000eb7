"""Queries of a transaction for what a study has found and spent: who is best, who counts, how long they run."""

from typing import Literal

from app.storage import sql
from app.storage.transaction import Transaction


def best(tx: Transaction, study_id: str, goal: Literal["minimize", "maximize"]) -> tuple[str, int, float] | None:
    """(id, number, value) of the best trial of a study with one objective; of equal ones the first."""
    rows = tx.query(sql.LEAST if goal == "minimize" else sql.GREATEST, {"study_id": study_id})
    return (rows[0][0], rows[0][1], rows[0][2]) if rows else None


def completed(tx: Transaction, study_id: str) -> list[tuple[str, str]]:
    """(id, metrics as JSON) of all completed trials that are not excluded."""
    return [(row[0], row[1]) for row in tx.query(sql.RESULTS, {"study_id": study_id})]


def front(tx: Transaction, study_id: str) -> list[tuple[str, str]]:
    """(id, metrics as JSON) of the trials on the Pareto front."""
    return [(row[0], row[1]) for row in tx.query(sql.FRONT, {"study_id": study_id})]


def running_seconds(tx: Transaction, study_id: str) -> float:
    """How long the trials of a study that run now have been running, all together."""
    return float(tx.query(sql.RUNNING_SECONDS, {"study_id": study_id, "now": tx.now})[0][0])
