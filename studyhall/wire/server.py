"""Keys, the audit log, and the server itself."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from studyhall.words import PlainText, Word

Scope = Literal["admin", "user", "reader", "worker"]


class CreateKey(Word):
    """A key to make; `expires_in_s` absent: 90 days, for workers 30."""

    name: Annotated[PlainText, Field(min_length=1, max_length=128)]
    scope: Scope
    expires_in_s: Annotated[float, Field(gt=0, le=10 * 365 * 86400)] | None = None


class RotateKey(Word):
    """A new key in the place of an old one; the old one is taken for `grace_s` more, 0: it ends at once."""

    grace_s: Annotated[float, Field(ge=0, le=30 * 86400)] = 86400.0
    expires_in_s: Annotated[float, Field(gt=0, le=10 * 365 * 86400)] | None = None
    """Absent: as long as the old one was made to live."""


class Key(Word):
    """A key as the server tells it; `secret` only once, when it is made."""

    id: str
    name: str
    scope: Scope | Literal["guest"]
    """`guest`: a share link, which reads one study."""
    project: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    """To the hour; absent: not yet."""
    secret: str | None = None


class Audited(Word):
    """A line of the audit log: an act that changes who may do what, or what a result is."""

    id: int
    at: datetime
    key: str
    """The id of the key that did it; empty: the server itself, or somebody where no keys are asked for."""
    action: str
    """`key.created`, `study.deleted`, `trial.corrected` …"""
    subject: str
    """The id or name of what it was done to."""
    data: dict[str, JsonValue] = Field(default_factory=dict)


class ServerInfo(Word):
    """What a server is and how it stands; what `studyhall doctor` looks at."""

    version: str
    now: datetime
    """The server's clock, in UTC."""
    database: Literal["sqlite", "postgresql"]
    engines: int | None = None
    """Engine processes that live beside this server; absent: others run them (`studyhall engine`)."""
    writes_waiting: int
    """How many writes wait for the database now."""


class Health(Word):
    """Whether the service is up, without saying anything about its inside."""

    status: Literal["ok", "unavailable"]
