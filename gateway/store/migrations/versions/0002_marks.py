"""Marks of the alarm stage, which follows the conditions; the quiet times of a site."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NAMES = ("unstable", "stale", "muted", "limited", "held_until", "parent")


def upgrade() -> None:
    """Alarms of the first release have no marks, its sites no quiet times."""
    for name in ("unstable", "stale", "muted"):
        op.add_column("alarm", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("alarm", sa.Column("limited", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.add_column("alarm", sa.Column("held_until", sa.BigInteger(), nullable=False, server_default=sa.text("0")))
    op.add_column("alarm", sa.Column("parent", sa.Text(), nullable=False, server_default=sa.text("''")))
    merged = sa.text("cleared_at IS NULL AND parent <> ''")
    op.create_index("ix_alarm_parent", "alarm", ["parent"], sqlite_where=merged, postgresql_where=merged)
    op.add_column("site", sa.Column("quiet", sa.Text(), nullable=False, server_default=sa.text("'[]'")))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("site", "quiet")
    op.drop_index("ix_alarm_parent", "alarm")
    for name in NAMES:
        op.drop_column("alarm", name)
