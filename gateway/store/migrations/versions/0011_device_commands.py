"""Commands to devices and their audit."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Rows of the audit can be added only: the database itself refuses to change or delete them."""
    op.create_table("device_command", *_columns(), sa.PrimaryKeyConstraint("id", name="pk_device_command"),
        sa.UniqueConstraint("tenant_id", "key", name="uq_device_command_tenant_id_key"))  # fmt: skip
    op.create_index("ix_device_command_recent", "device_command", ["tenant_id", "created_at", "id"])
    op.create_index("ix_device_command_device", "device_command", ["tenant_id", "device", "created_at"])
    where = sa.text("ended_at = 0")
    op.create_index(
        "ix_device_command_open", "device_command", ["tenant_id"], sqlite_where=where, postgresql_where=where
    )
    op.create_table(
        "device_command_audit", _text("command_id"), _text("tenant_id"),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        *(_text(name) for name in ("type", "actor", "role", "before", "after", "data")), _when("at"),
        sa.ForeignKeyConstraint(
            ["command_id"], ["device_command.id"], name="fk_device_command_audit_command_id"
        ),
        sa.PrimaryKeyConstraint("command_id", "tenant_id", "seq", name="pk_device_command_audit"),
    )  # fmt: skip
    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL:
        op.execute(statement)


def downgrade() -> None:
    """Drop them."""
    op.drop_table("device_command_audit")
    op.drop_table("device_command")
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP FUNCTION device_command_audit_stays()")


def _columns() -> list[sa.Column[str] | sa.Column[int]]:
    return [
        _text("id"), _text("tenant_id"), _text("key"), _text("digest"), _whole("device"), _whole("component"),
        _text("name"), _text("source"), _text("parameters"), _text("note"), _text("requester"),
        _text("requester_role"), _when("created_at"), _when("updated_at"), _when("expires_at"), _text("state"),
        _text("verification"), _text("approval"), _text("approver"), _text("reason"), _text("answer"),
        _text("outcome"), _when("sent_at"), _when("ended_at"), _when("verify_until"), _whole("version"),
    ]  # fmt: skip


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _whole(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def _when(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


_SQLITE = tuple(
    f"CREATE TRIGGER device_command_audit_no_{act.lower()} BEFORE {act} ON device_command_audit "
    "BEGIN SELECT RAISE(ABORT, 'the audit of commands is never changed'); END"
    for act in ("UPDATE", "DELETE")
)
_POSTGRESQL = (
    """CREATE FUNCTION device_command_audit_stays() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the audit of commands is never changed'; END $$""",
    """CREATE TRIGGER device_command_audit_stays BEFORE UPDATE OR DELETE ON device_command_audit
    FOR EACH ROW EXECUTE FUNCTION device_command_audit_stays()""",
)
