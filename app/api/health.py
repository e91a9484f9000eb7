"""Whether the service is up: without a key nothing about its inside, with one what `studyhall doctor` looks at."""

from datetime import UTC, datetime
from importlib.metadata import version

from app.api.context import Caller, Open
from app.api.routing import OPEN, READERS, Routes
from studyhall.errors import StudyhallError
from studyhall.wire.server import Health, ServerInfo

routes = Routes("health")

_UNAVAILABLE = {
    503: {
        "description": "Not now.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Health"}}},
    }
}


@routes.get("/healthz", scopes=OPEN)
async def get_health(context: Open) -> Health:  # noqa: ARG001  # every endpoint has one
    """Tells that the process answers."""
    return Health(status="ok")


@routes.get("/readyz", scopes=OPEN, responses=_UNAVAILABLE)
async def get_readiness(context: Open) -> Health:
    """Tells whether the service can work: its database answers and it is not going down."""
    services = context.services
    try:
        if not services.signals.is_closing:
            await services.find_key("")
            return Health(status="ok")
    except StudyhallError:
        pass
    context.status = 503
    return Health(status="unavailable")


@routes.get("/v1/server", scopes=READERS)
async def get_server(context: Caller) -> ServerInfo:
    """Tells what this server is and how it stands: version, clock, database, engine processes, writes that wait."""
    services = context.services
    return ServerInfo.model_construct(
        version=version("studyhall"),
        now=datetime.fromtimestamp(services.clock(), UTC),
        database="sqlite" if services.database.dialect == "sqlite" else "postgresql",
        engines=services.suggesting.engines,
        writes_waiting=services.database.writer.queued,
    )
