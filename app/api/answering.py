"""What several routes do alike: answer once per Idempotency-Key, cut lists into pages, wait while somebody listens."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive

from app.api.context import Context
from app.api.queries import PageQuery
from app.services.once import Once, Replay, do_once
from app.services.shared_reading import Answer, place_of
from app.storage.prefetch import NOTHING, Touches
from app.storage.reader import Connection
from app.storage.transaction import Transaction
from studyhall.errors import InvalidCursor
from studyhall.wire.pages import Page

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")


async def write_once(
    context: Context, verb: Callable[[Transaction], M], *, status: int = 200, touches: Touches = NOTHING
) -> M | Response:
    """Runs a verb; the same request with the same Idempotency-Key gets the stored answer instead.

    Raises:
        IdempotencyKeyReused: the key came before with another body.
    """
    result = await answer_once(context, lambda tx: (verb(tx), status), touches=touches)
    return result if isinstance(result, Response) else result[0]


async def answer_once(
    context: Context, verb: Callable[[Transaction], tuple[M, int]], *, touches: Touches = NOTHING
) -> tuple[M, int] | Response:
    """The same for a verb that decides the status of its answer."""
    key = context.idempotency_key
    if key is None:
        return await context.services.write(verb, touches)
    once = Once(context.principal.key_id, context.route, key, context.request_hash)
    result: tuple[M, int] | Replay = await context.services.write(lambda tx: do_once(tx, once, verb), touches)
    if not isinstance(result, Replay):
        return result
    headers = {"cache-control": "no-store", "idempotency-replayed": "true"}
    return Response(result.body, result.status, headers, media_type="application/json")


async def answer_shared(
    context: Context, query: Callable[[Connection], Answer], *asked: Hashable, at_least: int | None, tag: bool = True
) -> Response:
    """What a query tells, read once for all who ask the same at the same time.

    Args:
        asked: everything but the principal and the route that the answer depends on.
        at_least: a kept answer for this sequence number or a later one will do.
        tag: nothing but the study's sequence number changes the answer.
    """
    place = place_of(context.principal, context.route, *asked)
    answer = await context.services.shared.answer(place, query, at_least=at_least)
    if tag:
        context.tag(answer.sequence)
    return context.json(answer.body)


def page_of(items: Sequence[T], query: PageQuery) -> Page[T]:
    """One page of a list that is short enough to be read as a whole.

    Raises:
        InvalidCursor: the cursor was not made here.
    """
    cursor = query.cursor or "0"
    if not (cursor.isascii() and cursor.isdigit()) or int(cursor[:9]) > len(items):
        raise InvalidCursor
    start = int(cursor[:9])
    end = start + query.limit
    return Page[T].model_construct(items=tuple(items[start:end]), next_cursor=str(end) if end < len(items) else None)


async def while_connected(context: Context, waiting: Coroutine[Any, Any, T]) -> T:
    """Waits for an answer as long as the client does.

    Why: a claim that goes on after its worker has gone would hand a trial to nobody, until its lease runs out.

    Raises:
        ClientDisconnect: the client has gone; what was waited for was cancelled.
    """
    answer = asyncio.ensure_future(waiting)
    gone = asyncio.ensure_future(_left(context.receive))
    try:
        await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        raise ClientDisconnect
    finally:
        answer.cancel()
        gone.cancel()


async def _left(receive: Receive) -> None:
    # The first message of a request without a body is its empty body.
    while (await receive())["type"] != "http.disconnect":
        pass
