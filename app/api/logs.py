"""What attempts print: workers send it while it is printed, people read it as it comes."""

import asyncio
from functools import partial

from app.api.answering import while_connected
from app.api.context import Caller, Context
from app.api.queries import LogQuery, TrialId
from app.api.routing import READERS, WORKERS, Routes
from app.services import logs
from app.storage.prefetch import Touches
from studyhall.errors import StaleLease
from studyhall.wire.outputs import Log, LogKept, SendLog

routes = Routes("logs")

LOOK_EVERY_S = 0.5
"""Logs wake nobody: a fleet prints all the time, and few listen."""


@routes.post("/v1/trials/{trial}/logs", scopes=WORKERS, problems=[StaleLease])
async def send_log(context: Caller, trial: TrialId, body: SendLog) -> LogKept:
    """Keeps a piece of what an attempt prints, and says where the next one begins."""
    return await context.services.write(
        lambda tx: logs.keep_log(tx, context.principal, trial, body), Touches(trials=(trial,))
    )


@routes.get("/v1/trials/{trial}/logs", scopes=READERS)
async def get_log(context: Caller, trial: TrialId, query: LogQuery) -> Log:
    """Reads a part of an attempt's log, waiting for more of it while the attempt runs."""
    waiting = _log(context, trial, query)
    return await (while_connected(context, waiting) if query.wait_s else waiting)


async def _log(context: Context, trial: str, query: LogQuery) -> Log:
    services, clock = context.services, asyncio.get_running_loop().time
    deadline = clock() + query.wait_s
    read = partial(logs.read_log, principal=context.principal, trial_id=trial, attempt=query.attempt, after=query.after)
    while True:
        found = await services.read(read)
        if found.text or found.ended or services.signals.is_closing or clock() >= deadline:
            return found
        await asyncio.sleep(min(LOOK_EVERY_S, max(0.0, deadline - clock())))
