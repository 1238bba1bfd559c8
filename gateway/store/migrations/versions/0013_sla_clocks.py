"""When the engineer was there; the clocks of orders, and their milestones that were reached."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Orders that are open already have no clocks."""
    op.add_column("work_order", _maybe("arrived_at"))
    op.create_table(
        "sla_clock",
        *(_text(name) for name in ("tenant_id", "order_id", "kind", "policy", "revision")),
        *(_when(name) for name in ("target", "started_at", "consumed")),
        _maybe("running_since"), _maybe("paused_since"), _text("pause"),
        *(_maybe(name) for name in ("due_at", "next_at", "met_at", "breached_at", "ended_at")), _text("stretches"),
        sa.ForeignKeyConstraint(["order_id"], ["work_order.id"], name="fk_sla_clock_order_id"),
        sa.PrimaryKeyConstraint("tenant_id", "order_id", "kind", name="pk_sla_clock"),
    )  # fmt: skip
    op.create_index("ix_sla_clock_order", "sla_clock", ["order_id"])
    still = sa.text("running_since IS NOT NULL OR paused_since IS NOT NULL")
    op.create_index(
        "ix_sla_clock_open", "sla_clock", ["tenant_id", "revision"], sqlite_where=still, postgresql_where=still
    )
    op.create_table(
        "sla_milestone",
        *(_text(name) for name in ("tenant_id", "order_id", "kind", "name")), _when("due_at"), _when("fired_at"),
        sa.ForeignKeyConstraint(["order_id"], ["work_order.id"], name="fk_sla_milestone_order_id"),
        sa.PrimaryKeyConstraint("tenant_id", "order_id", "kind", "name", name="pk_sla_milestone"),
    )  # fmt: skip
    op.create_index("ix_sla_milestone_order", "sla_milestone", ["order_id"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("sla_milestone")
    op.drop_table("sla_clock")
    op.drop_column("work_order", "arrived_at")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _when(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _maybe(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=True)
