"""The row that gateways and commands lock on a server."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """It belongs to no journal yet."""
    table = op.create_table(
        "installation",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("identity", "journal", "epoch")),
        sa.PrimaryKeyConstraint("id", name="pk_installation"),
    )
    op.bulk_insert(table, [{"id": 1, "identity": 0, "journal": 0, "epoch": 0}])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("installation")
