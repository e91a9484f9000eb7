"""API keys: made, listed, revoked; the first one by the server itself."""

from app.services.key_text import make_key
from app.services.principal import Principal
from app.storage.domain import key_from
from app.storage.rows import KeyRow
from app.storage.transaction import Transaction
from studyhall.errors import LastAdmin, NotFound
from studyhall.wire import CreateKey, Key

FIRST_PROJECT = "default"
_DAY_S = 86400.0
LIVES_S = {"admin": None, "user": 90 * _DAY_S, "reader": 90 * _DAY_S, "worker": 30 * _DAY_S}


def create_first_key(tx: Transaction) -> Key | None:
    """An admin key for an empty database, None when there are keys already."""
    if tx.all_keys():
        return None
    return _create(tx, project=FIRST_PROJECT, request=CreateKey(name="first", scope="admin"), by="")


def create_admin_key(tx: Transaction) -> Key:
    """Another admin key, for whoever reaches the database itself and has no key that works."""
    return _create(tx, project=FIRST_PROJECT, request=CreateKey(name="recovery", scope="admin"), by="")


def create_key(tx: Transaction, principal: Principal, request: CreateKey) -> Key:
    """A new key of the asker's project; its secret is told this once."""
    return _create(tx, project=principal.project, request=request, by=principal.key_id)


def revoke_key(tx: Transaction, principal: Principal, key_id: str) -> None:
    """Ends a key now; a server may still take it for five seconds.

    Raises:
        NotFound: there is no such key in this project.
        LastAdmin: it is the last admin key that works.
    """
    key = next((key for key in tx.all_keys() if key.id == key_id and key.project == principal.project), None)
    if key is None:
        raise NotFound("there is no such key; GET /v1/keys lists those there are")
    if key.revoked_at is not None:
        return
    if key.scope == "admin" and _working_admins(tx) == 1:
        raise LastAdmin
    tx.change(key, revoked_at=tx.now)
    tx.audit(project=key.project, key_id=principal.key_id, action="key.revoked", subject=key.id)


def _create(tx: Transaction, *, project: str, request: CreateKey, by: str) -> Key:
    made = make_key()
    lives_s = request.expires_in_s if request.expires_in_s is not None else LIVES_S[request.scope]
    row = KeyRow(
        id=made.id, project=project, name=request.name, scope=request.scope, study_id=None, hash=made.hash,
        created_at=tx.now, expires_at=None if lives_s is None else tx.now + lives_s, revoked_at=None,
    )  # fmt: skip
    tx.add_key(row)
    tx.audit(project=project, key_id=by, action="key.created", subject=made.id, scope=request.scope)
    return key_from(row, secret=made.text)


def _working_admins(tx: Transaction) -> int:
    return sum(
        key.scope == "admin" and key.revoked_at is None and (key.expires_at is None or key.expires_at > tx.now)
        for key in tx.all_keys()
    )
