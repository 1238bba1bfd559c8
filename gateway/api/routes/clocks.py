"""The SLA clocks of a work order: as numbers, and why each stands as it does."""

import asyncio
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from gateway.api.context import Context
from gateway.api.routes.alarms import TitleView
from gateway.api.values import Instant, ResponseModel
from gateway.desk.sla import SlaPolicy, explain, numbers
from gateway.domain.sla import ClockKind, ClockState, FiredMilestone, SlaClock
from gateway.domain.workorder import WorkOrder


class ClockView(ResponseModel):
    """One clock, in milliseconds of working time. `remaining_ms` is negative when it is overdue by that much; `due_at`
    is null while it is paused; `late`: met after the target."""

    kind: ClockKind
    policy: str
    state: ClockState
    target_ms: int
    consumed_ms: int
    remaining_ms: int
    started_at: Instant
    running_since: Instant | None
    paused_since: Instant | None
    pause: str
    due_at: Instant | None
    met_at: Instant | None
    breached_at: Instant | None
    ended_at: Instant | None


class MilestoneView(ResponseModel):
    """A milestone of a clock. `due` is the target itself. `fired_at` null: to come; `due_at` null: the clock is
    paused, or has ended before."""

    name: str
    after_ms: int | None
    due_at: Instant | None
    fired_at: Instant | None
    audience: str


class ClockReasons(ResponseModel):
    """One clock with its milestones and the reason of its due-time, line by line: the working time that was counted,
    the pauses, the days off, what is to come."""

    clock: ClockView
    milestones: list[MilestoneView]
    why: list[TitleView]


async def clocks_of(context: Context, orders: Sequence[WorkOrder]) -> dict[str, list[ClockView]]:
    """Order id -> its clocks, as they stand now."""
    found = await asyncio.to_thread(context.sql.queries.clocks, [order.id for order in orders])
    return {order.id: [clock_view(context, order, one) for one in found[order.id]] for order in orders}


def clock_view(context: Context, order: WorkOrder, clock: SlaClock) -> ClockView:
    """`clock` as it stands now."""
    shown = numbers(clock, _policy(context, order), context.clock.now())
    return ClockView(
        kind=clock.kind,
        policy=clock.policy,
        state=shown.state,
        target_ms=shown.target_ms,
        consumed_ms=shown.consumed_ms,
        remaining_ms=shown.remaining_ms,
        started_at=clock.started_at,
        running_since=clock.running_since,
        paused_since=clock.paused_since,
        pause=clock.pause,
        due_at=clock.due_at,
        met_at=clock.met_at,
        breached_at=clock.breached_at,
        ended_at=clock.ended_at,
    )


async def reasons_of(context: Context, order: WorkOrder) -> list[ClockReasons]:
    """The clocks of an order, each with its reasons."""

    def read() -> tuple[list[SlaClock], list[FiredMilestone]]:
        queries = context.sql.queries
        return queries.clocks([order.id])[order.id], queries.fired_milestones(order.id)

    clocks, fired = await asyncio.to_thread(read)
    policy, zone, now = _policy(context, order), ZoneInfo(context.settings.timezone), context.clock.now()
    holds = context.settings.desk.hold_reasons
    return [
        ClockReasons(
            clock=clock_view(context, order, clock),
            milestones=_milestones(clock, policy, [one for one in fired if one.kind is clock.kind]),
            why=[
                TitleView(en=line.text("en"), zh=line.text("zh")) for line in explain(clock, policy, now, zone, holds)
            ],
        )
        for clock in clocks
    ]


def _milestones(clock: SlaClock, policy: SlaPolicy | None, fired: Sequence[FiredMilestone]) -> list[MilestoneView]:
    """Those that were reached, in order, then those to come."""
    planned = () if policy is None else policy.milestones.get(clock.kind, ())
    known = {one.name: one for one in planned}
    past = {one.name for one in fired}

    def view(name: str, due: int | None, at: int | None) -> MilestoneView:
        one = known.get(name)
        audience = one.notice.audience if one and one.notice else ""
        after = one.after // 1000 if one else None
        return MilestoneView(name=name, after_ms=after, due_at=due, fired_at=at, audience=audience)

    views = [view(one.name, one.due_at, one.fired_at) for one in fired]
    for one in planned:
        if one.name not in past:
            running = clock.running_since if policy is not None else None
            due = None if running is None or policy is None else policy.time.due(running, one.after - clock.consumed)
            views.append(view(one.name, due, None))
    return views


def _policy(context: Context, order: WorkOrder) -> SlaPolicy | None:
    return context.settings.sla.of(order.sla, order.priority, order.type)
