"""The device that sent a state text first."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """For texts learned before, the device is unknown; they count for no device."""
    op.add_column("point", sa.Column("brought", sa.Text(), nullable=False, server_default=sa.text("'[]'")))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("point", "brought")
