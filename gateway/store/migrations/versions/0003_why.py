"""Meaning of an order's rule, in Chinese too."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Existing orders have it in one language, which is used for both."""
    op.add_column("work_order", sa.Column("why_zh", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.execute("UPDATE work_order SET why_zh = why")


def downgrade() -> None:
    """Drop it."""
    op.drop_column("work_order", "why_zh")
