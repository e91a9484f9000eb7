"""Files that attempts keep: sent and read as streams, by name."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Final

from pydantic import StringConstraints
from starlette.responses import FileResponse, Response
from starlette.types import Receive

from app.api.answering import page_of
from app.api.context import Caller, Context
from app.api.front_door import SECURITY_HEADERS
from app.api.queries import ArtifactQuery, PageQuery, SentArtifactQuery, TrialId
from app.api.routing import READERS, WORKERS, Routes
from app.services import artifacts
from app.storage.transaction import Touches
from studyhall.errors import FieldError, InvalidInput, NotFound, StaleLease, TooMuch, Unavailable
from studyhall.wire import Artifact, Page

routes = Routes("artifacts")

ArtifactName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$", max_length=256)
]
# What a trial made is a stranger's file: a browser saves it, and runs nothing in it.
_SAVED: Final = {name.decode(): value.decode() for name, value in SECURITY_HEADERS} | {
    "content-security-policy": "default-src 'none'; sandbox",
    "cache-control": "private, no-cache",
}
_FILE: Final = {
    200: {
        "description": "The file; with a Range header a part of it, as 206.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@routes.post("/v1/trials/{trial}/artifacts", scopes=WORKERS, status=201, streams=True, problems=[StaleLease, TooMuch])
async def send_artifact(context: Caller, trial: TrialId, query: SentArtifactQuery) -> Artifact:
    """Keeps the body, `application/octet-stream`, under a name; the lease's token is in the header X-Lease-Token."""
    services, token = context.services, context.header("x-lease-token") or ""
    await services.read(
        partial(
            artifacts.check_sender,
            principal=context.principal,
            trial_id=trial,
            attempt=query.attempt,
            token=token,
        )
    )
    try:
        content = await services.contents.keep(_pieces(context.receive))
    except OSError as error:
        raise Unavailable("the server has no room for this artifact now; see its disk") from error
    if query.sha256 not in (None, content.sha256):
        raise InvalidInput(errors=[FieldError("/query/sha256", f"what came has {content.sha256}; send it again")])
    return await services.write(
        lambda tx: artifacts.keep_artifact(
            tx, context.principal, trial, attempt=query.attempt, token=token, name=query.name, content=content
        ),
        Touches(trials=(trial,)),
    )


@routes.get("/v1/trials/{trial}/artifacts", scopes=READERS)
async def list_artifacts(context: Caller, trial: TrialId, query: PageQuery) -> Page[Artifact]:
    """Lists what the attempts at a trial have kept, the latest attempt first."""
    found = await context.services.read(partial(artifacts.list_artifacts, principal=context.principal, trial_id=trial))
    return page_of(found, query)


@routes.get("/v1/trials/{trial}/artifacts/{name:path}", scopes=READERS, responses=_FILE)
async def get_artifact(context: Caller, trial: TrialId, name: ArtifactName, query: ArtifactQuery) -> Response:
    """Reads an artifact, or a part of it."""
    found = await context.services.read(
        partial(
            artifacts.find_artifact,
            principal=context.principal,
            trial_id=trial,
            attempt=query.attempt,
            name=name,
        )
    )
    return _file(context, found)


def _file(context: Context, found: Artifact) -> Response:
    path = context.services.contents.path(found.sha256)
    if not path.is_file():
        raise NotFound("the content of this artifact is gone from the server's directory")
    etag = f'"{found.sha256}"'
    headers = _SAVED | {"etag": etag, "x-content-sha256": found.sha256}
    if context.header("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return FileResponse(
        path, headers=headers, media_type="application/octet-stream", filename=found.name.rpartition("/")[2]
    )


async def _pieces(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if piece := message.get("body", b""):
            yield piece
        if not message.get("more_body", False):
            return
