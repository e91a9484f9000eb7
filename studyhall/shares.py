"""Share links: one study to look at, for whoever has the link."""

from datetime import datetime
from typing import Annotated, Final

from pydantic import Field

from studyhall.words import PlainText, Word

WEEK_S: Final = 7 * 86400.0


class CreateShare(Word):
    """A link to make."""

    name: Annotated[PlainText, Field(max_length=128)] = ""
    """Whom it is for."""
    expires_in_s: Annotated[float, Field(gt=0, le=365 * 86400)] = WEEK_S


class Share(Word):
    """A link as the server tells it; `link` only once, when it is made."""

    id: str
    study: str
    name: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    link: str | None = None
    """The address of the study's page, from the server's root on, with a key that opens nothing else."""
