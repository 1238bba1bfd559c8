"""Maintenance every 500 of a counter: 1,200 hours with a meter exchange at 700 make two orders, at 500 and at 1,000."""

from dataclasses import replace
from pathlib import Path

from fault.judged_kit import Judged
from plan_kit import cycles
from rules_engine.engine_lab import meter, rule, told

from gateway.desk.plans import MaintenancePlan, PlannedOrder, Plans
from gateway.desk.plans.follow import plan_of
from gateway.desk.unit_of_work import UnitOfWork
from gateway.domain.maintenance import CycleState
from gateway.domain.workorder import Act, WorkOrder
from gateway.store import SqlControlOutbox

HOUR = 3600.0
FILTER = rule("  every: {counter: volume, step: 500 m3}", "{kind: gas_meter}", rule_id="filter_500")
PLAN = MaintenancePlan(
    "filter", "Filter change", "更换滤芯", PlannedOrder(""), rule="filter_500", checklist="filter", revision="r"
)


async def facts(it: Judged) -> None:
    """What the desk queued for the rules is journaled and judged."""
    outbox = SqlControlOutbox(it.world.database)
    pending = outbox.pending(10)
    await it.intake.facts([fact for _, fact in pending])
    outbox.journaled({row: row for row, _ in pending})
    await it._settle()


async def test_two_orders_in_1200_hours_with_an_exchange(tmp_path: Path) -> None:
    it = Judged(tmp_path)
    it.world.policy = replace(it.world.policy, plans=Plans.of([PLAN]))
    it.world.desk = it.world.another()
    await it.begin([meter(1)], [FILTER])
    opened: list[tuple[int, str]] = []
    for hour in range(0, 1201, 5):
        if hour == 705:  # the new meter begins at 0
            await it.deliver(700 * HOUR + 60, [told(1, "volume", 700 * HOUR + 60, 0.0)])
        shown = hour if hour <= 700 else hour - 700
        await it.deliver(hour * HOUR, [told(1, "volume", hour * HOUR, float(shown))])
        for order in it.orders():
            if order.no in {no for _, no in opened}:
                continue
            opened.append((hour, order.no))
            if len(opened) == 1:
                now = it.clock.at
                done = {"fault": "-", "cause": "-", "remedy": "changed", "reading": 500.0}
                steps = ((Act.ASSIGN, {"assignee": "zhang"}), (Act.ACCEPT, {}), (Act.START, {}), (Act.RESOLVE, done))
                for act, fields in (*steps, (Act.CLOSE, {})):
                    it.world.act(order.no, act, now=now, **fields)
                    await facts(it)
    assert [hour for hour, _ in opened] == [500, 1000]
    assert [one.state for one in cycles(it.world)] == [CycleState.DONE, CycleState.OPEN]
    assert len({one.cycle for one in cycles(it.world)}) == 2

    def of(order: WorkOrder) -> str:
        return it.world.desk.execute(it.clock.at, lambda work: _plan(work, it, order))

    assert {of(order) for order in it.orders()} == {"filter"}
    it.close()


def _plan(work: UnitOfWork, it: Judged, order: WorkOrder) -> str:
    found = plan_of(work, it.world.policy.plans, order)
    return "" if found is None else found.checklist
