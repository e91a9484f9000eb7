"""Webhooks: what a server is told to send where, what it sends, and how a receiver knows that it was the server.

from studyhall.webhooks import check_signature

delivery = check_signature(secret, request.headers, request.body)
for event in delivery.events:
    ...
"""

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints, ValidationError

from studyhall.errors import Forbidden, MalformedRequest
from studyhall.wire.results import Event
from studyhall.words import Word

SIGNATURE, TIMESTAMP, DELIVERY = "X-Studyhall-Signature", "X-Studyhall-Timestamp", "X-Studyhall-Delivery"
TOLERANCE_S: Final = 300.0
"""How old a delivery may be, in seconds: who has overheard one cannot send it again for ever."""

EventPattern = Annotated[
    str, StringConstraints(pattern=r"^(\*|(study|trial)\.(\*|[a-z_]+))$", min_length=1, max_length=32)
]
"""A kind of events, all of studies' or of trials', or all there are: `study.completed`, `trial.*`, `*`."""
WebhookUrl = Annotated[str, StringConstraints(pattern=r"^https?://[\x21-\x7e]+$", min_length=9, max_length=2000)]


class CreateWebhook(Word):
    """Where to send what happens."""

    url: WebhookUrl
    kinds: Annotated[tuple[EventPattern, ...], Field(min_length=1, max_length=20)] = ("study.completed", "study.failed")
    study: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    """The name or id of one study; absent: all of the project, those to come too."""


class Webhook(Word):
    """A webhook as the server tells it; `secret` only once, when it is made."""

    id: str
    url: str
    kinds: tuple[str, ...]
    study: str | None = None
    state: Literal["active", "disabled"]
    """`disabled`: it failed for more than a day, or its receiver said that it is gone (410)."""
    error: str | None = None
    """Why the last delivery failed; absent when it did not."""
    delivered_at: datetime | None = None
    """When a delivery last arrived."""
    created_at: datetime
    secret: str | None = None


class Delivery(Word):
    """What is sent: events of one study, in their order. One may come twice; `(study, sequence)` tells."""

    webhook: str
    study: str
    study_name: str
    events: tuple[Event, ...]
    """None in a test."""


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """What stands in the header: `v1=` and the HMAC-SHA256 of `TIMESTAMP.BODY`, in hexadecimal digits."""
    return "v1=" + hmac.new(secret.encode(), b"%d." % timestamp + body, hashlib.sha256).hexdigest()


def check_signature(
    secret: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    tolerance_s: float = TOLERANCE_S,
    now: Callable[[], float] = time.time,
) -> Delivery:
    """The delivery, when the server that knows the secret has sent it, and lately.

    Args:
        headers: those of the request; upper and lower case are one.
        body: as it came, byte for byte.

    Raises:
        Forbidden: it is signed with another secret, not at all, or too long ago.
        MalformedRequest: it is signed, and no delivery as this version knows it.
    """
    found = {name.lower(): value for name, value in headers.items()}
    stamp = found.get(TIMESTAMP.lower(), "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        raise Forbidden("the delivery has no timestamp")
    if not hmac.compare_digest(signature(secret, int(stamp), body).encode(), found.get(SIGNATURE.lower(), "").encode()):
        raise Forbidden("the delivery is not signed with this secret")
    if abs(now() - int(stamp)) > tolerance_s:
        raise Forbidden("the delivery was signed too long ago; compare the clocks")
    try:
        return Delivery.model_validate_json(body, extra="ignore")
    except ValidationError as error:
        raise MalformedRequest("the delivery is none as this version knows it") from error
