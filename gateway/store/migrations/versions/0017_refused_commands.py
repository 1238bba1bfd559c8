"""Commands of an offline batch that were refused: the same batch again has the same result."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """None was kept before."""
    op.create_table(
        "refused_command", *(_text(name) for name in ("tenant_id", "id", "digest", "order_no")),
        sa.Column("at", sa.BigInteger(), nullable=False), sa.Column("status", sa.Integer(), nullable=False),
        *(_text(name) for name in ("code", "text_en", "text_zh", "state")),
        sa.Column("version", sa.Integer(), nullable=False), _text("possible"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_refused_command"),
    )  # fmt: skip
    op.create_index("ix_refused_command_at", "refused_command", ["at"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("refused_command")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)
