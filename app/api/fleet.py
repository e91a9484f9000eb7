"""The fleet: workers introduce themselves; what they and the engines can do."""

from functools import partial
from typing import Annotated

from pydantic import StringConstraints

from app.api.answering import page_of
from app.api.context import Caller
from app.api.queries import PageQuery
from app.api.routing import READERS, USERS, WORKERS, Routes
from app.search import registry, stopping
from app.services import fleet, lists
from studyhall.wire.fleet import PatchWorker, RegisterWorker, TrainableInfo, Worker
from studyhall.wire.pages import Page
from studyhall.wire.studies import AlgorithmInfo

routes = Routes("fleet")

WorkerRef = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:@/-]+$", min_length=1, max_length=128)]


@routes.post("/v1/workers", scopes=WORKERS)
async def register_worker(context: Caller, body: RegisterWorker) -> Worker:
    """Keeps what a worker says of itself; the same name again is the same worker."""
    return await context.services.write(lambda tx: fleet.register_worker(tx, context.principal, body))


@routes.get("/v1/workers", scopes=READERS)
async def list_workers(context: Caller, query: PageQuery) -> Page[Worker]:
    """Lists the workers of the project, by name."""
    services = context.services
    found = await services.read(partial(lists.workers, principal=context.principal, now=services.clock()))
    return page_of(found, query)


@routes.patch("/v1/workers/{worker:path}", scopes=USERS)
async def patch_worker(context: Caller, worker: WorkerRef, body: PatchWorker) -> Worker:
    """Puts a worker aside, drains it, or takes it back."""
    return await context.services.write(lambda tx: fleet.patch_worker(tx, context.principal, worker, body))


@routes.get("/v1/algorithms", scopes=READERS)
async def list_algorithms(context: Caller, query: PageQuery) -> Page[AlgorithmInfo]:  # noqa: ARG001  # every endpoint has one
    """Lists the engines and the stopping rules, with the JSON schema of each one's options."""
    return page_of((*registry.algorithms(), *stopping.rules()), query)


@routes.get("/v1/trainables", scopes=READERS)
async def list_trainables(context: Caller, query: PageQuery) -> Page[TrainableInfo]:
    """Lists what the project's workers can train."""
    found = await context.services.read(partial(lists.trainables, principal=context.principal))
    return page_of(found, query)
