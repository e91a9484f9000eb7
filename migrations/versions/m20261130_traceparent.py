"""Studies know the request that made them, so that what their trials do can be traced back to it."""

import sqlalchemy as sa
from alembic import op

revision = "20261130_traceparent"
down_revision = "20261123_first_tables"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds an empty column, which older servers neither read nor write."""
    op.add_column("studies", sa.Column("traceparent", sa.String(55), nullable=True))


def downgrade() -> None:
    """Takes the column away."""
    op.drop_column("studies", "traceparent")
