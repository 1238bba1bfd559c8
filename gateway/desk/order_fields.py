"""Fields of a new order, and its title and causes while alarms join and end. Pure. The priority comes later."""

from collections.abc import Sequence

import msgspec

from gateway.desk.plans.plan import MaintenancePlan
from gateway.desk.policy import cause
from gateway.desk.priorities import URGENCIES
from gateway.domain.alarm import Level, OrderPlan
from gateway.domain.hazard import Hazard
from gateway.domain.maintenance import PlannedThing
from gateway.domain.text import Lang, localize
from gateway.domain.workorder import Alarm, FaultReport, OrderState, Place, WorkOrder

MAX_CAUSES = 25
MAX_ITEMS = 200  # devices of a storm or a batch: their parent's event names them
PER_RULE, PER_SITE = "alarms_per_rule", "orders_per_site"
STORM, BATCH = "storm", "batch"
PARENTS = frozenset({STORM, BATCH})


def of_alarm(
    alarm: Alarm, plan: OrderPlan, key: str, *, id_: str, no: str, now: int, last: WorkOrder | None
) -> WorkOrder:
    """The order of one fault."""
    order = WorkOrder(
        id=id_,
        tenant=alarm.tenant,
        no=no,
        key=key,
        type=plan.type,
        fault=plan.fault,
        source="alarm",
        title_en=alarm.plan.title_en,
        title_zh=alarm.plan.title_zh,
        why=alarm.plan.why,
        why_zh=alarm.plan.why_in("zh"),
        device=alarm.device,
        component=alarm.component,
        group=alarm.group,
        state=OrderState.NEW,
        level=alarm.peak,
        priority="",
        priority_reason="",
        rule=alarm.rule,
        alarm=alarm.id,
        created_at=now,
        updated_at=now,
        first_seen=alarm.raised_at,
        last_seen=alarm.last_seen,
        causes=(cause(alarm),),
        skill=plan.skill,
        sla=plan.sla,
        assign=plan.assign,
        reopen_within=plan.reopen_within,
        related_to=last.no if last else "",
    )
    return with_title(order, alarm)


def of_report(
    report: FaultReport, tenant: str, key: str, *, id_: str, no: str, now: int, last: WorkOrder | None
) -> WorkOrder:
    """The order of a fault that a person reported."""
    return WorkOrder(
        id=id_,
        tenant=tenant,
        no=no,
        key=key,
        type=report.type,
        fault=report.fault,
        source=report.source,
        title_en=report.title_en,
        title_zh=report.title_zh,
        why=report.note,
        why_zh=report.note,
        device=report.device,
        component=report.component,
        group=report.group,
        state=OrderState.NEW,
        level=report.level,
        priority="",
        priority_reason="",
        rule="",
        alarm="",
        created_at=now,
        updated_at=now,
        first_seen=now,
        last_seen=now,
        causes=(report.source,),
        skill=report.skill,
        sla=report.sla,
        urgency=report.urgency,
        reopen_within=report.reopen_within,
        related_to=last.no if last else "",
    )


def of_plan(
    plan: MaintenancePlan,
    thing: PlannedThing,
    key: str,
    *,
    id_: str,
    no: str,
    now: int,
    last: WorkOrder | None,
    due: str,
) -> WorkOrder:
    """The order of one cycle of a plan; `due` is its day, as text."""
    why_en, why_zh = plan.why_en or plan.title_en, plan.why_zh or plan.why_en or plan.title_zh
    return WorkOrder(
        id=id_,
        tenant=thing.tenant,
        no=no,
        key=key,
        type=plan.order.type,
        fault=plan.order.fault or plan.id,
        source="plan",
        title_en=plan.title_en,
        title_zh=plan.title_zh,
        why=localize("plans.why", "en", due=due, why=why_en),
        why_zh=localize("plans.why", "zh", due=due, why=why_zh),
        device=thing.device,
        component=0,
        group=thing.group,
        state=OrderState.NEW,
        level=plan.order.level,
        priority="",
        priority_reason="",
        rule="",
        alarm="",
        created_at=now,
        updated_at=now,
        first_seen=now,
        last_seen=now,
        causes=(plan.id,),
        skill=plan.order.skill,
        sla=plan.order.sla,
        assign=plan.order.assign,
        related_to=last.no if last else "",
    )


def of_hazard(
    hazard: Hazard,
    part: str,
    cause: WorkOrder,
    key: str,
    *,
    id_: str,
    no: str,
    now: int,
    related_to: str,
    assign: str = "",
    skill: str = "",
    sla: str = "",
) -> WorkOrder:
    """The rectification or the recheck (`part`) of a hazard, which `cause` (inspection, rectification) led to."""
    return WorkOrder(
        id=id_,
        tenant=hazard.tenant,
        no=no,
        key=key,
        type=part,
        fault=hazard.code,
        source="hazard",
        title_en=localize(f"hazards.{part}", "en", title=hazard.title_en),
        title_zh=localize(f"hazards.{part}", "zh", title=hazard.title_zh),
        why=localize("hazards.why", "en", hazard=hazard.no, no=related_to),
        why_zh=localize("hazards.why", "zh", hazard=hazard.no, no=related_to),
        device=hazard.device,
        component=0,
        group="" if hazard.device else cause.group,
        state=OrderState.NEW,
        level=hazard.level,
        priority="",
        priority_reason="",
        rule="",
        alarm="",
        created_at=now,
        updated_at=now,
        first_seen=hazard.found_at,
        last_seen=now,
        causes=(hazard.no,),
        skill=skill,
        sla=sla,
        assign=assign,
        related_to=related_to,
    )


def of_storm(first: WorkOrder, alarm: Alarm, site: str, place: Place | None) -> WorkOrder:
    """`first`, an order of one fault, as the parent of all that exceeds the limit of its rule or site."""
    per_rule, why = alarm.limited == PER_RULE, f"desk.storm_{alarm.limited}"
    order = msgspec.structs.replace(
        first,
        source=STORM,
        device=0,
        component=0,
        group="" if per_rule else site,
        count=1,
        reopen_within=0,
        fault=first.fault if per_rule else alarm.limited,
        why=localize(why, "en"),
        why_zh=localize(why, "zh"),
        causes=(),
    )
    return with_title(with_causes(order, [cause_name(order, alarm, place)]), alarm)


def of_batch(first: WorkOrder, alarm: Alarm, of: str, place: Place | None) -> WorkOrder:
    """`first`, an order of one fault, as the parent of all of them in the area, or on the route, `of`."""
    order = msgspec.structs.replace(
        first, source=BATCH, device=0, component=0, group=of, count=1, reopen_within=0, causes=()
    )
    return with_title(with_causes(order, [cause_name(order, alarm, place)]), alarm)


def with_title(order: WorkOrder, alarm: Alarm) -> WorkOrder:
    """The order with the title it has with `alarm` in it: edited texts, an unstable alarm, a growing storm."""
    plan = alarm.plan
    titles: dict[Lang, str] = {"en": plan.title_en, "zh": plan.title_zh}
    if order.source == STORM:
        key, fields = (
            ("desk.storm_site", {"site": order.group or "-"})
            if order.fault == PER_SITE
            else ("desk.storm_rule", {"rule": order.rule})
        )
        titles = {lang: localize(key, lang, count=order.count, **fields) for lang in titles}
    elif order.source == BATCH:
        titles = {
            lang: localize("desk.batch", lang, count=order.count, title=title, of=order.group or "-")
            for lang, title in titles.items()
        }
    elif alarm.rule != order.rule:
        return order
    elif alarm.unstable:
        titles = {lang: localize("desk.unstable", lang, title=t, count=alarm.count) for lang, t in titles.items()}
    elif order.title_en.startswith(f"{plan.title_en} ("):  # it was unstable, and nobody has ended it yet
        return order
    if (order.title_en, order.title_zh) == (titles["en"], titles["zh"]):
        return order
    return msgspec.structs.replace(order, title_en=titles["en"], title_zh=titles["zh"])


def with_level(order: WorkOrder, level: Level) -> tuple[WorkOrder, tuple[str, ...]]:
    """The order with at least this level, and the names of the changed fields."""
    if level <= order.level:
        return order, ()
    return msgspec.structs.replace(order, level=level), ("level", "priority")


def with_urgency(order: WorkOrder, urgency: str) -> WorkOrder:
    """The order with at least this urgency."""
    if URGENCIES.index(urgency) <= URGENCIES.index(order.urgency):
        return order
    return msgspec.structs.replace(order, urgency=urgency)


def cause_name(order: WorkOrder, alarm: Alarm, place: Place | None) -> str:
    """The entry in `causes` for an alarm that joins: the device in a batch or a storm of one rule, else its cause."""
    if order.source not in PARENTS or order.fault == PER_SITE:
        return cause(alarm)
    name = place.code if place and place.code else alarm.group or str(alarm.device)
    return f"{name}/{alarm.component}" if alarm.component else name


def with_causes(order: WorkOrder, new: Sequence[str]) -> WorkOrder:
    """The bounded list of causes."""
    most = MAX_ITEMS if order.source in PARENTS else MAX_CAUSES
    causes = tuple(dict.fromkeys((*order.causes, *new)))[:most]
    return order if causes == order.causes else msgspec.structs.replace(order, causes=causes)
