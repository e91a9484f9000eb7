"""Keys know when they were used last, so that those that nobody uses can be found and revoked."""

import sqlalchemy as sa
from alembic import op

revision = "20261130_use_of_keys"
down_revision = "20261130_continuing"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds an empty column, which older servers neither read nor write."""
    op.add_column("keys", sa.Column("last_used_at", sa.Double(), nullable=True))


def downgrade() -> None:
    """Takes the column away."""
    op.drop_column("keys", "last_used_at")
