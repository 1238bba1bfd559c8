"""Hazards found on inspections."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One table."""
    op.create_table(
        "hazard",
        *(_text(name) for name in ("tenant_id", "no", "inspection")), sa.Column("device", sa.Integer(), nullable=False),
        _text("code"), sa.Column("level", sa.SmallInteger(), nullable=False),
        *(_text(name) for name in ("title_en", "title_zh", "note", "state", "rectification")),
        sa.Column("found_at", sa.BigInteger(), nullable=False), _text("found_by"), _text("recheck"),
        sa.Column("rechecks", sa.Integer(), nullable=False), sa.Column("passed", sa.Boolean(), nullable=True),
        _text("result_note"), sa.Column("ended_at", sa.BigInteger(), nullable=True), _text("ended_by"), _text("reason"),
        sa.ForeignKeyConstraint(["inspection"], ["work_order.id"], name="fk_hazard_inspection"),
        sa.ForeignKeyConstraint(["rectification"], ["work_order.id"], name="fk_hazard_rectification"),
        sa.PrimaryKeyConstraint("tenant_id", "no", name="pk_hazard"),
    )  # fmt: skip
    op.create_index("ix_hazard_inspection", "hazard", ["inspection"])
    op.create_index("ix_hazard_rectification", "hazard", ["rectification"])
    rechecked = sa.text("recheck <> ''")
    op.create_index("ix_hazard_recheck", "hazard", ["recheck"], sqlite_where=rechecked, postgresql_where=rechecked)
    op.create_index("ix_hazard_found", "hazard", ["tenant_id", "found_at", "no"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("hazard")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)
