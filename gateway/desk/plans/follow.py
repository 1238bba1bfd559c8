"""Cycles follow their orders: in the transaction in which an order opens, is done, is reopened or ends."""

import msgspec

from gateway.desk.plans.cycles import SOURCE, state_after, thing_after
from gateway.desk.plans.plan import MaintenancePlan, Plans
from gateway.desk.plans.rows import key_of
from gateway.desk.unit_of_work import UnitOfWork
from gateway.domain.maintenance import CycleState, PlanCycle
from gateway.domain.workorder import Actor, Alarm, WorkOrder


def follow_listed(work: UnitOfWork, plans: Plans, order: WorkOrder, alarm: Alarm) -> None:
    """`order` lists an alarm from now on: of the rule of a plan, it is a cycle of that plan."""
    plan = plans.of_rule.get(alarm.rule)
    if plan is None:
        return
    cycles = work.plans.cycles_of(order.id)
    thing = (alarm.tenant, plan.id, alarm.device, alarm.group)
    if any(one.cycle == alarm.id and key_of(one) == thing for one in cycles):
        return
    taken = any(key_of(one) == thing and one.state is CycleState.OPEN for one in cycles)
    state = CycleState.MERGED if taken else CycleState.OPEN
    cycle = PlanCycle(*thing, alarm.id, state, alarm.raised_at, work.now, order.id)
    work.plans.put_cycle(cycle)


def follow_state(work: UnitOfWork, plans: Plans, after: WorkOrder, actor: Actor, at: int) -> None:
    """The order entered another state at `at` µs."""
    if after.source != SOURCE and after.rule not in plans.of_rule:
        return
    for cycle in work.plans.cycles_of(after.id):
        changed = state_after(cycle, after, at)
        if changed is cycle or changed == cycle:
            continue
        note = after.close_reason if changed.state is CycleState.CANCELLED else changed.note
        changed = msgspec.structs.replace(changed, by=actor.id, note=note)
        work.plans.put_cycle(changed)
        thing = work.plans.thing(key_of(cycle))
        plan = plans.by_id.get(cycle.plan)
        if thing is not None and plan is not None and cycle.state is not CycleState.MERGED:
            work.plans.put_thing(thing_after(plan, thing, changed, after, at, work.now))


def plan_of(work: UnitOfWork, plans: Plans, order: WorkOrder) -> MaintenancePlan | None:
    """The plan whose work the order is."""
    if order.source != SOURCE and order.rule not in plans.of_rule:
        return None
    names = [one.plan for one in work.plans.cycles_of(order.id)]
    return next((plans.by_id[name] for name in names if name in plans.by_id), plans.of_rule.get(order.rule))
