"""Idempotency-Key: the answer to a request is stored in the transaction of its effect, and given again.

Refusals are not stored: a request that changed nothing may simply be sent again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel

from app.storage.rows import AnswerRow
from app.storage.transaction import Transaction
from studyhall.errors import IdempotencyKeyReused

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Once:
    """What names a request, so that its repetition is recognised."""

    key_id: str
    route: str
    idempotency_key: str
    request: str
    """SHA-256 of the body."""


@dataclass(frozen=True, slots=True)
class Replay:
    """An answer that was given before."""

    status: int
    body: str


def do_once(tx: Transaction, once: Once, verb: Callable[[Transaction], tuple[M, int]]) -> tuple[M, int] | Replay:
    """Runs a verb that gives a model and its status, unless this request has been answered before.

    Raises:
        IdempotencyKeyReused: the key came before with another body.
    """
    before = tx.answer(once.key_id, once.route, once.idempotency_key)
    if before is not None:
        if before.request != once.request:
            raise IdempotencyKeyReused
        return Replay(before.status, before.body)
    model, status = verb(tx)
    body = model.model_dump_json(exclude_none=True)
    tx.add_answer(AnswerRow(once.key_id, once.route, once.idempotency_key, once.request, status, body, tx.now))
    return model, status
