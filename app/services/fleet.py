"""Workers introduce themselves, and say from time to time that they are there."""

import json

from app.services.principal import Principal
from app.storage.domain import worker_from
from app.storage.rows import WorkerRow
from app.storage.transaction import Transaction
from studyhall.wire import RegisterWorker, Worker

OFFLINE_AFTER_S = 90.0


def register_worker(tx: Transaction, principal: Principal, request: RegisterWorker) -> Worker:
    """Keeps what a worker says of itself; the same name again is the same worker."""
    said = {
        "version": request.version,
        "host": request.host,
        "capabilities": request.capabilities.model_dump_json(exclude_unset=True),
        "trainables": json.dumps([info.model_dump(mode="json") for info in request.trainables]),
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
            completed=0,
            failed=0,
            first_seen_at=tx.now,
            last_seen_at=tx.now,
        )
        for name, value in said.items():
            setattr(row, name, value)
        tx.add_worker(row)
    else:
        tx.change(row, **said)
    return worker_from(row, running=0, now=tx.now, offline_after_s=OFFLINE_AFTER_S)
