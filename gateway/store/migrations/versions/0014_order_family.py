"""Orders of orders: parent, what it was merged into, the team it was handed to; what its priority was made from."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None
_TEXTS = {"parent": "", "merged_into": "", "team": "", "held_from": "", "urgency": "normal", "priority_reason_zh": ""}


def upgrade() -> None:
    """Orders that are there have none of these."""
    for name, default in _TEXTS.items():
        op.add_column("work_order", sa.Column(name, sa.Text(), nullable=False, server_default=sa.text(f"'{default}'")))
    level = sa.Column("customer_level", sa.Integer(), nullable=False, server_default=sa.text("0"))
    op.add_column("work_order", level)
    child = sa.text("parent <> ''")
    op.create_index(
        "ix_work_order_parent", "work_order", ["tenant_id", "parent"], sqlite_where=child, postgresql_where=child
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_work_order_parent", "work_order")
    for name in (*_TEXTS, "customer_level"):
        op.drop_column("work_order", name)
