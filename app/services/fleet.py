"""Workers: who they are, how they do, and which of them are put aside.

One broken machine can burn a whole search: a worker whose trials fail again and again while others' do not is
quarantined. It gets no more trials, the sweeper gives back those it has, and a person lifts it.
"""

import json

from app.services.principal import Principal
from app.storage.domain import worker_from
from app.storage.rows import WorkerRow
from app.storage.transaction import Transaction
from studyhall.errors import Conflict, NotFound
from studyhall.wire.fleet import PatchWorker, RegisterWorker, Worker

OFFLINE_AFTER_S = 90.0
FORGOTTEN_AFTER_S = 30 * 86400.0
"""Each start of a worker without a name of its own is a new one: those that are not heard of go after a while."""
SEEN_EVERY_S = 10.0
LONGEST_STREAK = 5
"""Failures in a row after which a worker is put aside, if another one has just had a success."""
RECENTLY_S = 3600.0


class WorkerAside(Conflict):
    """This worker has been put aside and gets no trials; find out why and lift the quarantine."""

    code = "worker-quarantined"


def register_worker(tx: Transaction, principal: Principal, request: RegisterWorker) -> Worker:
    """Keeps what a worker says of itself; the same name again is the same worker."""
    said = {
        "version": request.version,
        "host": request.host,
        "capabilities": request.capabilities.model_dump_json(exclude_unset=True),
        "trainables": json.dumps([info.model_dump(mode="json") for info in request.trainables]),
        "slots": request.slots,
        "machine": None if request.machine is None else request.machine.to_json(),
        "last_seen_at": tx.now,
    }
    row = tx.worker(principal.project, request.name)
    if row is None:
        row = WorkerRow(
            project=principal.project,
            name=request.name,
            version="",
            host="",
            state="online",
            reason=None,
            capabilities="",
            trainables="",
            slots=1,
            machine=None,
            completed=0,
            failed=0,
            streak=0,
            first_seen_at=tx.now,
            last_seen_at=tx.now,
        )
        for name, value in said.items():
            setattr(row, name, value)
        tx.add_worker(row)
    else:
        tx.change(row, **said)
    return worker_from(row, running=0, now=tx.now, offline_after_s=OFFLINE_AFTER_S)


def patch_worker(tx: Transaction, principal: Principal, name: str, patch: PatchWorker) -> Worker:
    """Puts a worker aside, drains it, or takes it back.

    Raises:
        NotFound: there is no such worker in this project.
    """
    row = tx.worker(principal.project, name)
    if row is None:
        raise NotFound("there is no such worker; GET /v1/workers lists those there are")
    streak = 0 if patch.state == "online" else row.streak
    tx.change(row, state=patch.state, reason=patch.reason, streak=streak)
    tx.audit(
        project=principal.project,
        key_id=principal.key_id,
        action=f"worker.{patch.state}",
        subject=name,
        reason=patch.reason,
    )
    return worker_from(row, running=tx.held_by(row), now=tx.now, offline_after_s=OFFLINE_AFTER_S)


def may_claim(tx: Transaction, project: str, name: str) -> bool:
    """Notes that a worker was heard of; False when it is draining and gets nothing more.

    Raises:
        WorkerAside: it is quarantined.
    """
    row = tx.worker(project, name)
    if row is None:
        return True  # a script that asks by itself needs no introduction
    if row.state == "quarantined":
        raise WorkerAside(f"worker '{name}' is quarantined: {row.reason}")
    if tx.now - row.last_seen_at > SEEN_EVERY_S:
        tx.change(row, last_seen_at=tx.now)
    return row.state != "draining"


def count_outcome(tx: Transaction, project: str, name: str | None, outcome: str) -> None:
    """Counts how an attempt of a worker ended, and puts the worker aside when it fails where others do not."""
    row = tx.worker(project, name) if name else None
    if row is None or outcome in ("cancelled", "released"):
        return
    if outcome not in ("failed", "lost"):
        tx.change(row, completed=row.completed + 1, streak=0)
        return
    tx.change(row, failed=row.failed + 1, streak=row.streak + 1)
    if row.state == "online" and row.streak >= LONGEST_STREAK and tx.others_succeed(row, since=tx.now - RECENTLY_S):
        reason = f"its last {row.streak} attempts failed while other workers' did not"
        tx.change(row, state="quarantined", reason=reason)
        tx.audit(project=project, key_id="", action="worker.quarantined", subject=row.name, reason=reason)
