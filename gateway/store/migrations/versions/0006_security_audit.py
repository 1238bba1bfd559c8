"""Audit of acts on the installation."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Begins empty."""
    serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    texts = [sa.Column(name, sa.Text(), nullable=False) for name in ("actor", "address", "act", "subject", "detail")]
    op.create_table(
        "security_audit", sa.Column("id", serial, autoincrement=True, nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False), sa.Column("at", sa.BigInteger(), nullable=False), *texts,
        sa.PrimaryKeyConstraint("id", name="pk_security_audit"), sqlite_autoincrement=True,
    )  # fmt: skip


def downgrade() -> None:
    """Drop it."""
    op.drop_table("security_audit")
