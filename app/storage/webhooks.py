"""Queries for webhooks, and for how far each has told of each study: the events themselves are its queue."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import and_, bindparam, func, literal, or_, select, text

from app.storage import tables
from app.storage.reader import Connection
from app.storage.rows import WebhookRow
from app.storage.statement import Statement
from app.storage.transaction import Transaction

_W, _C, _S = tables.webhooks.c, tables.webhook_cursors.c, tables.studies.c

_BY_ID: Final = Statement(
    select(*tables.webhooks.columns).where(_W.id == bindparam("id"), _W.project == bindparam("project"))
)
_BEGIN: Final = Statement(
    tables.webhook_cursors.insert().from_select(
        ["webhook_id", "study_id", "sequence", "tries", "not_before"],
        select(_W.id, _S.id, _S.sequence, literal(0), literal(0.0))
        .join(tables.studies, _S.project == _W.project)
        .where(_W.id == bindparam("id"), or_(_W.study_id.is_(None), _W.study_id == _S.id)),
    )
)
_TAKE: Final = Statement(
    text(
        "INSERT INTO webhook_cursors (webhook_id, study_id, sequence, tries, not_before)"
        " VALUES (:webhook_id, :study_id, 0, 0, :until) ON CONFLICT (webhook_id, study_id)"
        " DO UPDATE SET not_before = :until WHERE webhook_cursors.not_before <= :now"
    )
)
_MOVE: Final = Statement(
    tables.webhook_cursors.update()
    .where(_C.webhook_id == bindparam("webhook_id"), _C.study_id == bindparam("of_study"))
    .values(sequence=bindparam("sequence"), tries=bindparam("tries"), not_before=bindparam("not_before"))
)
_REVIVE: Final = Statement(text("UPDATE webhook_cursors SET tries = 0, not_before = 0 WHERE webhook_id = :id"))
_DELETE: Final = Statement(tables.webhooks.delete().where(_W.id == bindparam("id")))


@dataclass(frozen=True, slots=True)
class Due:
    """A webhook that has not told yet what has happened in a study."""

    webhook: WebhookRow
    study: str
    study_name: str
    reached: int
    """The study's sequence number now."""
    told: int
    """The one up to which everything is told."""
    tries: int
    """How many deliveries have failed since."""


def due(connection: Connection, *, now: float, limit: int) -> list[Due]:
    """What is to be told now, the longest waiting first."""
    query = (
        select(
            *tables.webhooks.columns, _S.id, _S.name, _S.sequence, func.coalesce(_C.sequence, 0),
            func.coalesce(_C.tries, 0),
        )
        .join(tables.studies, _S.project == _W.project)
        .outerjoin(tables.webhook_cursors, and_(_C.webhook_id == _W.id, _C.study_id == _S.id))
        .where(
            _W.state == "active",
            or_(_W.study_id.is_(None), _W.study_id == _S.id),
            _S.sequence > func.coalesce(_C.sequence, 0),
            func.coalesce(_C.not_before, 0.0) <= now,
        )
        .order_by(func.coalesce(_C.not_before, 0.0), _S.updated_at)
        .limit(limit)
    )  # fmt: skip
    return [Due(WebhookRow(*row[:-5]), *row[-5:]) for row in connection.execute(query)]


def listed(connection: Connection, project: str) -> list[WebhookRow]:
    """The webhooks of a project, oldest first."""
    query = select(*tables.webhooks.columns).where(_W.project == project).order_by(_W.created_at).limit(1000)
    return [WebhookRow(*row) for row in connection.execute(query)]


def webhook(tx: Transaction, project: str, id: str) -> WebhookRow | None:
    """A webhook by id."""
    rows = tx.query(_BY_ID, {"project": project, "id": id})
    return WebhookRow(*rows[0]) if rows else None


def begin(tx: Transaction, id: str) -> None:
    """Counts all that has happened so far as told."""
    tx.run(_BEGIN, [{"id": id}])


def take(tx: Transaction, webhook: str, study: str, *, until: float) -> bool:
    """Whether it falls to us to tell, until a time: other servers look for what is due too."""
    return tx.run(_TAKE, [{"webhook_id": webhook, "study_id": study, "until": until, "now": tx.now}]) == 1


def move(tx: Transaction, due: Due, *, told: int, tries: int, not_before: float) -> None:
    """Notes how far a webhook has told of a study, and when it is to be tried again."""
    values: dict[str, Any] = {"sequence": told, "tries": tries, "not_before": not_before}
    tx.run(_MOVE, [values | {"webhook_id": due.webhook.id, "of_study": due.study}])


def revive(tx: Transaction, id: str) -> None:
    """Lets everything that waits for another try be told now."""
    tx.run(_REVIVE, [{"id": id}])


def delete(tx: Transaction, ids: Sequence[str]) -> None:
    """Deletes webhooks, and how far they had told."""
    tx.run(_DELETE, [{"id": id} for id in ids])
