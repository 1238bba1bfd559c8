"""All tables of the first release."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create everything."""
    _registry()
    _alarms()
    _orders()
    _order_rows()
    _desk()
    _outbox()
    _access()


def downgrade() -> None:
    """Drop everything."""
    for name in (
        "control_outbox", "api_key", "inbox", "endpoint_state", "delivery_attempt", "delivery",
        "outbox", "notice", "cursor", "deadline", "order_counter", "command", "audit", "wo_alarm", "work_order",
        "alarm", "point", "device", "customer", "site", ):  # fmt: skip
        op.drop_table(name)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _whole(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def _small(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.SmallInteger(), nullable=False)


def _when(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _maybe(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=True)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False)


def _bytes(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(), nullable=False)


def _serial(name: str) -> sa.Column[int]:
    return sa.Column(name, SERIAL, autoincrement=True, nullable=False)


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def _registry() -> None:
    op.create_table(
        "site", _text("tenant_id"), _text("code"), _text("name"), _text("timezone"), _text("area"), _text("region"),
        _text("attrs"), _text("tags"), sa.PrimaryKeyConstraint("tenant_id", "code", name="pk_site"),
    )  # fmt: skip
    op.create_table(
        "customer", _text("tenant_id"), _text("code"), _text("name"), _text("phone"), _text("language"),
        _text("sites"), _text("attrs"), sa.PrimaryKeyConstraint("tenant_id", "code", name="pk_customer"),
    )  # fmt: skip
    op.create_table(
        "device", sa.Column("id", sa.Integer(), autoincrement=False, nullable=False), _text("tenant_id"),
        _text("code"), _text("profile"), _text("kind"), _text("name"), _text("site"), _text("customer"),
        _whole("components"), _text("life"), _when("registered"), _text("attrs"), _text("tags"),
        sa.PrimaryKeyConstraint("id", name="pk_device"),
        sa.UniqueConstraint("tenant_id", "code", name="uq_device_tenant_id_code"),
    )  # fmt: skip
    op.create_index("ix_device_customer", "device", ["tenant_id", "customer"])
    op.create_index("ix_device_site", "device", ["tenant_id", "site"])
    op.create_table(
        "point", sa.Column("id", sa.Integer(), autoincrement=False, nullable=False), _text("tenant_id"),
        _text("profile"), _text("name"), _whole("component"), _text("kind"), _text("unit"), _when("every"),
        _whole("revision"), _text("values"), _text("plausible"), _text("counter"),
        sa.PrimaryKeyConstraint("id", name="pk_point"),
        sa.UniqueConstraint("tenant_id", "profile", "name", "component", "revision",
        name="uq_point_tenant_id_profile_name_component_revision"),
    )  # fmt: skip


def _alarms() -> None:
    op.create_table(
        "alarm", _text("id"), _text("tenant_id"), _whole("partition"), _text("key"), _text("rule"),
        _text("revision"), _whole("device"), _whole("component"), _text("group"), _text("identity"), _text("state"),
        _small("level"), _small("peak"), _text("plan"), _text("evidence"), _when("raised_at"), _when("decided_at"),
        _when("received_at"), _when("recorded_at"), _when("last_seen"), _when("updated_at"), _maybe("cleared_at"),
        _whole("count"), _whole("version"), _text("reason"), _flag("late"), _flag("imported"), _flag("suspect"),
        _flag("live"), _text("order_id"), sa.PrimaryKeyConstraint("id", name="pk_alarm"),
    )  # fmt: skip
    op.create_index("ix_alarm_device", "alarm", ["tenant_id", "device", "raised_at"])
    op.create_index("ix_alarm_order_raised", "alarm", ["order_id"], **_where("cleared_at IS NULL"))
    op.create_index("ix_alarm_recent", "alarm", ["tenant_id", "raised_at", "id"])
    op.create_index("uq_alarm_open", "alarm", ["tenant_id", "key"], unique=True, **_where("cleared_at IS NULL"))


def _orders() -> None:
    op.create_table(
        "work_order", _text("id"), _text("tenant_id"), _text("no"), _text("key"), _text("type"), _text("fault"),
        _text("source"), _text("title_en"), _text("title_zh"), _text("why"), _whole("device"), _whole("component"),
        _text("group"), _text("state"), _small("level"), _text("priority"), _text("priority_reason"), _text("rule"),
        _text("alarm"), _when("created_at"), _when("updated_at"), _when("first_seen"), _when("last_seen"),
        _text("causes"), _whole("version"), _whole("count"), _text("skill"), _text("sla"), _text("assign"),
        _text("assignee"), _when("reopen_within"), _whole("reopen_count"), _whole("rejections"), _text("related_to"),
        _text("hold_reason"), _text("close_reason"), _text("fault_found"), _text("cause"), _text("remedy"),
        _maybe("condition_cleared_at"), _flag("told_cleared"), _maybe("accepted_at"), _maybe("started_at"),
        _maybe("resolved_at"), _maybe("closed_at"), sa.PrimaryKeyConstraint("id", name="pk_work_order"),
        sa.UniqueConstraint("tenant_id", "no", name="uq_work_order_tenant_id_no"),
    )  # fmt: skip
    op.create_index("ix_work_order_device", "work_order", ["tenant_id", "device", "created_at"])
    op.create_index("ix_work_order_key", "work_order", ["tenant_id", "key", "closed_at"])
    op.create_index("ix_work_order_recent", "work_order", ["tenant_id", "created_at", "no"])
    op.create_index("ix_work_order_updated", "work_order", ["tenant_id", "updated_at", "id"])
    op.create_index(
        "uq_work_order_open", "work_order", ["tenant_id", "key"], unique=True, **_where("closed_at IS NULL")
    )


def _order_rows() -> None:
    op.create_table(
        "wo_alarm", _text("order_id"), _text("tenant_id"), _text("alarm_id"), _when("at"),
        sa.ForeignKeyConstraint(["alarm_id"], ["alarm.id"], name="fk_wo_alarm_alarm_id"),
        sa.ForeignKeyConstraint(["order_id"], ["work_order.id"], name="fk_wo_alarm_order_id"),
        sa.PrimaryKeyConstraint("order_id", "alarm_id", name="pk_wo_alarm"),
    )  # fmt: skip
    op.create_index("ix_wo_alarm_alarm", "wo_alarm", ["alarm_id"])
    op.create_table(
        "audit", _text("order_id"), _text("tenant_id"),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False), _text("type"), _text("actor"),
        _text("role"), _text("before"), _text("after"), _text("data"), _when("at"), _when("occurred_at"),
        sa.ForeignKeyConstraint(["order_id"], ["work_order.id"], name="fk_audit_order_id"),
        sa.PrimaryKeyConstraint("order_id", "seq", name="pk_audit"),
    )  # fmt: skip
    op.create_table(
        "command", _text("tenant_id"), _text("id"), _text("digest"), _text("order_id"), _when("at"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_command"),
    )  # fmt: skip
    op.create_table(
        "order_counter", _text("tenant_id"), _text("day"), _whole("last"),
        sa.PrimaryKeyConstraint("tenant_id", "day", name="pk_order_counter"),
    )  # fmt: skip


def _desk() -> None:
    op.create_table(
        "deadline", _text("tenant_id"), _text("subject"), _text("reason"), _maybe("due_at"), _when("created_at"),
        _whole("n"), sa.PrimaryKeyConstraint("tenant_id", "subject", "reason", name="pk_deadline"),
    )  # fmt: skip
    op.create_index("ix_deadline_due", "deadline", ["due_at"], **_where("due_at IS NOT NULL"))
    op.create_table(
        "cursor", sa.Column("partition", sa.Integer(), autoincrement=False, nullable=False), _when("seq"),
        _whole("ordinal"), _when("epoch"), sa.PrimaryKeyConstraint("partition", name="pk_cursor"),
    )  # fmt: skip
    op.create_table(
        "notice", _text("id"), _text("tenant_id"), _text("subject"), _text("alarm"), _text("audience"),
        _text("recipient"), _text("template"), _whole("n"), _text("klass"), _text("language"), _text("params"),
        _text("state"), _text("reason"), _text("event"), _when("created_at"), _when("updated_at"),
        sa.PrimaryKeyConstraint("id", name="pk_notice"),
        sa.UniqueConstraint("tenant_id", "subject", "recipient", "template", "n",
        name="uq_notice_tenant_id_subject_recipient_template_n"),
    )  # fmt: skip
    op.create_index("ix_notice_event", "notice", ["event"], **_where("event <> ''"))


def _outbox() -> None:
    op.create_table(
        "outbox", _serial("row"), _text("id"), _text("tenant_id"), _text("kind"), _text("type"), _text("subject"),
        _whole("subject_seq"), _bytes("body"), _text("content_type"), _when("created_at"),
        sa.PrimaryKeyConstraint("row", name="pk_outbox"), sa.UniqueConstraint("id", name="uq_outbox_id"),
        sa.UniqueConstraint("tenant_id", "subject", "subject_seq", name="uq_outbox_tenant_id_subject_subject_seq"),
        sqlite_autoincrement=True,
    )  # fmt: skip
    op.create_index("ix_outbox_created", "outbox", ["created_at"])
    op.create_table(
        "delivery", _serial("id"), _text("tenant_id"), _text("endpoint"), _text("event_id"), _text("subject"),
        _text("state"), _whole("attempt"), _when("next_at"), _text("owner"), _text("reason"), _text("reference"),
        _when("created_at"), _when("updated_at"), _maybe("settled_at"),
        sa.ForeignKeyConstraint(["event_id"], ["outbox.id"], name="fk_delivery_event_id"),
        sa.PrimaryKeyConstraint("id", name="pk_delivery"),
        sa.UniqueConstraint("tenant_id", "endpoint", "event_id", name="uq_delivery_tenant_id_endpoint_event_id"),
        sqlite_autoincrement=True,
    )  # fmt: skip
    op.create_index("ix_delivery_due", "delivery", ["endpoint", "next_at", "id"], **_where("settled_at IS NULL"))
    op.create_index("ix_delivery_event", "delivery", ["event_id"])
    op.create_index("ix_delivery_state", "delivery", ["tenant_id", "state", "id"])
    op.create_index("ix_delivery_subject", "delivery", ["endpoint", "subject", "id"], **_where("settled_at IS NULL"))
    op.create_table(
        "delivery_attempt", _serial("id"), sa.Column("delivery_id", SERIAL, nullable=False), _text("tenant_id"),
        _whole("attempt"), _when("at"), _text("state"), _whole("status"), _text("reason"), _text("excerpt"),
        _when("latency"), _flag("charged"),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name="fk_delivery_attempt_delivery_id"),
        sa.PrimaryKeyConstraint("id", name="pk_delivery_attempt"),
    )  # fmt: skip
    op.create_index("ix_delivery_attempt_delivery", "delivery_attempt", ["delivery_id"])
    op.create_table(
        "endpoint_state", _text("tenant_id"), _text("endpoint"), _maybe("disabled_at"), _text("reason"),
        sa.PrimaryKeyConstraint("tenant_id", "endpoint", name="pk_endpoint_state"),
    )  # fmt: skip


def _access() -> None:
    op.create_table(
        "inbox", _serial("id"), _text("tenant_id"), _text("endpoint"), _text("external_id"), _bytes("body"),
        _when("received_at"), _maybe("processed_at"), _text("result"),
        sa.PrimaryKeyConstraint("id", name="pk_inbox"),
        sa.UniqueConstraint("tenant_id", "endpoint", "external_id", name="uq_inbox_tenant_id_endpoint_external_id"),
    )  # fmt: skip
    op.create_index("ix_inbox_waiting", "inbox", ["id"], **_where("processed_at IS NULL"))
    op.create_table(
        "api_key", _text("id"), _text("tenant_id"), _text("name"), _text("digest"), _text("role"), _text("sites"),
        _when("created_at"), _maybe("expires_at"), _maybe("revoked_at"), _maybe("used_at"),
        sa.PrimaryKeyConstraint("id", name="pk_api_key"),
        sa.UniqueConstraint("tenant_id", "digest", name="uq_api_key_tenant_id_digest"),
        sa.UniqueConstraint("tenant_id", "name", name="uq_api_key_tenant_id_name"),
    )  # fmt: skip
    op.create_table(
        "control_outbox", _serial("id"), _text("tenant_id"), _bytes("fact"), _when("created_at"),
        _maybe("journaled_seq"), sa.PrimaryKeyConstraint("id", name="pk_control_outbox"), sqlite_autoincrement=True,
    )  # fmt: skip
    op.create_index("ix_control_outbox_waiting", "control_outbox", ["id"], **_where("journaled_seq IS NULL"))
