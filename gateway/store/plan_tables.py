"""Tables of maintenance plans. Times are µs since 1970 UTC."""

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text

from gateway.store.columns import maybe, metadata, partial_where, tenant, text_, when, whole
from gateway.store.tables import work_order


def _thing_key() -> tuple[Column[str], Column[str], Column[int], Column[str]]:
    """Tenant, plan, device, group."""
    return (
        tenant(primary_key=True),
        Column("plan", Text, primary_key=True),
        Column("device", Integer, primary_key=True, autoincrement=False),
        Column("group", Text, primary_key=True),
    )


planned_thing = Table(
    "planned_thing", metadata, *_thing_key(), text_("zone"), text_("start"), maybe("due_at"), maybe("opens_at"),
    maybe("done_at"), text_("revision"), when("since"), maybe("moved_from"),
)  # fmt: skip
Index(
    "ix_planned_thing_opens",
    planned_thing.c.tenant,
    planned_thing.c.opens_at,
    planned_thing.c.plan,
    **partial_where("opens_at IS NOT NULL"),
)
Index("ix_planned_thing_due", planned_thing.c.tenant, planned_thing.c.due_at, planned_thing.c.plan)
Index("ix_planned_thing_device", planned_thing.c.tenant, planned_thing.c.device)
plan_cycle = Table(
    "plan_cycle", metadata, *_thing_key(), Column("cycle", Text, primary_key=True), text_("state"), when("due_at"),
    when("opened_at"), Column("order_id", Text, key="order", nullable=False), maybe("done_at"), text_("by"),
    text_("note"),
)  # fmt: skip
Index("ix_plan_cycle_order", plan_cycle.c.order, **partial_where("order_id <> ''"))
Index("ix_plan_cycle_due", plan_cycle.c.tenant, plan_cycle.c.plan, plan_cycle.c.due_at)
Index("ix_plan_cycle_device", plan_cycle.c.tenant, plan_cycle.c.device, plan_cycle.c.due_at)
plan_stop = Table(
    "plan_stop", metadata, tenant(primary_key=True),
    Column("order_id", Text, ForeignKey(work_order.c.id), primary_key=True, key="order"),
    Column("device", Integer, primary_key=True, autoincrement=False), whole("place"), text_("state"), text_("note"),
    text_("by"), maybe("at"),
)  # fmt: skip
Index("ix_plan_stop_order", plan_stop.c.order)
