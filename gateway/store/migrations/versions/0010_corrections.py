"""Corrections of readings, exchanges of meters."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Both begin empty."""

    def texts(*names: str) -> list[sa.Column[Any]]:
        return [sa.Column(name, sa.Text(), nullable=False) for name in names]

    def numbers(*names: str, kind: type[sa.Integer] = sa.BigInteger) -> list[sa.Column[Any]]:
        return [sa.Column(name, kind(), nullable=False) for name in names]

    def undone() -> list[sa.Column[Any]]:
        return [sa.Column("undone_at", sa.BigInteger(), nullable=True), *texts("undone_by", "undone_why")]

    op.create_table(
        "correction", *texts("tenant_id", "id"), *numbers("device", "point", kind=sa.Integer),
        *numbers("start", "end"), *texts("kind", "reason", "actor"), *numbers("at"),
        *numbers("rows", kind=sa.Integer), sa.Column("value", sa.Double(), nullable=True),
        sa.Column("factor", sa.Double(), nullable=False), sa.Column("offset", sa.Double(), nullable=False),
        sa.Column("originals", sa.LargeBinary(), nullable=False), *texts("exchange"), *undone(),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_correction"),
    )  # fmt: skip
    op.create_index("ix_correction_at", "correction", ["tenant_id", "at", "id"])
    op.create_index("ix_correction_device", "correction", ["tenant_id", "device", "point", "start"])
    op.create_table(
        "meter_exchange", *texts("tenant_id", "id"), *numbers("device", "point", kind=sa.Integer), *numbers("at"),
        sa.Column("start", sa.Double(), nullable=False), sa.Column("final", sa.Double(), nullable=True),
        sa.Column("factor", sa.Double(), nullable=False), *texts("reason", "actor"), *numbers("known_at"), *undone(),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_meter_exchange"),
    )  # fmt: skip
    op.create_index("ix_meter_exchange_device", "meter_exchange", ["tenant_id", "device", "at"])


def downgrade() -> None:
    """Drop both: stored readings keep their corrected values."""
    op.drop_table("correction")
    op.drop_table("meter_exchange")
