"""The trial whose weights another one starts from; null for all that were made before."""

import sqlalchemy as sa
from alembic import op

revision = "20261130_parent_of_a_trial"
down_revision = "20261130_traceparent"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column."""
    op.add_column("trials", sa.Column("parent", sa.Integer(), nullable=True))
