"""The history of an alarm: every transition with its evidence."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Older alarms have no history: their rows have the times when they were raised and cleared."""
    op.create_table(
        "alarm_change", sa.Column("id", sa.Text(), nullable=False), sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("alarm_id", sa.Text(), nullable=False), sa.Column("change", sa.Text(), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False), sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("decided", sa.BigInteger(), nullable=False), sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False), sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["alarm_id"], ["alarm.id"], name="fk_alarm_change_alarm_id"),
        sa.PrimaryKeyConstraint("id", name="pk_alarm_change"),
    )  # fmt: skip
    op.create_index("ix_alarm_change_alarm", "alarm_change", ["alarm_id", "at"])


def downgrade() -> None:
    """Drop it."""
    op.drop_index("ix_alarm_change_alarm", "alarm_change")
    op.drop_table("alarm_change")
