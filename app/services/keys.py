"""API keys: made, listed, rotated, revoked; the first one by the server itself."""

import math
from collections.abc import Callable

from app.services.key_text import make_key
from app.services.principal import Principal
from app.storage.domain import key_from
from app.storage.prefetch import Touches
from app.storage.rows import KeyRow
from app.storage.transaction import Transaction
from studyhall.errors import KeyEnded, LastAdmin, NotFound
from studyhall.wire.server import CreateKey, Key, RotateKey

FIRST_PROJECT = "default"
ON_FIRST_KEY = Touches(tokens=("first key",))
"""Holds up the other servers that start on the same empty database; see `prefetch` on tokens."""
USED_EVERY_S = 3600.0
_DAY_S = 86400.0
LIVES_S = {"admin": None, "user": 90 * _DAY_S, "reader": 90 * _DAY_S, "worker": 30 * _DAY_S}


class KeysInUse:
    """Which keys have been used since that was last written down: once an hour is enough to find those that are not.

    Args:
        monotonic: the clock, in seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._noted: dict[str, float] = {}
        self._used: set[str] = set()

    def note(self, key_id: str) -> None:
        """A request came with this key."""
        now = self._monotonic()
        if now >= self._noted.get(key_id, -math.inf) + USED_EVERY_S:
            self._noted[key_id] = now
            self._used.add(key_id)

    def take(self) -> tuple[str, ...]:
        """Those to write down now, once."""
        used, self._used = tuple(sorted(self._used)), set()
        return used


def create_first_key(tx: Transaction) -> Key | None:
    """An admin key for an empty database, None when there are keys already; to be asked with `ON_FIRST_KEY`."""
    if tx.all_keys():
        return None
    return _create(tx, project=FIRST_PROJECT, request=CreateKey(name="first", scope="admin"), by="")


def create_admin_key(tx: Transaction) -> Key:
    """Another admin key, for whoever reaches the database itself and has no key that works."""
    return _create(tx, project=FIRST_PROJECT, request=CreateKey(name="recovery", scope="admin"), by="")


def create_key(tx: Transaction, principal: Principal, request: CreateKey) -> Key:
    """A new key of the asker's project; its secret is told this once."""
    return _create(tx, project=principal.project, request=request, by=principal.key_id)


def rotate_key(tx: Transaction, principal: Principal, key_id: str, request: RotateKey) -> Key:
    """A new key in the place of an old one, in one act: of its name, scope and lifetime; its secret is told this once.

    The old one is taken for the grace that was asked for, so that it can be replaced where it is used; with none it
    ends now, as by `revoke_key`.

    Raises:
        NotFound: there is no such key in this project.
        KeyEnded: it has ended already, or is a share link.
    """
    old = _found(tx, principal, key_id)
    if old.scope == "guest" or _has_ended(tx, old):
        raise KeyEnded
    lives_s = request.expires_in_s or (None if old.expires_at is None else old.expires_at - old.created_at)
    new = _add(tx, project=old.project, name=old.name, scope=old.scope, lives_s=lives_s)
    ends_at = tx.now + request.grace_s
    if request.grace_s == 0:
        tx.change(old, revoked_at=tx.now)
    elif old.taken_until is None or old.taken_until > ends_at:
        tx.change(old, taken_until=ends_at)
    audited = {"new": new.id, "scope": old.scope, "grace_s": request.grace_s}
    tx.audit(project=old.project, key_id=principal.key_id, action="key.rotated", subject=old.id, **audited)
    return new


def revoke_key(tx: Transaction, principal: Principal, key_id: str) -> None:
    """Ends a key now; a server may still take it for five seconds.

    Raises:
        NotFound: there is no such key in this project.
        LastAdmin: no other admin key works, but for those that were rotated and end with their grace.
    """
    key = _found(tx, principal, key_id)
    if key.revoked_at is not None:
        return
    if key.scope == "admin" and not _has_ended(tx, key) and not _has_another_admin(tx, key):
        raise LastAdmin
    tx.change(key, revoked_at=tx.now)
    tx.audit(project=key.project, key_id=principal.key_id, action="key.revoked", subject=key.id)


def _create(tx: Transaction, *, project: str, request: CreateKey, by: str) -> Key:
    lives_s = request.expires_in_s if request.expires_in_s is not None else LIVES_S[request.scope]
    made = _add(tx, project=project, name=request.name, scope=request.scope, lives_s=lives_s)
    tx.audit(project=project, key_id=by, action="key.created", subject=made.id, scope=request.scope)
    return made


def _add(tx: Transaction, *, project: str, name: str, scope: str, lives_s: float | None) -> Key:
    made = make_key()
    row = KeyRow(
        id=made.id, project=project, name=name, scope=scope, study_id=None, hash=made.hash,
        created_at=tx.now, expires_at=None if lives_s is None else tx.now + lives_s, revoked_at=None,
    )  # fmt: skip
    tx.add_key(row)
    return key_from(row, secret=made.text)


def _found(tx: Transaction, principal: Principal, key_id: str) -> KeyRow:
    for key in tx.all_keys():
        if key.id == key_id and key.project == principal.project:
            return key
    raise NotFound("there is no such key; GET /v1/keys lists those there are")


def _has_ended(tx: Transaction, key: KeyRow) -> bool:
    return key.revoked_at is not None or any(
        end is not None and end <= tx.now for end in (key.expires_at, key.taken_until)
    )


def _has_another_admin(tx: Transaction, than: KeyRow) -> bool:
    return any(
        key.scope == "admin" and key.id != than.id and key.taken_until is None and not _has_ended(tx, key)
        for key in tx.all_keys()
    )
