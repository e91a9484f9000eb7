"""Share links: keys of one study's guests, who read and do nothing else."""

from app.services.key_text import make_key
from app.services.lookup import study_of
from app.services.principal import Principal
from app.services.reading import find_study
from app.storage import reader
from app.storage.domain import moment, moment_or_none
from app.storage.rows import KeyRow
from app.storage.transaction import Transaction
from studyhall.errors import NotFound
from studyhall.shares import CreateShare, Share


def create_share(tx: Transaction, principal: Principal, name: str, request: CreateShare) -> Share:
    """A new link to a study; it is told this once."""
    study, made = study_of(tx, principal, name, archived=True), make_key()
    row = KeyRow(
        id=made.id, project=study.project, name=request.name, scope="guest", study_id=study.id, hash=made.hash,
        created_at=tx.now, expires_at=tx.now + request.expires_in_s, revoked_at=None,
    )  # fmt: skip
    tx.add_key(row)
    tx.audit(project=study.project, key_id=principal.key_id, action="share.created", subject=made.id, study=study.id)
    # In the fragment, which browsers send to nobody: the key stands in no server's log.
    return _told(row).model_copy(update={"link": f"/#key={made.text}&as=guest&page=/studies/{study.id}"})


def list_shares(connection: reader.Connection, *, principal: Principal, name: str) -> list[Share]:
    """The links to a study, oldest first, without their keys."""
    return [_told(row) for row in reader.guests(connection, find_study(connection, principal, name).id)]


def revoke_share(tx: Transaction, principal: Principal, name: str, id: str) -> None:
    """Ends a link now; a server may still take its key for five seconds.

    Raises:
        NotFound: the study has no such link.
    """
    study, key = study_of(tx, principal, name, archived=True), tx.key(id)
    if key is None or key.study_id != study.id:
        raise NotFound("there is no such link; GET /v1/studies/STUDY/shares lists those there are")
    if key.revoked_at is None:
        tx.change(key, revoked_at=tx.now)
        tx.audit(project=study.project, key_id=principal.key_id, action="share.revoked", subject=key.id)


def _told(row: KeyRow) -> Share:
    return Share(
        id=row.id, study=row.study_id or "", name=row.name, created_at=moment(row.created_at),
        expires_at=moment_or_none(row.expires_at), revoked_at=moment_or_none(row.revoked_at),
    )  # fmt: skip
