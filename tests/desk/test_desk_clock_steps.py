"""The clock was set back: what was due far ahead is due as if it had never been ahead; nothing is made twice."""

from typing import Any

import pytest
from desk_kit import NOW, World, transition
from sqlalchemy import insert, select

from gateway.domain.alarm import Change
from gateway.domain.duration import DAY, HOUR, MINUTE, SECOND
from gateway.domain.record import ClockStep
from gateway.domain.workorder import Act
from gateway.ports import Settled
from gateway.store import OrderFilter, SqlDeliveryQueue, tables

AHEAD = NOW + 30 * DAY
BACK = ClockStep(AHEAD + 5 * MINUTE, NOW + 5 * MINUTE)


def orders(world: World) -> int:
    return len(world.queries.orders(OrderFilter()).items)


def set_back(world: World, seq: int = 50, step: ClockStep = BACK) -> Any:
    return world.apply(now=step.to, facts=[(seq, step)])


def test_a_deadline_that_was_made_ahead_of_time_counts_from_the_step(world: World) -> None:
    world.apply(transition(1, at=AHEAD, after=10 * MINUTE), now=AHEAD)
    assert set_back(world).clock_steps == 1
    (alarm,) = world.queries.alarms().items
    assert alarm.raised_at == BACK.to, "an open alarm was not raised in the future"
    world.desk.tick(BACK.to + 9 * MINUTE)
    assert orders(world) == 0
    world.desk.tick(BACK.to + 10 * MINUTE)
    assert orders(world) == 1
    world.desk.tick(AHEAD + DAY)
    assert orders(world) == 1


def test_a_deadline_from_before_the_mistake_stays_where_it_was(world: World) -> None:
    world.apply(transition(1, at=NOW, after=HOUR), now=NOW)
    set_back(world, step=ClockStep(NOW + 30 * MINUTE, NOW + 10 * MINUTE))
    world.desk.tick(NOW + 59 * MINUTE)
    assert orders(world) == 0
    world.desk.tick(NOW + HOUR)
    assert orders(world) == 1


def test_cooldown_counts_from_the_step_too(world: World) -> None:
    world.apply(transition(1, at=AHEAD, cooldown=10 * MINUTE), now=AHEAD)
    world.apply(transition(2, Change.CLEARED, at=AHEAD + SECOND), now=AHEAD + SECOND)
    world.work_through(world.order().no, Act.CLOSE)
    set_back(world)
    world.apply(transition(51, at=BACK.to + SECOND, cooldown=10 * MINUTE), now=BACK.to + SECOND)
    assert orders(world) == 1, "within the cooldown"
    world.desk.tick(BACK.to + 10 * MINUTE)
    assert orders(world) == 2, "not thirty days later"


@pytest.mark.parametrize("times", [1, 2])
def test_deliveries_come_forward_by_the_length_of_the_step(world: World, times: int) -> None:
    world.apply(transition(1, at=AHEAD), now=AHEAD)
    queue = SqlDeliveryQueue(world.database)
    (leased, *_) = queue.lease("me", AHEAD, AHEAD + MINUTE, 10, "oa")
    queue.settle(leased, Settled("retry", "503", 503, next_at=AHEAD + HOUR), AHEAD)
    for number in range(times):
        set_back(world, 50 + number)
    if times == 1:
        assert queue.next_due(BACK.to, ["oa"]) == AHEAD + HOUR - (BACK.frm - BACK.to)
    assert [one.id for one in queue.lease("me", BACK.to + HOUR, BACK.to + 2 * HOUR, 10, "oa")] == [leased.id]


def test_a_replay_of_the_fact_changes_nothing(world: World) -> None:
    world.apply(transition(1, at=AHEAD, after=10 * MINUTE), now=AHEAD)
    set_back(world)
    world.apply(transition(51, device=2, at=BACK.to + MINUTE, after=10 * MINUTE), now=BACK.to + MINUTE)
    before = sorted(_deadlines(world))
    assert set_back(world).clock_steps == 0, "at or below the cursor"
    assert sorted(_deadlines(world)) == before


def test_a_step_forward_or_one_that_is_waited_for_moves_nothing(world: World) -> None:
    world.apply(transition(1, at=AHEAD, after=10 * MINUTE), now=AHEAD)
    before = _deadlines(world)
    world.apply(now=AHEAD, facts=[(50, ClockStep(NOW, AHEAD)), (51, ClockStep(AHEAD, NOW, waits=True))])
    assert _deadlines(world) == before


def test_a_device_is_not_registered_in_the_future(world: World) -> None:
    device = tables.device
    blank = {c.key: "" for c in device.c if c.key not in ("id", "components", "registered")}
    row = blank | {"id": 900, "code": "X", "tenant": "default", "components": 0, "registered": AHEAD, "attrs": "{}"}
    world.database.transact(lambda c: c.execute(insert(device).values(row)))
    set_back(world)
    found = world.database.query(lambda c: c.execute(select(device.c.registered).where(device.c.id == 900)).scalar())
    assert found == BACK.to


def _deadlines(world: World) -> list[Any]:
    t = tables.deadline.c
    return world.database.query(lambda c: [tuple(row) for row in c.execute(select(t.subject, t.due_at, t.created_at))])
