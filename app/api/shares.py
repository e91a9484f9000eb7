"""Share links of studies: made, listed, ended."""

from functools import partial

from app.api.answering import page_of
from app.api.context import Caller
from app.api.queries import KeyId, PageQuery, StudyRef
from app.api.routing import USERS, Routes
from app.services import shares
from studyhall.shares import CreateShare, Share
from studyhall.wire.pages import Page

routes = Routes("shares")

_USUAL = CreateShare()


@routes.post("/v1/studies/{study}/shares", scopes=USERS, status=201)
async def create_share(context: Caller, study: StudyRef, body: CreateShare = _USUAL) -> Share:
    """Makes a link with which anyone may look at this study until it expires; it is told this once.

    It opens no other study, no logs and no artifacts, and changes nothing. An Idempotency-Key is not kept here: it
    would keep the key in the link.
    """
    return await context.services.write(lambda tx: shares.create_share(tx, context.principal, study, body))


@routes.get("/v1/studies/{study}/shares", scopes=USERS)
async def list_shares(context: Caller, study: StudyRef, query: PageQuery) -> Page[Share]:
    """Lists the links to a study, oldest first, without their keys."""
    found = await context.services.read(partial(shares.list_shares, principal=context.principal, name=study))
    return page_of(found, query)


@routes.delete("/v1/studies/{study}/shares/{share}", scopes=USERS)
async def revoke_share(context: Caller, study: StudyRef, share: KeyId) -> None:
    """Ends a link, here at once, at other servers within five seconds."""
    await context.services.write(lambda tx: shares.revoke_share(tx, context.principal, study, share))
    context.authenticator.forget(share)
