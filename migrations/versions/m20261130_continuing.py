"""Trials that go on from another's checkpoint, and how many steps a study's trials have taken."""

import sqlalchemy as sa
from alembic import op

revision = "20261130_continuing"
down_revision = "20261130_parent_of_a_trial"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds columns that are empty, or have a default."""
    op.add_column("trials", sa.Column("checkpoint", sa.BigInteger(), nullable=True))
    op.add_column("trials", sa.Column("continues", sa.String(length=32), nullable=True))
    op.add_column("trials", sa.Column("continued_by", sa.String(length=32), nullable=True))
    op.add_column("studies", sa.Column("steps", sa.Double(), nullable=False, server_default=sa.text("0")))
    op.execute(
        "UPDATE studies SET steps = (SELECT COALESCE(SUM(step), 0) FROM trials WHERE trials.study_id = studies.id)"
    )
