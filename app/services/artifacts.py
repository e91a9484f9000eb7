"""Files that attempts keep: a record in the database, the content by its hash beside it."""

from datetime import UTC, datetime
from typing import Final

from app.services.logs import check_latest
from app.services.lookup import trial_of
from app.services.principal import Principal
from app.services.reading import find_trial
from app.storage import output
from app.storage.contents import Content
from app.storage.reader import Connection
from app.storage.rows import ArtifactRow
from app.storage.transaction import Transaction
from studyhall.errors import NotFound, TooMuch
from studyhall.wire.outputs import Artifact

MOST_BYTES: Final = 10 << 30
"""Of all artifacts of a trial together."""


def check_sender(connection: Connection, *, principal: Principal, trial_id: str, attempt: int, token: str) -> None:
    """Refuses whoever is not the last one to have held the trial, before a byte of the content is read.

    Raises:
        StaleLease: another attempt has begun.
    """
    check_latest(find_trial(connection, principal, trial_id), attempt, token)


def keep_artifact(
    tx: Transaction, principal: Principal, trial_id: str, *, attempt: int, token: str, name: str, content: Content
) -> Artifact:
    """Keeps a content under a name; the same name again replaces it.

    Raises:
        StaleLease: another attempt has begun.
        TooMuch: the trial keeps more than it may.
    """
    _study, trial = trial_of(tx, principal, trial_id)
    check_latest(trial, attempt, token)
    row = tx.artifact(trial, name)
    if tx.kept_bytes(trial) - (row.size if row else 0) + content.size > MOST_BYTES:
        raise TooMuch(f"the artifacts of a trial may take {MOST_BYTES >> 30} GiB together")
    if row is None:
        row = ArtifactRow(trial.id, attempt, name, content.sha256, content.size, tx.now)
        tx.add_artifact(row)
    else:
        tx.change(row, sha256=content.sha256, size=content.size, created_at=tx.now)
    return artifact_from(row)


def list_artifacts(connection: Connection, *, principal: Principal, trial_id: str) -> list[Artifact]:
    """The artifacts of all attempts, the latest attempt first."""
    return [
        artifact_from(row) for row in output.artifacts_of(connection, find_trial(connection, principal, trial_id).id)
    ]


def find_artifact(
    connection: Connection, *, principal: Principal, trial_id: str, attempt: int | None, name: str
) -> Artifact:
    """An artifact by name; without an attempt that of the latest one which has it.

    Raises:
        NotFound: there is none.
    """
    row = output.artifact(connection, find_trial(connection, principal, trial_id).id, attempt, name)
    if row is None:
        raise NotFound("there is no such artifact; GET /v1/trials/TRIAL/artifacts lists those there are")
    return artifact_from(row)


def artifact_from(row: ArtifactRow) -> Artifact:
    """As the API tells it."""
    return Artifact.model_construct(
        name=row.name,
        attempt=row.attempt,
        sha256=row.sha256,
        size=row.size,
        created_at=datetime.fromtimestamp(row.created_at, UTC),
    )
