"""A rotated key's grace is apart from its lifetime, which its next successor inherits."""

import sqlalchemy as sa
from alembic import op

revision = "20261201_grace_of_keys"
down_revision = "20261130_use_of_keys"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds an empty column, which older servers neither read nor write: they take a rotated key until it expires."""
    op.add_column("keys", sa.Column("taken_until", sa.Double(), nullable=True))


def downgrade() -> None:
    """Takes the column away."""
    op.drop_column("keys", "taken_until")
