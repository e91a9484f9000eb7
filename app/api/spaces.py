"""Search spaces, tried out without a study."""

import asyncio

from app.api.context import Caller
from app.api.routing import READERS, Routes
from app.services.spaces import check_space
from studyhall.errors import SpaceInfeasible
from studyhall.wire.studies import CheckedSpace, CheckSpace

routes = Routes("spaces")


@routes.post("/v1/spaces/validate", scopes=READERS, problems=[SpaceInfeasible])
async def validate_space(context: Caller, body: CheckSpace) -> CheckedSpace:  # noqa: ARG001  # every endpoint has one
    """Tells what a valid space looks like: its size, samples, and how often its constraints hold."""
    return await asyncio.to_thread(check_space, body)
