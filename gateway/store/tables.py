"""All tables, in the SQL both SQLite and PostgreSQL speak. Times are µs since 1970 UTC (BIGINT).

A unique key never lacks the tenant, but for surrogate ids and the cursor (a partition serves several tenants).
Columns named in Python by another word (`tenant` for tenant_id) have the name of their field in the domain values.
JSON is kept as text: the values are encoded once, by msgspec, and never searched.
"""

from typing import Any

from sqlalchemy import (
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from gateway.store.columns import Serial, flag, id_, maybe, metadata, partial_where, serial, tenant, text_, when, whole


def _alarm_stage_columns() -> tuple[Column[Any], ...]:
    """Columns for the marks of the alarm stage, which follows the conditions; rows of the first release lack them."""
    no, none = {"server_default": false()}, {"server_default": text("''")}
    return (
        flag("unstable", **no),
        flag("stale", **no),
        flag("muted", **no),
        text_("limited", **none),
        when("held_until", server_default=text("0")),
        text_("parent", **none),
    )


def _order_family_columns() -> tuple[Column[Any], ...]:
    """Columns for parents, merged orders and the inputs of the priority; rows of older releases lack them."""
    none = {"server_default": text("''")}
    return (
        text_("parent", **none),
        text_("merged_into", **none),
        text_("team", **none),
        text_("held_from", **none),
        text_("urgency", server_default=text("'normal'")),
        text_("priority_reason_zh", **none),
        whole("customer_level", server_default=text("0")),
    )


def _chain_columns() -> tuple[Column[Any], ...]:
    """Columns for the place of a row of the audit in the chain (gateway/domain/audit_chain.py)."""
    return when("number"), text_("prev_hash"), text_("hash"), text_("digest"), text_("salt")


# One row: identity of the database, of the journal that feeds it, and the epoch of the gateway that writes it. For a
# server, which is locked by this row; a file has its identity in its header, and is locked as a whole.
installation = Table(
    "installation", metadata, Column("id", Integer, primary_key=True, autoincrement=False), when("identity"),
    when("journal"), when("epoch"),
)  # fmt: skip

# Registry: ids are given once, from `registry_counter`, and never renumbered.
site = Table(
    "site", metadata, tenant(primary_key=True), Column("code", Text, primary_key=True), text_("name"),
    text_("timezone"), text_("area"), text_("region"), text_("attrs"), text_("tags"),
    text_("quiet", server_default=text("'[]'")),
)  # fmt: skip
customer = Table(
    "customer", metadata, tenant(primary_key=True), Column("code", Text, primary_key=True), text_("name"),
    text_("phone"), text_("language"), text_("sites"), text_("attrs"),
    flag("gone", server_default=false()),
)  # fmt: skip
device = Table(
    "device", metadata, Column("id", Integer, primary_key=True, autoincrement=False), tenant(), text_("code"),
    text_("profile"), text_("kind"), text_("name"), text_("site"), text_("customer"), whole("components"),
    text_("life"), when("registered"), text_("attrs"), text_("tags"),
    UniqueConstraint("tenant", "code"),
)  # fmt: skip
Index("ix_device_site", device.c.tenant, device.c.site)
Index("ix_device_customer", device.c.tenant, device.c.customer)
point = Table(
    "point", metadata, Column("id", Integer, primary_key=True, autoincrement=False), tenant(), text_("profile"),
    text_("name"), whole("component"), text_("kind"), text_("unit"), when("every"), whole("revision"),
    text_("values"), text_("plausible"), text_("counter"), text_("brought", server_default=text("'[]'")),
    UniqueConstraint("tenant", "profile", "name", "component", "revision"),
)  # fmt: skip
registry_counter = Table("registry_counter", metadata, Column("kind", Text, primary_key=True), whole("last"))

# The desk. The two partial unique indexes are the promise "one fault, one order".
alarm = Table(
    "alarm", metadata, id_(), tenant(), whole("partition"), text_("key"), text_("rule"), text_("revision"),
    whole("device"), whole("component"), text_("group"), text_("identity"), text_("state"),
    Column("level", SmallInteger, nullable=False), Column("peak", SmallInteger, nullable=False), text_("plan"),
    text_("evidence"), when("raised_at"), when("decided_at"), when("received_at"), when("recorded_at"),
    when("last_seen"), when("updated_at"), maybe("cleared_at"), whole("count"), whole("version"), text_("reason"),
    flag("late"), flag("imported"), flag("suspect"), flag("live"),
    Column("order_id", Text, key="order", nullable=False), *_alarm_stage_columns(),
)  # fmt: skip
Index("uq_alarm_open", alarm.c.tenant, alarm.c.key, unique=True, **partial_where("cleared_at IS NULL"))
Index("ix_alarm_order_raised", alarm.c.order, **partial_where("cleared_at IS NULL"))
Index("ix_alarm_parent", alarm.c.parent, **partial_where("cleared_at IS NULL AND parent <> ''"))
Index("ix_alarm_recent", alarm.c.tenant, alarm.c.raised_at, alarm.c.id)
Index("ix_alarm_device", alarm.c.tenant, alarm.c.device, alarm.c.raised_at)

alarm_change = Table(
    "alarm_change", metadata, id_(), tenant(),
    Column("alarm_id", Text, ForeignKey("alarm.id"), key="alarm", nullable=False),
    text_("change"), Column("level", SmallInteger, nullable=False), when("at"), when("decided"), text_("reason"),
    flag("late"), whole("count"), text_("evidence"),
)  # fmt: skip
Index("ix_alarm_change_alarm", alarm_change.c.alarm, alarm_change.c.at)

work_order = Table(
    "work_order", metadata, id_(), tenant(), text_("no"), text_("key"), text_("type"), text_("fault"),
    text_("source"), text_("title_en"), text_("title_zh"), text_("why"), whole("device"), whole("component"),
    text_("group"), text_("state"), Column("level", SmallInteger, nullable=False), text_("priority"),
    text_("priority_reason"), text_("rule"), text_("alarm"), when("created_at"), when("updated_at"),
    when("first_seen"), when("last_seen"), text_("causes"), whole("version"), whole("count"), text_("skill"),
    text_("sla"), text_("assign"), text_("assignee"), when("reopen_within"), whole("reopen_count"),
    whole("rejections"),
    text_("related_to"), text_("hold_reason"), text_("close_reason"), text_("fault_found"), text_("cause"),
    text_("remedy"), maybe("condition_cleared_at"), flag("told_cleared"), maybe("accepted_at"),
    maybe("started_at"), maybe("resolved_at"), maybe("closed_at"), text_("why_zh", server_default=text("''")),
    maybe("arrived_at"), *_order_family_columns(),
    UniqueConstraint("tenant", "no"),
)  # fmt: skip
Index("uq_work_order_open", work_order.c.tenant, work_order.c.key, unique=True, **partial_where("closed_at IS NULL"))
Index("ix_work_order_key", work_order.c.tenant, work_order.c.key, work_order.c.closed_at)
Index("ix_work_order_recent", work_order.c.tenant, work_order.c.created_at, work_order.c.no)
Index("ix_work_order_updated", work_order.c.tenant, work_order.c.updated_at, work_order.c.id)
Index("ix_work_order_device", work_order.c.tenant, work_order.c.device, work_order.c.created_at)
Index("ix_work_order_parent", work_order.c.tenant, work_order.c.parent, **partial_where("parent <> ''"))

_ORDER = "work_order.id"
wo_alarm = Table(
    "wo_alarm", metadata, Column("order_id", Text, ForeignKey(_ORDER), primary_key=True, key="order"), tenant(),
    Column("alarm_id", Text, ForeignKey("alarm.id"), primary_key=True, key="alarm"), when("at"),
)  # fmt: skip
Index("ix_wo_alarm_alarm", wo_alarm.c.alarm)
audit = Table(
    "audit", metadata, Column("order_id", Text, ForeignKey(_ORDER), primary_key=True, key="order"), tenant(),
    Column("seq", Integer, primary_key=True, autoincrement=False), text_("type"), text_("actor"), text_("role"),
    text_("before"), text_("after"), text_("data"), when("at"), when("occurred_at"), *_chain_columns(),
    UniqueConstraint("tenant", "number"),
)  # fmt: skip
audit_head = Table(  # the newest row of each chain
    "audit_head", metadata, tenant(primary_key=True), when("number"), text_("hash"),
)  # fmt: skip
command = Table(
    "command", metadata, tenant(primary_key=True), Column("id", Text, primary_key=True), text_("digest"),
    Column("order_id", Text, key="order", nullable=False), when("at"),
)  # fmt: skip
deadline = Table(
    "deadline", metadata, tenant(primary_key=True), Column("subject", Text, primary_key=True),
    Column("reason", Text, primary_key=True), maybe("due_at"), when("created_at"), whole("n"),
)  # fmt: skip
Index("ix_deadline_due", deadline.c.due_at, **partial_where("due_at IS NOT NULL"))
order_counter = Table(
    "order_counter", metadata, tenant(primary_key=True), Column("day", Text, primary_key=True), whole("last"),
)  # fmt: skip
cursor = Table(
    "cursor", metadata, Column("partition", Integer, primary_key=True, autoincrement=False), when("seq"),
    whole("ordinal"), when("epoch"),
)  # fmt: skip
sla_clock = Table(
    "sla_clock", metadata, tenant(primary_key=True),
    Column("order_id", Text, ForeignKey(_ORDER), primary_key=True, key="order"),
    Column("kind", Text, primary_key=True), text_("policy"), text_("revision"), when("target"), when("started_at"),
    when("consumed"), maybe("running_since"), maybe("paused_since"), text_("pause"), maybe("due_at"),
    maybe("next_at"), maybe("met_at"), maybe("breached_at"), maybe("ended_at"), text_("stretches"),
)  # fmt: skip
Index("ix_sla_clock_order", sla_clock.c.order)
_RUNS = partial_where("running_since IS NOT NULL OR paused_since IS NOT NULL")
Index("ix_sla_clock_open", sla_clock.c.tenant, sla_clock.c.revision, **_RUNS)
sla_milestone = Table(
    "sla_milestone", metadata, tenant(primary_key=True),
    Column("order_id", Text, ForeignKey(_ORDER), primary_key=True, key="order"),
    Column("kind", Text, primary_key=True), Column("name", Text, primary_key=True), when("due_at"), when("fired_at"),
)  # fmt: skip
Index("ix_sla_milestone_order", sla_milestone.c.order)
notice = Table(
    "notice", metadata, id_(), tenant(), text_("subject"), text_("alarm"), text_("audience"), text_("recipient"),
    text_("template"), whole("n"), text_("klass"), text_("language"), text_("params"), text_("state"), text_("reason"),
    text_("event"), when("created_at"), when("updated_at"),
    UniqueConstraint("tenant", "subject", "recipient", "template", "n"),
)  # fmt: skip
Index("ix_notice_event", notice.c.event, **partial_where("event <> ''"))

# Out and in.
outbox = Table(
    "outbox", metadata, serial("row"), text_("id", unique=True), tenant(), text_("kind"), text_("type"),
    text_("subject"), whole("subject_seq"), Column("body", LargeBinary, nullable=False), text_("content_type"),
    when("created_at"), UniqueConstraint("tenant", "subject", "subject_seq"),
    sqlite_autoincrement=True,  # a row number never comes back
)  # fmt: skip
Index("ix_outbox_created", outbox.c.created_at)
_OPEN = "settled_at IS NULL"
delivery = Table(
    "delivery", metadata, serial(), tenant(), text_("endpoint"),
    Column("event_id", Text, ForeignKey("outbox.id"), key="event", nullable=False), text_("subject"), text_("state"),
    whole("attempt"), when("next_at"), text_("owner"), text_("reason"), text_("reference"), when("created_at"),
    when("updated_at"), maybe("settled_at"),
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
    **partial_where(_OPEN),
)
Index("ix_delivery_due", delivery.c.endpoint, delivery.c.next_at, delivery.c.id, **partial_where(_OPEN))
Index("ix_delivery_subject", delivery.c.endpoint, delivery.c.subject, delivery.c.id, **partial_where(_OPEN))
Index("ix_delivery_state", delivery.c.tenant, delivery.c.state, delivery.c.id)
Index("ix_delivery_event", delivery.c.event)
delivery_attempt = Table(
    "delivery_attempt", metadata, serial(),
    Column("delivery_id", Serial, ForeignKey("delivery.id"), key="delivery", nullable=False), tenant(),
    whole("attempt"), when("at"), text_("state"), whole("status"), text_("reason"), text_("excerpt"),
    when("latency"), flag("charged"),
)  # fmt: skip
Index("ix_delivery_attempt_delivery", delivery_attempt.c.delivery)
endpoint_state = Table(
    "endpoint_state", metadata, tenant(primary_key=True), Column("endpoint", Text, primary_key=True),
    maybe("disabled_at"), text_("reason"),
)  # fmt: skip
inbox = Table(
    "inbox", metadata, serial(), tenant(), text_("endpoint"), text_("external_id"),
    Column("body", LargeBinary, nullable=False), when("received_at"), maybe("processed_at"), text_("result"),
    UniqueConstraint("tenant", "endpoint", "external_id"),
)  # fmt: skip
Index("ix_inbox_waiting", inbox.c.id, **partial_where("processed_at IS NULL"))
api_key = Table(
    "api_key", metadata, id_(), tenant(), text_("name"), text_("digest"), text_("role"), text_("sites"),
    when("created_at"), maybe("expires_at"), maybe("revoked_at"), maybe("used_at"),
    UniqueConstraint("tenant", "name"), UniqueConstraint("tenant", "digest"),
)  # fmt: skip
security_audit = Table(
    "security_audit", metadata, serial(), tenant(), when("at"), text_("actor"), text_("address"), text_("act"),
    text_("subject"), text_("detail"),
    sqlite_autoincrement=True,  # a row number never comes back
)  # fmt: skip
correction = Table(
    "correction", metadata, tenant(primary_key=True), id_(), whole("device"), whole("point"), when("start"),
    when("end"), text_("kind"), text_("reason"), text_("actor"), when("at"), whole("rows"), Column("value", Double),
    Column("factor", Double, nullable=False), Column("offset", Double, nullable=False),
    Column("originals", LargeBinary, nullable=False), text_("exchange"), maybe("undone_at"), text_("undone_by"),
    text_("undone_why"),
)  # fmt: skip
Index("ix_correction_at", correction.c.tenant, correction.c.at, correction.c.id)
Index("ix_correction_device", correction.c.tenant, correction.c.device, correction.c.point, correction.c.start)
meter_exchange = Table(
    "meter_exchange", metadata, tenant(primary_key=True), id_(), whole("device"), whole("point"), when("at"),
    Column("start", Double, nullable=False), Column("final", Double), Column("factor", Double, nullable=False),
    text_("reason"), text_("actor"), when("known_at"), maybe("undone_at"), text_("undone_by"), text_("undone_why"),
)  # fmt: skip
Index("ix_meter_exchange_device", meter_exchange.c.tenant, meter_exchange.c.device, meter_exchange.c.at)
control_outbox = Table(
    "control_outbox", metadata, serial(), tenant(), Column("fact", LargeBinary, nullable=False), when("created_at"),
    maybe("journaled_seq"),
    sqlite_autoincrement=True,  # a row number never comes back
)  # fmt: skip
Index("ix_control_outbox_waiting", control_outbox.c.id, **partial_where("journaled_seq IS NULL"))

# Commands to devices. Rows of the audit are only added: triggers refuse every change (migration 0011).
device_command = Table(
    "device_command", metadata, id_(), tenant(), text_("key"), text_("digest"), whole("device"), whole("component"),
    text_("name"), text_("source"), text_("parameters"), text_("note"), text_("requester"), text_("requester_role"),
    when("created_at"), when("updated_at"), when("expires_at"), text_("state"), text_("verification"),
    text_("approval"), text_("approver"), text_("reason"), text_("answer"), text_("outcome"), when("sent_at"),
    when("ended_at"), when("verify_until"), whole("version"),
    UniqueConstraint("tenant", "key"),
)  # fmt: skip
Index("ix_device_command_recent", device_command.c.tenant, device_command.c.created_at, device_command.c.id)
Index("ix_device_command_device", device_command.c.tenant, device_command.c.device, device_command.c.created_at)
Index("ix_device_command_open", device_command.c.tenant, **partial_where("ended_at = 0"))
device_command_audit = Table(
    "device_command_audit", metadata,
    Column("command_id", Text, ForeignKey("device_command.id"), primary_key=True, key="command"),
    tenant(primary_key=True), Column("seq", Integer, primary_key=True, autoincrement=False), text_("type"),
    text_("actor"), text_("role"), text_("before"), text_("after"), text_("data"), when("at"),
)  # fmt: skip
