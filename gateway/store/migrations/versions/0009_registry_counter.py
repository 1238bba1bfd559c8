"""Ids of devices and points are allotted in SQL."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The counters begin at the highest ids. An empty database has none: the first registration makes them."""
    counter = op.create_table(
        "registry_counter",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("kind", name="pk_registry_counter"),
    )
    for kind in ("device", "point"):
        highest = sa.func.max(sa.column("id", sa.Integer()))
        rows = sa.select(sa.literal(kind), highest).select_from(sa.table(kind)).having(highest.is_not(None))
        op.execute(counter.insert().from_select(["kind", "last"], rows))


def downgrade() -> None:
    """Drop it: the release before goes on from the highest row."""
    op.drop_table("registry_counter")
