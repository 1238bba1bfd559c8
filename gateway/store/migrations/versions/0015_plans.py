"""Maintenance plans: what is planned, cycles, stops of rounds."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Three tables."""
    op.create_table(
        "planned_thing", *_thing(), _text("zone"), _text("start"), _maybe("due_at"), _maybe("opens_at"),
        _maybe("done_at"), _text("revision"), _when("since"), _maybe("moved_from"),
        sa.PrimaryKeyConstraint("tenant_id", "plan", "device", "group", name="pk_planned_thing"),
    )  # fmt: skip
    opens = sa.text("opens_at IS NOT NULL")
    op.create_index(
        "ix_planned_thing_opens",
        "planned_thing",
        ["tenant_id", "opens_at", "plan"],
        sqlite_where=opens,
        postgresql_where=opens,
    )
    op.create_index("ix_planned_thing_due", "planned_thing", ["tenant_id", "due_at", "plan"])
    op.create_index("ix_planned_thing_device", "planned_thing", ["tenant_id", "device"])
    op.create_table(
        "plan_cycle", *_thing(), _text("cycle"), _text("state"), _when("due_at"), _when("opened_at"),
        _text("order_id"), _maybe("done_at"), _text("by"), _text("note"),
        sa.PrimaryKeyConstraint("tenant_id", "plan", "device", "group", "cycle", name="pk_plan_cycle"),
    )  # fmt: skip
    has_order = sa.text("order_id <> ''")
    op.create_index(
        "ix_plan_cycle_order", "plan_cycle", ["order_id"], sqlite_where=has_order, postgresql_where=has_order
    )
    op.create_index("ix_plan_cycle_due", "plan_cycle", ["tenant_id", "plan", "due_at"])
    op.create_index("ix_plan_cycle_device", "plan_cycle", ["tenant_id", "device", "due_at"])
    op.create_table(
        "plan_stop", _text("tenant_id"), _text("order_id"), sa.Column("device", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False), _text("state"), _text("note"), _text("by"), _maybe("at"),
        sa.ForeignKeyConstraint(["order_id"], ["work_order.id"], name="fk_plan_stop_order_id"),
        sa.PrimaryKeyConstraint("tenant_id", "order_id", "device", name="pk_plan_stop"),
    )  # fmt: skip
    op.create_index("ix_plan_stop_order", "plan_stop", ["order_id"])


def downgrade() -> None:
    """Drop them."""
    for name in ("plan_stop", "plan_cycle", "planned_thing"):
        op.drop_table(name)


def _thing() -> tuple[sa.Column[str], sa.Column[str], sa.Column[int], sa.Column[str]]:
    return _text("tenant_id"), _text("plan"), sa.Column("device", sa.Integer(), nullable=False), _text("group")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _when(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _maybe(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=True)
