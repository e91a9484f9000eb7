"""Keys: made, listed, revoked. For admins."""

from functools import partial

from app.api.answering import page_of
from app.api.context import Caller
from app.api.queries import KeyId, PageQuery
from app.api.routing import ADMINS, Routes
from app.services import keys, lists
from studyhall.errors import LastAdmin
from studyhall.wire import CreateKey, Key, Page

routes = Routes("keys")


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


@routes.delete("/v1/keys/{key}", scopes=ADMINS, problems=[LastAdmin])
async def revoke_key(context: Caller, key: KeyId) -> None:
    """Ends a key, here at once, at other servers within five seconds."""
    await context.services.write(lambda tx: keys.revoke_key(tx, context.principal, key))
    context.authenticator.forget(key)
