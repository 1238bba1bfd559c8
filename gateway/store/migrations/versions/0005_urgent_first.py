"""The level of a delivery's order or alarm: the most urgent is sent first."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Waiting deliveries get the level of their order or alarm; older notices are sent after new ones."""
    op.add_column("delivery", sa.Column("level", sa.SmallInteger(), nullable=False, server_default=sa.text("0")))
    op.execute(
        "UPDATE delivery SET level = coalesce("
        "(SELECT o.level FROM work_order AS o WHERE o.tenant_id = delivery.tenant_id AND o.no = delivery.subject), "
        "(SELECT a.level FROM alarm AS a WHERE a.id = delivery.subject), 0) WHERE settled_at IS NULL"
    )
    waiting = sa.text("settled_at IS NULL")
    op.create_index(
        "ix_delivery_urgent", "delivery", ["endpoint", sa.text("level DESC"), "next_at", "id"],
        sqlite_where=waiting, postgresql_where=waiting,
    )  # fmt: skip


def downgrade() -> None:
    """Drop it."""
    op.drop_index("ix_delivery_urgent", "delivery")
    op.drop_column("delivery", "level")
