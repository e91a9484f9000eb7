"""Files that attempts keep: sent and read as streams, by name."""

import asyncio
import re
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Final

from pydantic import StringConstraints
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.types import Receive

from app.api.answering import page_of
from app.api.context import Caller, Context
from app.api.front_door import SECURITY_HEADERS
from app.api.queries import ArtifactQuery, PageQuery, SentArtifactQuery, TrialId
from app.api.routing import READERS, WORKERS, Routes
from app.services import artifacts
from app.storage.object_contents import ObjectContents
from app.storage.prefetch import Touches
from studyhall.errors import FieldError, InvalidInput, NotFound, StaleLease, TooMuch, Unavailable
from studyhall.wire.outputs import Artifact
from studyhall.wire.pages import Page

routes = Routes("artifacts")

ArtifactName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$", max_length=256)
]
# What a trial made is a stranger's file: a browser saves it, and runs nothing in it.
_SAVED: Final = {name.decode(): value.decode() for name, value in SECURITY_HEADERS} | {
    "content-security-policy": "default-src 'none'; sandbox",
    "cache-control": "private, no-cache",
}
_BYTES: Final = "application/octet-stream"
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
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
        raise Unavailable("the server cannot keep this artifact now; see its disk, or its object store") from error
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
    return await _file(context, found)


async def _file(context: Context, found: Artifact) -> Response:
    contents, etag = context.services.contents, f'"{found.sha256}"'
    headers = _SAVED | {"etag": etag, "x-content-sha256": found.sha256}
    if context.header("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    filename = found.name.rpartition("/")[2]
    if isinstance(contents, ObjectContents):
        return await _streamed(context, contents, found.sha256, headers | _named(filename))
    path = contents.path(found.sha256)
    if not path.is_file():
        raise _gone()
    return FileResponse(path, headers=headers, media_type=_BYTES, filename=filename)


async def _streamed(context: Context, contents: ObjectContents, sha256: str, headers: dict[str, str]) -> Response:
    """A content, or one range of it, as the store gives it."""
    try:
        size = await asyncio.to_thread(contents.size, sha256)
    except OSError as error:
        raise Unavailable("the store of artifacts cannot be reached; try again later") from error
    if size is None:
        raise _gone()
    headers |= {"accept-ranges": "bytes"}
    wanted = context.header("range")
    if wanted is None or context.header("if-range") not in (None, headers["etag"]):
        whole = headers | {"content-length": str(size)}
        return StreamingResponse(contents.read(sha256, 0, size), headers=whole, media_type=_BYTES)
    part = _part(wanted, size)
    if part is None:
        return Response(status_code=416, headers=headers | {"content-range": f"bytes */{size}"})
    start, end = part
    headers |= {"content-length": str(end - start), "content-range": f"bytes {start}-{end - 1}/{size}"}
    return StreamingResponse(contents.read(sha256, start, end), status_code=206, headers=headers, media_type=_BYTES)


def _part(wanted: str, size: int) -> tuple[int, int] | None:
    """The first byte of a range and the one after its last; None where there is no such part (RFC 9110, 14.1.2)."""
    found = _RANGE.fullmatch(wanted.strip())
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        start, end = max(0, size - int(found[2])), size
    else:
        start, end = int(found[1]), min(size, int(found[2]) + 1) if found[2] else size
    return (start, end) if start < end else None


def _named(filename: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="{filename}"'}


def _gone() -> NotFound:
    return NotFound("the content of this artifact is gone from the server's store")


async def _pieces(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if piece := message.get("body", b""):
            yield piece
        if not message.get("more_body", False):
            return
