"""Failed, infeasible, cancelled and pruned trials are found without reading all others of their study."""

import sqlalchemy as sa
from alembic import op

revision = "20261202_trials_ended_otherwise"
down_revision = "20261201_grace_of_keys"
branch_labels = None
depends_on = None

_ENDED_OTHERWISE = sa.text("state IN ('failed', 'infeasible', 'cancelled', 'pruned')")


def upgrade() -> None:
    """Adds an index."""
    op.create_index(
        "ix_trials_ended_otherwise",
        "trials",
        ["study_id", "state", "number"],
        sqlite_where=_ENDED_OTHERWISE,
        postgresql_where=_ENDED_OTHERWISE,
    )


def downgrade() -> None:
    """Takes it away."""
    op.drop_index("ix_trials_ended_otherwise", table_name="trials")
