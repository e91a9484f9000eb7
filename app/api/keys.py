"""Keys: made, listed, rotated, revoked; and what was done with them and others. For admins."""

from functools import partial

from app.api.answering import page_of
from app.api.context import Caller
from app.api.queries import KeyId, PageQuery
from app.api.routing import ADMINS, Routes
from app.services import keys, lists
from studyhall.errors import KeyEnded, LastAdmin
from studyhall.wire.pages import Page
from studyhall.wire.server import Audited, CreateKey, Key, RotateKey

routes = Routes("keys")

_USUAL_ROTATION = RotateKey()


@routes.post("/v1/keys", scopes=ADMINS, status=201)
async def create_key(context: Caller, body: CreateKey) -> Key:
    """Makes a key of the project; its secret is told this once.

    An Idempotency-Key is not kept here: it would keep the secret.
    """
    return await context.services.write(lambda tx: keys.create_key(tx, context.principal, body))


@routes.get("/v1/keys", scopes=ADMINS)
async def list_keys(context: Caller, query: PageQuery) -> Page[Key]:
    """Lists the keys of the project, oldest first, without their secrets."""
    return page_of(await context.services.read(partial(lists.keys, principal=context.principal)), query)


@routes.post("/v1/keys/{key}/rotate", scopes=ADMINS, status=201, problems=[KeyEnded])
async def rotate_key(context: Caller, key: KeyId, body: RotateKey = _USUAL_ROTATION) -> Key:
    """Makes a key in the place of another one, of its name, scope and lifetime; its secret is told this once.

    The old key is taken for `grace_s` more, a day unless said otherwise; with 0 it ends, here at once, at other servers
    within five seconds. An Idempotency-Key is not kept here: it would keep the secret.
    """
    made = await context.services.write(lambda tx: keys.rotate_key(tx, context.principal, key, body))
    context.authenticator.forget(key)
    return made


@routes.delete("/v1/keys/{key}", scopes=ADMINS, problems=[LastAdmin])
async def revoke_key(context: Caller, key: KeyId) -> None:
    """Ends a key, here at once, at other servers within five seconds."""
    await context.services.write(lambda tx: keys.revoke_key(tx, context.principal, key))
    context.authenticator.forget(key)


@routes.get("/v1/audit", scopes=ADMINS)
async def list_audit(context: Caller, query: PageQuery) -> Page[Audited]:
    """Lists who did what in the project, newest first: keys, share links, webhooks, deletions, corrected results."""
    asked = partial(lists.audit, principal=context.principal, limit=query.limit, cursor=query.cursor)
    return await context.services.read(asked)
