"""Who asks."""

from dataclasses import dataclass
from typing import Literal

Scope = Literal["admin", "user", "reader", "worker", "guest"]
"""A guest has a share link: one study, and nothing but reading."""


@dataclass(frozen=True, slots=True)
class Principal:
    """The key a request came with: whose it is, and what it may do. A key belongs to one project and sees only it."""

    key_id: str
    project: str
    scope: Scope
    study: str | None = None
    """Of a guest: the id of the only study that exists for it."""
