"""The numbers that operators watch, for Prometheus."""

from starlette.responses import Response

from app.api.context import Caller
from app.api.routing import READERS, Routes
from app.meters import CONTENT_TYPE
from app.services.metering import exposition

routes = Routes("operations")

_TEXT = {
    200: {
        "description": "Metrics in Prometheus' text format.",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
}


@routes.get("/metrics", scopes=READERS, status=200, responses=_TEXT)
async def get_metrics(context: Caller) -> Response:
    """Tells what this server counts and times of itself, and the database's trials and workers by state.

    The numbers are those of the whole server, whichever project the key is of; no name of a study or worker is in them.
    """
    return Response(await exposition(context.services), headers={"cache-control": "no-store"}, media_type=CONTENT_TYPE)
