"""What happens in a study, as it happens: pages to wait for, or a stream.

A stream says only how far the study has come; whoever listens asks for what changed. So a slow reader holds no data
back, and a reader that lost its connection goes on with `Last-Event-ID`.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from functools import partial

from starlette.responses import Response, StreamingResponse

from app.api.answering import while_connected
from app.api.context import Caller, Context
from app.api.queries import EventsQuery, FeedQuery, StudyRef
from app.api.routing import READERS, VIEWERS, Routes
from app.services import reading
from studyhall.errors import FieldError, InvalidCursor, InvalidInput
from studyhall.wire.results import Events, Feed

routes = Routes("events")

PING_S = 15.0
PAUSE_S = 0.4
"""Between two events of a stream: a fleet may finish a thousand trials a second, and nobody can look that fast."""
FEED_PAUSE_S = 1.0
"""The same of all studies of a project."""
LONGEST_STREAM_S = 3600.0
"""After an hour the stream ends and the client comes again: keys expire, and load balancers forget."""

_STREAM_ACCEPTED = re.compile(r"text/event-stream(?!\s*;\s*q=0(\.0*)?\s*(,|;|$))", re.IGNORECASE)
_STREAM = {
    200: {
        "content": {
            "text/event-stream": {
                "schema": {"type": "string", "description": "Server-sent events: `id`, and JSON as `data`."}
            }
        }
    }
}


@routes.get("/v1/studies/{study}/events", scopes=VIEWERS, responses=_STREAM)
async def list_events(context: Caller, study: StudyRef, query: EventsQuery) -> Events | Response:
    """Tells what happened after a sequence number, waiting for it if nothing has; or streams how far the study is.

    With `Accept: text/event-stream` the answer is a stream of server-sent events, which `Last-Event-ID` resumes. A
    number that the study has not reached, as one from before a restore, is refused.
    """
    services = context.services
    found = await services.read(partial(reading.find_study, principal=context.principal, name=study))
    is_stream = _accepts_stream(context)
    after = _resumed_after(context, query.after) if is_stream else query.after
    if after > found.sequence:
        told = f"the study is at {found.sequence}; it may have been restored from a backup: read it again from there"
        raise InvalidCursor(f"There is no sequence number {after} yet.", errors=[FieldError("/query/after", told)])
    if is_stream:
        return _as_stream(_stream(context, found.id, after))
    waiting = services.events(found.id, query.after, wait_s=query.wait_s, limit=query.limit)
    items, sequence = await (while_connected(context, waiting) if query.wait_s else waiting)
    return Events.model_construct(items=tuple(items), sequence=sequence)


@routes.get("/v1/events", scopes=READERS, responses=_STREAM)
async def get_feed(context: Caller, query: FeedQuery) -> Feed | Response:
    """Tells how far every study of the project is, waiting for news; or streams it.

    Of a stream's events (`Accept: text/event-stream`) the first one tells all studies, unless `Last-Event-ID` is still
    true, and each other one those that have changed since, with null for a study that is gone.
    """
    if _accepts_stream(context):
        return _as_stream(_feed(context, context.header("last-event-id")))
    waiting = context.services.feed(context.principal.project, query.after, wait_s=query.wait_s)
    return await (while_connected(context, waiting) if query.wait_s else waiting)


async def _feed(context: Context, after: str | None) -> AsyncIterator[bytes]:
    services = context.services
    clock = asyncio.get_running_loop().time
    end, known = clock() + LONGEST_STREAM_S, dict[str, int]()
    if after is not None:
        now = await services.feed(context.principal.project, None, wait_s=0)
        known = now.sequences if now.cursor == after else known
    while clock() < end:
        told = await services.feed(context.principal.project, after, wait_s=PING_S)
        if told.cursor != after:
            news: dict[str, int | None] = {id: s for id, s in told.sequences.items() if known.get(id) != s}
            news |= dict.fromkeys(known.keys() - told.sequences.keys())
            after, known = told.cursor, told.sequences
            yield b"id: %b\ndata: %b\n\n" % (after.encode(), json.dumps({"sequences": news}).encode())
            await asyncio.sleep(FEED_PAUSE_S)
        elif services.signals.is_closing:
            return
        else:
            yield b": ping\n\n"


def _accepts_stream(context: Context) -> bool:
    return _STREAM_ACCEPTED.search(context.header("accept") or "") is not None


def _as_stream(pieces: AsyncIterator[bytes]) -> Response:
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(pieces, media_type="text/event-stream", headers=headers)


async def _stream(context: Context, study_id: str, after: int) -> AsyncIterator[bytes]:
    services = context.services
    clock = asyncio.get_running_loop().time
    end = clock() + LONGEST_STREAM_S
    while clock() < end:
        sequence = await services.sequence_beyond(context.principal.project, study_id, after, wait_s=PING_S)
        if sequence is None or (services.signals.is_closing and sequence <= after):
            return
        if sequence > after:
            after = sequence
            yield b'id: %d\ndata: {"sequence": %d}\n\n' % (sequence, sequence)
            await asyncio.sleep(_until_next_moment(clock()))
        else:
            yield b": ping\n\n"


def _until_next_moment(now: float) -> float:
    """Streams speak at common moments: whoever listens hears the same number, and asks for the same changes."""
    return PAUSE_S - now % PAUSE_S


def _resumed_after(context: Context, after: int) -> int:
    text = context.header("last-event-id")
    if text is None:
        return after
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise InvalidInput(
            "The header Last-Event-ID is not a sequence number.",
            errors=[FieldError("", "send the id of the last event")],
        )
    return int(text)
