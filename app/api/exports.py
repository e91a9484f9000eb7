"""A study's trials as one file, streamed."""

import asyncio
import re
from collections.abc import AsyncIterator
from functools import partial
from typing import Final

from starlette.responses import Response, StreamingResponse

from app.api.context import Caller, Context
from app.api.queries import ExportQuery, StudyRef
from app.api.routing import VIEWERS, Routes
from app.services import exporting, reading
from app.services.exporting import TrialWriter
from app.storage.domain import definition_from

routes = Routes("exports")

_FILES: Final = {
    200: {
        "description": "The file, as it is read.",
        "content": {
            "application/x-ndjson": {"schema": {"type": "string", "description": "One `Trial` a line."}},
            "text/csv": {"schema": {"type": "string"}},
            "application/vnd.apache.parquet": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


@routes.get("/v1/studies/{study}/export", scopes=VIEWERS, responses=_FILES)
async def export_study(context: Caller, study: StudyRef, query: ExportQuery) -> Response:
    """Tells all trials that there are now as one file, by number; `POST /v1/studies/{study}/trials` adds them again.

    Each trial stands as it was when it was read, which of a large study is not the same moment for all of them.
    """
    found = await context.services.read(partial(reading.find_study, principal=context.principal, name=study))
    definition = definition_from(found.definition)
    writer = await asyncio.to_thread(exporting.writer_for, query.format, definition)
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", found.name)
    return StreamingResponse(
        _pieces(context, found.id, found.next_number, writer),
        media_type=writer.media_type,
        headers={
            "cache-control": "no-store",
            "content-disposition": f'attachment; filename="{name}.{query.format}"',
            "x-accel-buffering": "no",
        },
    )


async def _pieces(context: Context, study_id: str, end: int, writer: TrialWriter) -> AsyncIterator[bytes]:
    for start in range(0, end, exporting.PORTION):
        trials = await context.services.read(partial(exporting.portion, study_id=study_id, after=start, before=end))
        if piece := await asyncio.to_thread(writer.write, trials):
            yield piece
    if ending := await asyncio.to_thread(writer.close):
        yield ending
