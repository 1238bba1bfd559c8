"""All tables, in the SQL both SQLite and PostgreSQL speak. Times are µs since 1970 UTC (BIGINT).

A unique key never lacks the tenant, but for surrogate ids and the cursor (a partition serves several tenants).
Columns named in Python by another word (`tenant` for tenant_id) have the name of their field in the domain values.
JSON is kept as text: the values are encoded once, by msgspec, and never searched.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Serial = BigInteger().with_variant(Integer, "sqlite")


def _key(name: str = "id") -> Column[int]:
    return Column(name, Serial, primary_key=True, autoincrement=True)


def _id(name: str = "id") -> Column[str]:
    return Column(name, Text, primary_key=True)


def _tenant(**options: Any) -> Column[str]:
    return Column("tenant_id", Text, key="tenant", nullable=False, **options)


def _text(name: str, **options: Any) -> Column[str]:
    return Column(name, Text, nullable=False, **options)


def _whole(name: str, **options: Any) -> Column[int]:
    return Column(name, Integer, nullable=False, **options)


def _when(name: str, **options: Any) -> Column[int]:
    return Column(name, BigInteger, nullable=False, **options)


def _maybe(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=True)


def _flag(name: str, **options: Any) -> Column[bool]:
    return Column(name, Boolean, nullable=False, **options)


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


def _alarm_stage_columns() -> tuple[Column[Any], ...]:
    """Columns for the marks of the alarm stage, which follows the conditions; rows of the first release lack them."""
    no, none = {"server_default": false()}, {"server_default": text("''")}
    return (
        _flag("unstable", **no),
        _flag("stale", **no),
        _flag("muted", **no),
        _text("limited", **none),
        _when("held_until", server_default=text("0")),
        _text("parent", **none),
    )


def _order_family_columns() -> tuple[Column[Any], ...]:
    """Columns for parents, merged orders and the inputs of the priority; rows of older releases lack them."""
    none = {"server_default": text("''")}
    return (
        _text("parent", **none),
        _text("merged_into", **none),
        _text("team", **none),
        _text("held_from", **none),
        _text("urgency", server_default=text("'normal'")),
        _text("priority_reason_zh", **none),
        _whole("customer_level", server_default=text("0")),
    )


# One row: identity of the database, of the journal that feeds it, and the epoch of the gateway that writes it. For a
# server, which is locked by this row; a file has its identity in its header, and is locked as a whole.
installation = Table(
    "installation", metadata, Column("id", Integer, primary_key=True, autoincrement=False), _when("identity"),
    _when("journal"), _when("epoch"),
)  # fmt: skip

# Registry: ids are given once, from `registry_counter`, and never renumbered.
site = Table(
    "site", metadata, _tenant(primary_key=True), Column("code", Text, primary_key=True), _text("name"),
    _text("timezone"), _text("area"), _text("region"), _text("attrs"), _text("tags"),
    _text("quiet", server_default=text("'[]'")),
)  # fmt: skip
customer = Table(
    "customer", metadata, _tenant(primary_key=True), Column("code", Text, primary_key=True), _text("name"),
    _text("phone"), _text("language"), _text("sites"), _text("attrs"),
    _flag("gone", server_default=false()),
)  # fmt: skip
device = Table(
    "device", metadata, Column("id", Integer, primary_key=True, autoincrement=False), _tenant(), _text("code"),
    _text("profile"), _text("kind"), _text("name"), _text("site"), _text("customer"), _whole("components"),
    _text("life"), _when("registered"), _text("attrs"), _text("tags"),
    UniqueConstraint("tenant", "code"),
)  # fmt: skip
Index("ix_device_site", device.c.tenant, device.c.site)
Index("ix_device_customer", device.c.tenant, device.c.customer)
point = Table(
    "point", metadata, Column("id", Integer, primary_key=True, autoincrement=False), _tenant(), _text("profile"),
    _text("name"), _whole("component"), _text("kind"), _text("unit"), _when("every"), _whole("revision"),
    _text("values"), _text("plausible"), _text("counter"), _text("brought", server_default=text("'[]'")),
    UniqueConstraint("tenant", "profile", "name", "component", "revision"),
)  # fmt: skip
registry_counter = Table("registry_counter", metadata, Column("kind", Text, primary_key=True), _whole("last"))

# The desk. The two partial unique indexes are the promise "one fault, one order".
alarm = Table(
    "alarm", metadata, _id(), _tenant(), _whole("partition"), _text("key"), _text("rule"), _text("revision"),
    _whole("device"), _whole("component"), _text("group"), _text("identity"), _text("state"),
    Column("level", SmallInteger, nullable=False), Column("peak", SmallInteger, nullable=False), _text("plan"),
    _text("evidence"), _when("raised_at"), _when("decided_at"), _when("received_at"), _when("recorded_at"),
    _when("last_seen"), _when("updated_at"), _maybe("cleared_at"), _whole("count"), _whole("version"), _text("reason"),
    _flag("late"), _flag("imported"), _flag("suspect"), _flag("live"),
    Column("order_id", Text, key="order", nullable=False), *_alarm_stage_columns(),
)  # fmt: skip
Index("uq_alarm_open", alarm.c.tenant, alarm.c.key, unique=True, **_where("cleared_at IS NULL"))
Index("ix_alarm_order_raised", alarm.c.order, **_where("cleared_at IS NULL"))
Index("ix_alarm_parent", alarm.c.parent, **_where("cleared_at IS NULL AND parent <> ''"))
Index("ix_alarm_recent", alarm.c.tenant, alarm.c.raised_at, alarm.c.id)
Index("ix_alarm_device", alarm.c.tenant, alarm.c.device, alarm.c.raised_at)

alarm_change = Table(
    "alarm_change", metadata, _id(), _tenant(),
    Column("alarm_id", Text, ForeignKey("alarm.id"), key="alarm", nullable=False),
    _text("change"), Column("level", SmallInteger, nullable=False), _when("at"), _when("decided"), _text("reason"),
    _flag("late"), _whole("count"), _text("evidence"),
)  # fmt: skip
Index("ix_alarm_change_alarm", alarm_change.c.alarm, alarm_change.c.at)

work_order = Table(
    "work_order", metadata, _id(), _tenant(), _text("no"), _text("key"), _text("type"), _text("fault"),
    _text("source"), _text("title_en"), _text("title_zh"), _text("why"), _whole("device"), _whole("component"),
    _text("group"), _text("state"), Column("level", SmallInteger, nullable=False), _text("priority"),
    _text("priority_reason"), _text("rule"), _text("alarm"), _when("created_at"), _when("updated_at"),
    _when("first_seen"), _when("last_seen"), _text("causes"), _whole("version"), _whole("count"), _text("skill"),
    _text("sla"), _text("assign"), _text("assignee"), _when("reopen_within"), _whole("reopen_count"),
    _whole("rejections"),
    _text("related_to"), _text("hold_reason"), _text("close_reason"), _text("fault_found"), _text("cause"),
    _text("remedy"), _maybe("condition_cleared_at"), _flag("told_cleared"), _maybe("accepted_at"),
    _maybe("started_at"), _maybe("resolved_at"), _maybe("closed_at"), _text("why_zh", server_default=text("''")),
    _maybe("arrived_at"), *_order_family_columns(),
    UniqueConstraint("tenant", "no"),
)  # fmt: skip
Index("uq_work_order_open", work_order.c.tenant, work_order.c.key, unique=True, **_where("closed_at IS NULL"))
Index("ix_work_order_key", work_order.c.tenant, work_order.c.key, work_order.c.closed_at)
Index("ix_work_order_recent", work_order.c.tenant, work_order.c.created_at, work_order.c.no)
Index("ix_work_order_updated", work_order.c.tenant, work_order.c.updated_at, work_order.c.id)
Index("ix_work_order_device", work_order.c.tenant, work_order.c.device, work_order.c.created_at)
Index("ix_work_order_parent", work_order.c.tenant, work_order.c.parent, **_where("parent <> ''"))

_ORDER = "work_order.id"
wo_alarm = Table(
    "wo_alarm", metadata, Column("order_id", Text, ForeignKey(_ORDER), primary_key=True, key="order"), _tenant(),
    Column("alarm_id", Text, ForeignKey("alarm.id"), primary_key=True, key="alarm"), _when("at"),
)  # fmt: skip
Index("ix_wo_alarm_alarm", wo_alarm.c.alarm)
audit = Table(
    "audit", metadata, Column("order_id", Text, ForeignKey(_ORDER), primary_key=True, key="order"), _tenant(),
    Column("seq", Integer, primary_key=True, autoincrement=False), _text("type"), _text("actor"), _text("role"),
    _text("before"), _text("after"), _text("data"), _when("at"), _when("occurred_at"),
)  # fmt: skip
command = Table(
    "command", metadata, _tenant(primary_key=True), Column("id", Text, primary_key=True), _text("digest"),
    Column("order_id", Text, key="order", nullable=False), _when("at"),
)  # fmt: skip
deadline = Table(
    "deadline", metadata, _tenant(primary_key=True), Column("subject", Text, primary_key=True),
    Column("reason", Text, primary_key=True), _maybe("due_at"), _when("created_at"), _whole("n"),
)  # fmt: skip
Index("ix_deadline_due", deadline.c.due_at, **_where("due_at IS NOT NULL"))
order_counter = Table(
    "order_counter", metadata, _tenant(primary_key=True), Column("day", Text, primary_key=True), _whole("last"),
)  # fmt: skip
cursor = Table(
    "cursor", metadata, Column("partition", Integer, primary_key=True, autoincrement=False), _when("seq"),
    _whole("ordinal"), _when("epoch"),
)  # fmt: skip
sla_clock = Table(
    "sla_clock", metadata, _tenant(primary_key=True),
    Column("order_id", Text, ForeignKey(_ORDER), primary_key=True, key="order"),
    Column("kind", Text, primary_key=True), _text("policy"), _text("revision"), _when("target"), _when("started_at"),
    _when("consumed"), _maybe("running_since"), _maybe("paused_since"), _text("pause"), _maybe("due_at"),
    _maybe("next_at"), _maybe("met_at"), _maybe("breached_at"), _maybe("ended_at"), _text("stretches"),
)  # fmt: skip
Index("ix_sla_clock_order", sla_clock.c.order)
_RUNS = _where("running_since IS NOT NULL OR paused_since IS NOT NULL")
Index("ix_sla_clock_open", sla_clock.c.tenant, sla_clock.c.revision, **_RUNS)
sla_milestone = Table(
    "sla_milestone", metadata, _tenant(primary_key=True),
    Column("order_id", Text, ForeignKey(_ORDER), primary_key=True, key="order"),
    Column("kind", Text, primary_key=True), Column("name", Text, primary_key=True), _when("due_at"), _when("fired_at"),
)  # fmt: skip
Index("ix_sla_milestone_order", sla_milestone.c.order)
notice = Table(
    "notice", metadata, _id(), _tenant(), _text("subject"), _text("alarm"), _text("audience"), _text("recipient"),
    _text("template"), _whole("n"), _text("klass"), _text("language"), _text("params"), _text("state"), _text("reason"),
    _text("event"), _when("created_at"), _when("updated_at"),
    UniqueConstraint("tenant", "subject", "recipient", "template", "n"),
)  # fmt: skip
Index("ix_notice_event", notice.c.event, **_where("event <> ''"))

# Out and in.
outbox = Table(
    "outbox", metadata, _key("row"), _text("id", unique=True), _tenant(), _text("kind"), _text("type"),
    _text("subject"), _whole("subject_seq"), Column("body", LargeBinary, nullable=False), _text("content_type"),
    _when("created_at"), UniqueConstraint("tenant", "subject", "subject_seq"),
    sqlite_autoincrement=True,  # a row number never comes back
)  # fmt: skip
Index("ix_outbox_created", outbox.c.created_at)
_OPEN = "settled_at IS NULL"
delivery = Table(
    "delivery", metadata, _key(), _tenant(), _text("endpoint"),
    Column("event_id", Text, ForeignKey("outbox.id"), key="event", nullable=False), _text("subject"), _text("state"),
    _whole("attempt"), _when("next_at"), _text("owner"), _text("reason"), _text("reference"), _when("created_at"),
    _when("updated_at"), _maybe("settled_at"),
    Column("level", SmallInteger, nullable=False, server_default=text("0")),
    UniqueConstraint("tenant", "endpoint", "event"),
    sqlite_autoincrement=True,  # a row number never comes back
)  # fmt: skip
Index(
    "ix_delivery_urgent",
    delivery.c.endpoint,
    delivery.c.level.desc(),
    delivery.c.next_at,
    delivery.c.id,
    **_where(_OPEN),
)
Index("ix_delivery_due", delivery.c.endpoint, delivery.c.next_at, delivery.c.id, **_where(_OPEN))
Index("ix_delivery_subject", delivery.c.endpoint, delivery.c.subject, delivery.c.id, **_where(_OPEN))
Index("ix_delivery_state", delivery.c.tenant, delivery.c.state, delivery.c.id)
Index("ix_delivery_event", delivery.c.event)
delivery_attempt = Table(
    "delivery_attempt", metadata, _key(),
    Column("delivery_id", Serial, ForeignKey("delivery.id"), key="delivery", nullable=False), _tenant(),
    _whole("attempt"), _when("at"), _text("state"), _whole("status"), _text("reason"), _text("excerpt"),
    _when("latency"), _flag("charged"),
)  # fmt: skip
Index("ix_delivery_attempt_delivery", delivery_attempt.c.delivery)
endpoint_state = Table(
    "endpoint_state", metadata, _tenant(primary_key=True), Column("endpoint", Text, primary_key=True),
    _maybe("disabled_at"), _text("reason"),
)  # fmt: skip
inbox = Table(
    "inbox", metadata, _key(), _tenant(), _text("endpoint"), _text("external_id"),
    Column("body", LargeBinary, nullable=False), _when("received_at"), _maybe("processed_at"), _text("result"),
    UniqueConstraint("tenant", "endpoint", "external_id"),
)  # fmt: skip
Index("ix_inbox_waiting", inbox.c.id, **_where("processed_at IS NULL"))
api_key = Table(
    "api_key", metadata, _id(), _tenant(), _text("name"), _text("digest"), _text("role"), _text("sites"),
    _when("created_at"), _maybe("expires_at"), _maybe("revoked_at"), _maybe("used_at"),
    UniqueConstraint("tenant", "name"), UniqueConstraint("tenant", "digest"),
)  # fmt: skip
security_audit = Table(
    "security_audit", metadata, _key(), _tenant(), _when("at"), _text("actor"), _text("address"), _text("act"),
    _text("subject"), _text("detail"),
    sqlite_autoincrement=True,  # a row number never comes back
)  # fmt: skip
correction = Table(
    "correction", metadata, _tenant(primary_key=True), _id(), _whole("device"), _whole("point"), _when("start"),
    _when("end"), _text("kind"), _text("reason"), _text("actor"), _when("at"), _whole("rows"), Column("value", Double),
    Column("factor", Double, nullable=False), Column("offset", Double, nullable=False),
    Column("originals", LargeBinary, nullable=False), _text("exchange"), _maybe("undone_at"), _text("undone_by"),
    _text("undone_why"),
)  # fmt: skip
Index("ix_correction_at", correction.c.tenant, correction.c.at, correction.c.id)
Index("ix_correction_device", correction.c.tenant, correction.c.device, correction.c.point, correction.c.start)
meter_exchange = Table(
    "meter_exchange", metadata, _tenant(primary_key=True), _id(), _whole("device"), _whole("point"), _when("at"),
    Column("start", Double, nullable=False), Column("final", Double), Column("factor", Double, nullable=False),
    _text("reason"), _text("actor"), _when("known_at"), _maybe("undone_at"), _text("undone_by"), _text("undone_why"),
)  # fmt: skip
Index("ix_meter_exchange_device", meter_exchange.c.tenant, meter_exchange.c.device, meter_exchange.c.at)
control_outbox = Table(
    "control_outbox", metadata, _key(), _tenant(), Column("fact", LargeBinary, nullable=False), _when("created_at"),
    _maybe("journaled_seq"),
    sqlite_autoincrement=True,  # a row number never comes back
)  # fmt: skip
Index("ix_control_outbox_waiting", control_outbox.c.id, **_where("journaled_seq IS NULL"))

# Commands to devices. Rows of the audit are only added: triggers refuse every change (migration 0011).
device_command = Table(
    "device_command", metadata, _id(), _tenant(), _text("key"), _text("digest"), _whole("device"), _whole("component"),
    _text("name"), _text("source"), _text("parameters"), _text("note"), _text("requester"), _text("requester_role"),
    _when("created_at"), _when("updated_at"), _when("expires_at"), _text("state"), _text("verification"),
    _text("approval"), _text("approver"), _text("reason"), _text("answer"), _text("outcome"), _when("sent_at"),
    _when("ended_at"), _when("verify_until"), _whole("version"),
    UniqueConstraint("tenant", "key"),
)  # fmt: skip
Index("ix_device_command_recent", device_command.c.tenant, device_command.c.created_at, device_command.c.id)
Index("ix_device_command_device", device_command.c.tenant, device_command.c.device, device_command.c.created_at)
Index("ix_device_command_open", device_command.c.tenant, **_where("ended_at = 0"))
device_command_audit = Table(
    "device_command_audit", metadata,
    Column("command_id", Text, ForeignKey("device_command.id"), primary_key=True, key="command"),
    _tenant(primary_key=True), Column("seq", Integer, primary_key=True, autoincrement=False), _text("type"),
    _text("actor"), _text("role"), _text("before"), _text("after"), _text("data"), _when("at"),
)  # fmt: skip
