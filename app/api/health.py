"""Whether the service is up. No key, and nothing about its inside."""

from app.api.context import Open
from app.api.routing import OPEN, Routes
from studyhall.errors import StudyhallError
from studyhall.wire import Health

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
