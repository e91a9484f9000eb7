"""Webhooks: made, listed, tried, ended."""

from functools import partial

from app.api.answering import page_of
from app.api.context import Caller
from app.api.queries import PageQuery, WebhookId
from app.api.routing import USERS, Routes
from app.services import webhooks
from app.services.webhooks import WebhooksOff
from studyhall.webhooks import CreateWebhook, Webhook
from studyhall.wire.pages import Page

routes = Routes("webhooks")


@routes.post("/v1/webhooks", scopes=USERS, status=201, problems=[WebhooksOff])
async def create_webhook(context: Caller, body: CreateWebhook) -> Webhook:
    """Tells what happens from now on to a URL; its secret, with which each delivery is signed, is told this once.

    An Idempotency-Key is not kept here: it would keep the secret.
    """
    origins = context.services.webhooks.origins
    return await context.services.write(
        lambda tx: webhooks.create_webhook(tx, context.principal, body, origins=origins)
    )


@routes.get("/v1/webhooks", scopes=USERS)
async def list_webhooks(context: Caller, query: PageQuery) -> Page[Webhook]:
    """Lists the webhooks of the project, oldest first, without their secrets."""
    return page_of(await context.services.read(partial(webhooks.list_webhooks, principal=context.principal)), query)


@routes.delete("/v1/webhooks/{webhook}", scopes=USERS)
async def delete_webhook(context: Caller, webhook: WebhookId) -> None:
    """Ends a webhook."""
    await context.services.write(lambda tx: webhooks.delete_webhook(tx, context.principal, webhook))


@routes.post("/v1/webhooks/{webhook}/test", scopes=USERS)
async def test_webhook(context: Caller, webhook: WebhookId) -> Webhook:
    """Sends a delivery without events now; `error` tells what came of it.

    One that arrives takes a disabled webhook back.
    """
    return await context.services.webhooks.test(context.principal, webhook)
