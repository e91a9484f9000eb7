"""Webhooks: made, listed, ended by people; told by a task of the server, after each study's own events.

Nothing is queued twice: the events in the database are the queue, and a cursor for each webhook and study says up to
which one everything was told. So a delivery that a restart has cut off is sent again, events come in their order, and a
commit costs nothing more. Several servers share the work by taking a cursor for a minute.

Why an allow list: a URL that anybody may name would let the server knock at doors inside its own network. The operator
names origins (scheme, host, port); what is not among them is refused when it is made and again when it is sent, and
redirects are not followed.
"""

import asyncio
import json
import random
import secrets
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, replace
from typing import Final, TypeVar
from urllib.parse import urlsplit

import structlog

from app.services.lookup import study_of
from app.services.moves import new_id
from app.services.principal import Principal
from app.storage import reader
from app.storage import webhooks as stored
from app.storage.database import Database
from app.storage.domain import moment, moment_or_none
from app.storage.rows import WebhookRow
from app.storage.transaction import Transaction
from app.storage.webhooks import Due
from studyhall.errors import Conflict, FieldError, InvalidInput, NotFound, StudyhallError
from studyhall.webhooks import DELIVERY, SIGNATURE, TIMESTAMP, CreateWebhook, Delivery, Webhook, signature
from studyhall.wire.results import Event

log = structlog.get_logger(__name__)

T = TypeVar("T")

LOOK_S: Final = 1.0
"""Seconds between two looks for what is to be told; only where webhooks are on."""
EVENTS_AT_ONCE: Final = 100
AT_ONCE: Final = 16
"""Deliveries that are under way at the same time."""
TAKEN_S: Final = 60.0
FIRST_PAUSE_S: Final = 5.0
LONGEST_PAUSE_S: Final = 3600.0
MOST_TRIES: Final = 36
"""With pauses that double from 5 s to an hour: a bit more than a day."""
GONE: Final = 410

Post = Callable[[str, dict[str, str], bytes], Awaitable[int]]
"""Sends a body to a URL with these headers and answers the status.

Raises:
    OSError: nobody has answered.
"""


class WebhooksOff(Conflict):
    """This server sends no webhooks: its operator has named no origin in the setting webhooks.origins."""

    code = "webhooks-off"


def create_webhook(
    tx: Transaction, principal: Principal, request: CreateWebhook, *, origins: Collection[str]
) -> Webhook:
    """A new webhook, which tells what happens from now on; its secret is told this once.

    Raises:
        WebhooksOff: no origin is allowed at all.
        InvalidInput: this one is not.
        NotFound: there is no such study.
    """
    check_url(request.url, origins)
    study = None if request.study is None else study_of(tx, principal, request.study).id
    row = WebhookRow(
        id=new_id("wh", tx.now), project=principal.project, study_id=study, url=request.url,
        kinds=json.dumps(request.kinds), secret=f"whs_{secrets.token_urlsafe(32)}", state="active", error=None,
        delivered_at=None, created_at=tx.now,
    )  # fmt: skip
    tx.add_webhook(row)
    tx.audit(project=row.project, key_id=principal.key_id, action="webhook.created", subject=row.id, url=row.url)
    stored.begin(tx, row.id)
    return _told(row).model_copy(update={"secret": row.secret})


def list_webhooks(connection: reader.Connection, *, principal: Principal) -> list[Webhook]:
    """The webhooks of a project, oldest first, without their secrets."""
    return [_told(row) for row in stored.listed(connection, principal.project)]


def delete_webhook(tx: Transaction, principal: Principal, id: str) -> None:
    """Ends a webhook; a delivery that is under way may still arrive.

    Raises:
        NotFound: there is none in this project.
    """
    row = _found(tx, principal, id)
    stored.delete(tx, [row.id])
    tx.audit(project=row.project, key_id=principal.key_id, action="webhook.deleted", subject=row.id)


def check_url(url: str, origins: Collection[str]) -> None:
    """Refuses an address that the operator has not allowed.

    Raises:
        WebhooksOff, InvalidInput: see there.
    """
    if not origins:
        raise WebhooksOff
    if origin_of(url) not in {origin_of(each) for each in origins}:
        allowed = ", ".join(sorted(origins))
        raise InvalidInput(
            errors=[FieldError("/url", f"its origin is not among those this server may call: {allowed}")]
        )


def origin_of(url: str) -> str | None:
    """Scheme, host and port of a URL in one spelling; None when it has none, or holds a name and password."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (ValueError, KeyError):
        return None
    if not parts.hostname or "@" in parts.netloc or "\\" in url:
        return None
    return f"{parts.scheme}://{parts.hostname.lower()}:{port}"


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How a delivery ended: up to which sequence number everything is told now, or why not."""

    told: int
    error: str | None = None
    is_gone: bool = False
    was_sent: bool = True


class Webhooks:
    """Tells what has happened.

    Args:
        post: sends; None: this server sends none.
        origins: what it may call.
        clock: seconds since 1970.
        chance: in [0, 1), for pauses that do not fall together.
    """

    def __init__(
        self,
        database: Database,
        post: Post | None,
        *,
        origins: Collection[str] = (),
        clock: Callable[[], float],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.origins = origins if post is not None else ()
        self._database = database
        self._post = post
        self._clock = clock
        self._chance = chance

    async def tell_for_ever(self) -> None:
        """Tells what is due, again and again; returns at once where no origin is allowed.

        The next look does not wait for a receiver that is slow to answer the last one.
        """
        under_way: set[asyncio.Task[object]] = set()
        async with asyncio.TaskGroup() as group:
            while self.origins:
                for due in await _go_on(self._take(AT_ONCE - len(under_way))) or ():
                    telling = group.create_task(_go_on(self._tell(due)))
                    under_way.add(telling)
                    telling.add_done_callback(under_way.discard)
                if len(under_way) < AT_ONCE:
                    await asyncio.sleep(LOOK_S)
                else:
                    await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)

    async def tell(self) -> int:
        """One round: what is due now, `AT_ONCE` deliveries at most, to their ends; how many there were."""
        ours = await self._take(AT_ONCE)
        await asyncio.gather(*(self._tell(due) for due in ours))
        return len(ours)

    async def _take(self, limit: int) -> list[Due]:
        found = await self._database.read(lambda connection: stored.due(connection, now=self._clock(), limit=limit))
        return await self._database.write(lambda tx: _taken(tx, found)) if found else []

    async def _tell(self, due: Due) -> None:
        outcome = await self._deliver(due)
        await self._database.write(lambda tx: self._note(tx, due, outcome))

    async def test(self, principal: Principal, id: str) -> Webhook:
        """Sends an empty delivery now; one that arrives takes a disabled webhook back.

        Raises:
            NotFound: there is none in this project.
        """
        row = await self._database.write(lambda tx: _found(tx, principal, id))
        due = Due(row, row.study_id or "", "", 0, 0, 0)
        outcome = await self._send(due, ())
        return await self._database.write(lambda tx: _tested(tx, principal, id, outcome))

    async def _deliver(self, due: Due) -> _Outcome:
        events = await self._database.read(
            lambda connection: reader.events_after(connection, due.study, due.told, EVENTS_AT_ONCE)
        )
        reached = events[-1].sequence if events else due.reached
        wanted = [event for event in events if _matches(event.kind, json.loads(due.webhook.kinds))]
        if not wanted:
            return _Outcome(reached, was_sent=False)
        return replace(await self._send(due, wanted), told=reached)

    async def _send(self, due: Due, events: Collection[Event]) -> _Outcome:
        delivery = Delivery(webhook=due.webhook.id, study=due.study, study_name=due.study_name, events=tuple(events))
        body, now = delivery.to_json().encode(), int(self._clock())
        first = min((event.sequence for event in events), default=0)
        headers = {
            "Content-Type": "application/json",
            DELIVERY: f"{due.webhook.id}.{due.study}.{first}",
            TIMESTAMP: str(now),
            SIGNATURE: signature(due.webhook.secret, now, body),
        }
        try:
            check_url(due.webhook.url, self.origins)
            assert self._post is not None  # noqa: S101  # without it there are no origins
            status = await self._post(due.webhook.url, headers, body)
        except (OSError, StudyhallError) as error:
            return _Outcome(due.told, str(error) or type(error).__name__)
        if 200 <= status < 300:
            return _Outcome(due.reached)
        return _Outcome(due.told, f"the receiver answered {status}", is_gone=status == GONE)

    def _note(self, tx: Transaction, due: Due, outcome: _Outcome) -> None:
        webhook = stored.webhook(tx, due.webhook.project, due.webhook.id)
        if webhook is None:  # it was ended meanwhile
            return
        if outcome.error is None:
            stored.move(tx, due, told=outcome.told, tries=0, not_before=0.0)
            if outcome.was_sent:
                tx.change(webhook, error=None, delivered_at=tx.now)
            return
        tries = due.tries + 1
        pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0**due.tries) * (1 + self._chance() / 4)
        stored.move(tx, due, told=due.told, tries=tries, not_before=tx.now + pause_s)
        is_over = outcome.is_gone or tries >= MOST_TRIES
        tx.change(webhook, error=outcome.error[:1000], state="disabled" if is_over else webhook.state)
        log.warning("webhook_failed", webhook=due.webhook.id, tries=tries, error=outcome.error, ends=is_over)


async def _go_on(step: Awaitable[T]) -> T | None:
    """What a step of the task brings; None when it failed, since the next one may succeed."""
    try:
        return await step
    except StudyhallError as error:
        log.warning("webhooks_wait", error=str(error))
    except Exception:  # the edge of a task
        log.exception("webhooks_failed")
    return None


def _taken(tx: Transaction, found: list[Due]) -> list[Due]:
    until = tx.now + TAKEN_S
    return [due for due in found if _is_there(tx, due) and stored.take(tx, due.webhook.id, due.study, until=until)]


def _is_there(tx: Transaction, due: Due) -> bool:
    """Whether webhook and study are still there: either may have been deleted since it was found."""
    webhook = stored.webhook(tx, due.webhook.project, due.webhook.id)
    return webhook is not None and tx.study(due.study) is not None


def _tested(tx: Transaction, principal: Principal, id: str, outcome: _Outcome) -> Webhook:
    row = _found(tx, principal, id)
    if outcome.error is None:
        tx.change(row, state="active", error=None, delivered_at=tx.now)
        stored.revive(tx, row.id)
    else:
        tx.change(row, error=outcome.error[:1000])
    return _told(row)


def _found(tx: Transaction, principal: Principal, id: str) -> WebhookRow:
    row = stored.webhook(tx, principal.project, id)
    if row is None:
        raise NotFound("there is no such webhook; GET /v1/webhooks lists those there are")
    return row


def _told(row: WebhookRow) -> Webhook:
    return Webhook(
        id=row.id, url=row.url, kinds=tuple(json.loads(row.kinds)), study=row.study_id,
        state="active" if row.state == "active" else "disabled", error=row.error,
        delivered_at=moment_or_none(row.delivered_at), created_at=moment(row.created_at),
    )  # fmt: skip


def _matches(kind: str, patterns: Collection[str]) -> bool:
    return any(
        pattern in ("*", kind) or (pattern.endswith(".*") and kind.startswith(pattern[:-1])) for pattern in patterns
    )
