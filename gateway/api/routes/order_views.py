"""A work order as the API shows it."""

from collections.abc import Mapping

from gateway.api.context import Context
from gateway.api.routes.alarms import PlaceView, TitleView, place_view
from gateway.api.routes.clocks import ClockView, clocks_of
from gateway.api.values import Instant, LevelWord, ResponseModel, level_word
from gateway.desk.order_codes import CodeKind, OrderCodes
from gateway.domain.workorder import OrderState, WorkOrder


class ResolutionView(ResponseModel):
    """Fault, cause and remedy as reported: codes of the firm's list with their names, or texts (then the names are
    the same text)."""

    fault: str
    cause: str
    remedy: str
    fault_name: TitleView
    cause_name: TitleView
    remedy_name: TitleView


class OrderView(ResponseModel):
    """One order. `version` rises with every change and is its ETag."""

    no: str
    version: int
    state: OrderState
    type: str
    fault: str
    source: str
    level: LevelWord
    priority: str
    priority_reason: str
    priority_reason_zh: str
    urgency: str
    customer_level: int
    title: TitleView
    why: str
    why_zh: str
    place: PlaceView
    assignee: str
    skill: str
    sla: str
    count: int
    causes: tuple[str, ...]
    reopen_count: int
    related_to: str
    merged_into: str
    hold_reason: str
    hold_reason_name: TitleView
    close_reason: str
    resolution: ResolutionView
    created_at: Instant
    updated_at: Instant
    first_seen_at: Instant
    last_seen_at: Instant
    condition_cleared_at: Instant | None
    accepted_at: Instant | None
    arrived_at: Instant | None
    started_at: Instant | None
    resolved_at: Instant | None
    closed_at: Instant | None
    clocks: list[ClockView]


def order_view(context: Context, order: WorkOrder, clocks: Mapping[str, list[ClockView]]) -> OrderView:
    """`order` as the API shows it: names for ids, words for levels. `clocks` by order id."""
    held = context.settings.desk.hold_reasons.name_of(order.hold_reason)
    return OrderView(
        no=order.no,
        version=order.version,
        state=order.state,
        type=order.type,
        fault=order.fault,
        source=order.source,
        level=level_word(order.level),
        priority=order.priority,
        priority_reason=order.priority_reason,
        priority_reason_zh=order.priority_reason_zh or order.priority_reason,
        urgency=order.urgency,
        customer_level=order.customer_level,
        title=TitleView(en=order.title_en, zh=order.title_zh),
        why=order.why,
        why_zh=order.why_zh,
        place=place_view(context, order.device, order.component, order.group),
        assignee=order.assignee,
        skill=order.skill,
        sla=order.sla,
        count=order.count,
        causes=order.causes,
        reopen_count=order.reopen_count,
        related_to=order.related_to,
        merged_into=order.merged_into,
        hold_reason=order.hold_reason,
        hold_reason_name=TitleView(en=held.english, zh=held.chinese),
        close_reason=order.close_reason,
        resolution=_resolution(context.settings.desk.codes, order),
        created_at=order.created_at,
        updated_at=order.updated_at,
        first_seen_at=order.first_seen,
        last_seen_at=order.last_seen,
        condition_cleared_at=order.condition_cleared_at,
        accepted_at=order.accepted_at,
        arrived_at=order.arrived_at,
        started_at=order.started_at,
        resolved_at=order.resolved_at,
        closed_at=order.closed_at,
        clocks=clocks.get(order.id, []),
    )


async def viewed(context: Context, order: WorkOrder) -> OrderView:
    """`order` with its clocks as they stand now."""
    return order_view(context, order, await clocks_of(context, [order]))


def _resolution(codes: OrderCodes, order: WorkOrder) -> ResolutionView:
    written = {CodeKind.FAULT: order.fault_found, CodeKind.CAUSE: order.cause, CodeKind.REMEDY: order.remedy}
    names = {}
    for kind, text in written.items():
        found = codes.find(kind, text)
        names[kind] = TitleView(en=found.name.english, zh=found.name.chinese) if found else TitleView(en=text, zh=text)
    return ResolutionView(
        fault=order.fault_found,
        cause=order.cause,
        remedy=order.remedy,
        fault_name=names[CodeKind.FAULT],
        cause_name=names[CodeKind.CAUSE],
        remedy_name=names[CodeKind.REMEDY],
    )
