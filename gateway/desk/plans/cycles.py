"""When the order of a cycle opens, and what the end of an order means for its cycles. Pure."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import msgspec

from gateway.desk.keys import digest
from gateway.desk.plans.dates import date_after_work, due_by_now, next_date, start_of
from gateway.desk.plans.plan import Basis, MaintenancePlan
from gateway.domain.maintenance import CycleState, PlanCycle, PlannedThing
from gateway.domain.workorder import OrderState, WorkOrder

SOURCE = "plan"  # of an order that a plan of dates opened


def plan_key(tenant: str, plan: str, device: int, group: str) -> str:
    """Key of the orders of one thing of a plan: at most one is open."""
    return digest("plan", tenant, plan, device, group)


@dataclass(frozen=True, slots=True)
class Opening:
    """Result for one thing that is due. `due`: the date that gets an order, None = an order is open; `merged` are
    dates that the open order does, too; `missed` are dates that fell while nobody looked. `after`: the thing with its
    next date."""

    due: int | None
    merged: tuple[int, ...]
    missed: tuple[int, ...]
    after: PlannedThing


def timed(thing: PlannedThing, plan: MaintenancePlan, due: int | None, moved_from: int | None = None) -> PlannedThing:
    """The thing with this next date."""
    opens = None if due is None else due - plan.lead
    return msgspec.structs.replace(thing, due_at=due, opens_at=opens, moved_from=moved_from)


def opening(plan: MaintenancePlan, thing: PlannedThing, now: int, *, is_open: bool) -> Opening:
    """`thing.opens_at` has come. `is_open`: the order of an earlier cycle is not ended."""
    dates, due = plan.dates, thing.due_at
    if dates is None or due is None:
        return Opening(None, (), (), timed(thing, plan, None))
    start, zone = start_of(dates, thing.start), ZoneInfo(thing.zone)
    if dates.basis is Basis.COMPLETED or start is None:
        reached: tuple[int, ...] = (due,)
        following = None
    else:
        reached, following = due_by_now(dates, start, zone, due, now, plan.lead)
    after = timed(thing, plan, following)
    if is_open:
        return Opening(None, reached, (), after)
    return Opening(reached[-1], (), reached[:-1], after)


def skipped(plan: MaintenancePlan, thing: PlannedThing, due: int) -> PlannedThing:
    """The thing with the date after `due`; basis `completed` counts as if the work had been done then."""
    dates = plan.dates
    start = None if dates is None else start_of(dates, thing.start)
    if dates is None or start is None:
        return timed(thing, plan, None)
    zone = ZoneInfo(thing.zone)
    if dates.basis is Basis.COMPLETED:
        return timed(thing, plan, date_after_work(dates, zone, due))
    return timed(thing, plan, next_date(dates, start, zone, due))


def counted(plan: MaintenancePlan, thing: PlannedThing, now: int, *, is_open: bool) -> PlannedThing:
    """The thing with its dates counted anew: it is new, or the plan was edited. No date lies before `now`, unless the
    work was done so long ago."""
    dates = plan.dates
    start = None if dates is None else start_of(dates, thing.start)
    if dates is None or start is None or (dates.basis is Basis.COMPLETED and is_open):
        due = None
    elif dates.basis is Basis.COMPLETED and thing.done_at is not None:
        due = date_after_work(dates, ZoneInfo(thing.zone), thing.done_at)
    else:
        due = next_date(dates, start, ZoneInfo(thing.zone), now)
    return timed(msgspec.structs.replace(thing, revision=plan.revision), plan, due)


def state_after(cycle: PlanCycle, order: WorkOrder, done: int) -> PlanCycle:
    """The cycle when its order entered `order.state`; work was done at `done`."""
    state, done_at = cycle.state, cycle.done_at
    live = cycle.state in {CycleState.OPEN, CycleState.MERGED, CycleState.DONE}
    if not live:
        return cycle
    match order.state:
        case OrderState.RESOLVED:
            state, done_at = (CycleState.DONE if state is CycleState.OPEN else state), done
        case OrderState.CLOSED if done_at is None:  # nobody had accepted it, and it was no longer needed
            state, done_at = (CycleState.DONE if state is CycleState.OPEN else state), done
        case OrderState.CANCELLED:
            state, done_at = CycleState.CANCELLED, None
        case OrderState.CLOSED:
            pass
        case _ if done_at is not None:  # reopened
            state, done_at = (CycleState.OPEN if state is CycleState.DONE else state), None
        case _:
            pass
    return msgspec.structs.replace(cycle, state=state, done_at=done_at)


def thing_after(
    plan: MaintenancePlan, thing: PlannedThing, cycle: PlanCycle, order: WorkOrder, done: int, now: int
) -> PlannedThing:
    """The thing when the order of `cycle` entered `order.state`: its last work, and the next date of basis
    `completed`."""
    dates = plan.dates
    if dates is None:
        return thing
    after = msgspec.structs.replace(thing, done_at=cycle.done_at)
    if order.state is OrderState.CANCELLED:
        after = msgspec.structs.replace(thing, done_at=thing.done_at if cycle.done_at is None else None)
    if dates.basis is not Basis.COMPLETED:
        return after
    zone = ZoneInfo(thing.zone)
    if order.state is OrderState.CANCELLED:
        planned = date_after_work(dates, zone, cycle.due_at)
        return timed(after, plan, planned if planned > now else date_after_work(dates, zone, now))
    if cycle.done_at is None:
        return timed(after, plan, None)
    return timed(after, plan, date_after_work(dates, zone, done)) if order.state is OrderState.RESOLVED else after
