"""Alarms that are recorded and wait, or are a record only: stale, muted, quiet times, cooldown, batches."""

from itertools import pairwise
from typing import Any

import pytest
from desk_kit import NOW, World, transition

from gateway.desk.order_decision import OrderContext, Verdict, decide
from gateway.desk.policy import DeskPolicy
from gateway.domain.alarm import Change, Level, NoticePlan
from gateway.domain.duration import DAY, HOUR, MINUTE, SECOND, from_us
from gateway.domain.workorder import Act, AlarmState, DeadlineReason, OrderState
from gateway.store import OrderFilter

NOTICE = NoticePlan("site_ops", "overtemp")
SAFETY = NoticePlan("site_ops", "overtemp", "safety")
REMIND = NoticePlan("site_ops", "overtemp", "reminder", remind=DAY, max=3)
END = NOW + 2 * HOUR


def waits(world: World, alarm: str) -> list[DeadlineReason]:
    return [deadline.reason for deadline in world.queries.deadlines(alarm)]


# stale, muted
def test_a_stale_alarm_is_a_record_only(world: World) -> None:
    world.apply(transition(1, stale=True, notice=NOTICE), transition(2, Change.CLEARED, notice=NOTICE))
    (alarm,) = world.queries.alarms().items
    assert (alarm.stale, alarm.state, alarm.order) == (True, AlarmState.CLEARED, "")
    assert (world.queries.orders().items, world.events(), world.messages()) == ([], [], [])


def test_a_stale_alarm_that_goes_on_is_news(world: World) -> None:
    world.apply(transition(1, stale=True, notice=NOTICE))
    world.apply(transition(2, Change.LEVEL_UP, level=Level.CRITICAL, notice=NOTICE))
    assert (world.order().level, world.kinds()[0], len(world.messages())) == (Level.CRITICAL, "alarm.raised", 1)


def test_an_old_packet_changes_nothing_of_what_was_told(world: World) -> None:
    world.apply(transition(1))
    sent = len(world.events())
    world.apply(transition(2, Change.LEVEL_UP, level=Level.CRITICAL, stale=True))
    assert (world.order().level, len(world.events())) == (Level.MAJOR, sent)
    world.apply(transition(3, Change.CLEARED))
    assert world.kinds()[-2:] == ["alarm.cleared", "workorder.updated"]


def test_muted_makes_an_order_and_tells_no_customer_until_it_is_not(world: World) -> None:
    world.apply(transition(1, muted=True, notice=NOTICE))
    assert (world.order().count, world.messages()) == (1, [])
    world.apply(transition(2, Change.LEVEL_UP, level=Level.CRITICAL, notice=NOTICE))
    world.apply(transition(3, Change.LEVEL_DOWN, notice=NOTICE))
    assert len(world.messages()) == 1


def test_a_muted_alarm_is_told_by_its_reminder(world: World) -> None:
    world.apply(transition(1, muted=True, notice=REMIND))
    world.desk.tick(NOW + 2 * DAY)
    world.desk.tick(NOW + 4 * DAY)
    assert [n.n for n in reversed(world.queries.notices(world.order().no))] == [2, 1]


def test_reminders_end_at_their_number_and_at_the_clear(world: World) -> None:
    world.apply(transition(1, notice=REMIND, order=False), transition(2, device=2, notice=REMIND, order=False))
    world.desk.tick(NOW + DAY + HOUR)
    world.apply(transition(3, Change.CLEARED, device=2, notice=REMIND, order=False))
    for n in range(2, 8):
        world.desk.tick(NOW + n * (DAY + HOUR))
    assert len(world.messages()) == 3 + 2
    assert [waits(world, alarm) for alarm in ("0-1-0", "0-2-0")] == [[], []]


# quiet times
@pytest.mark.parametrize("order", [True, False])
def test_s38_a_quiet_time_that_ends_with_the_alarm_still_raised_delivers_once(world: World, order: bool) -> None:
    world.apply(transition(1, held_until=END, notice=NOTICE, order=order))
    assert (world.queries.orders().items, world.messages(), waits(world, "0-1-0")) == ([], [], [DeadlineReason.QUIET])
    world.desk.tick(END - SECOND)
    assert world.messages() == []
    world.desk = world.another()  # the wait is a row: a new process goes on with it
    world.desk.tick(END)
    world.desk.tick(END + HOUR)
    assert (len(world.queries.orders().items), len(world.messages()), waits(world, "0-1-0")) == (int(order), 1, [])


def test_s38_what_came_and_went_inside_is_a_record_even_for_a_late_desk(world: World) -> None:
    raised, cleared = transition(1, held_until=END, notice=NOTICE), transition(2, Change.CLEARED, notice=NOTICE)
    world.apply(raised, now=END + HOUR)  # the desk was down over the whole quiet time
    world.apply(cleared, now=END + HOUR)
    world.desk.tick(END + 2 * HOUR)
    assert (world.queries.orders().items, world.messages(), waits(world, "0-1-0")) == ([], [], [])
    assert world.queries.alarms().items[0].state is AlarmState.CLEARED


def test_safety_is_never_held(world: World) -> None:
    world.apply(transition(1, held_until=END, notice=SAFETY))
    assert (world.order().count, len(world.messages())) == (1, 1)


def test_a_level_that_rises_in_a_quiet_time_reaches_the_order_at_its_end(world: World) -> None:
    world.apply(transition(1))
    sent = len(world.events())
    world.apply(transition(2, Change.LEVEL_UP, level=Level.CRITICAL, held_until=END))
    assert world.order().level is Level.MAJOR
    assert [k for k in world.kinds()[sent:] if k.startswith("workorder")] == []
    world.desk.tick(END)
    assert (world.order().level, world.events()[-1]["data"]["changed"]) == (Level.CRITICAL, ["level", "priority"])
    assert waits(world, "0-1-0") == []


def test_a_recurrence_in_a_quiet_time_counts_and_says_nothing(world: World) -> None:
    world.apply(transition(1), transition(2, Change.CLEARED))
    sent = len(world.events())
    world.apply(transition(3, held_until=END), transition(4, Change.CLEARED, held_until=END))
    world.desk.tick(END)
    assert (world.order().count, len(world.queries.alarms_of(world.order().no))) == (1, 1), "a record, not in the order"
    assert [k for k in world.kinds()[sent:] if k.startswith("workorder")] == []


def test_a_quiet_time_after_an_order_that_waits(world: World) -> None:
    world.apply(transition(1, after=HOUR, held_until=NOW + 30 * MINUTE))
    world.desk.tick(NOW + 30 * MINUTE)
    assert waits(world, "0-1-0") == [DeadlineReason.AFTER]
    world.desk.tick(NOW + 2 * HOUR)
    assert (world.order().count, waits(world, "0-1-0")) == (1, [])


# cooldown
def test_within_a_cooldown_there_is_no_new_order_and_after_it_there_is(world: World) -> None:
    world.apply(transition(1, cooldown=12 * HOUR), transition(2, Change.CLEARED, cooldown=12 * HOUR))
    first = world.work_through(world.order().no)
    world.apply(transition(3, cooldown=12 * HOUR), now=NOW + HOUR)
    assert (world.order().no, world.order().count, world.order().state) == (first.no, 2, OrderState.CLOSED)
    assert waits(world, "0-3-0") == [DeadlineReason.COOLDOWN]
    world.desk.tick(NOW + 11 * HOUR)
    assert world.order().count == 2
    world.desk.tick(NOW + 13 * HOUR)
    newest = world.queries.orders(OrderFilter(open=True)).items[0]
    assert (newest.related_to, newest.count, waits(world, "0-3-0")) == (first.no, 1, [])


def test_what_clears_within_a_cooldown_makes_no_order(world: World) -> None:
    world.apply(transition(1, cooldown=HOUR), transition(2, Change.CLEARED, cooldown=HOUR))
    world.work_through(world.order().no)
    world.apply(transition(3, cooldown=HOUR), transition(4, Change.CLEARED, cooldown=HOUR), now=NOW + 2 * MINUTE)
    world.desk.tick(NOW + DAY)
    assert world.order().count == 2


def test_reopen_within_wins_over_cooldown(world: World) -> None:
    both: dict[str, Any] = {"cooldown": 12 * HOUR, "reopen_within": 4 * HOUR}
    world.apply(transition(1, **both), transition(2, Change.CLEARED, **both))
    world.work_through(world.order().no)
    world.apply(transition(3, **both), now=NOW + HOUR)
    assert (world.order().state, world.order().reopen_count) == (OrderState.ASSIGNED, 1)


# batches
BATCH: dict[str, Any] = {
    "batch_by": "area", "batch_every": 7 * DAY, "level": Level.MINOR, "kind": "replace_battery", "component": 0,
}  # fmt: skip
MONDAY = 1_795_392_000_000_000  # 2026-11-23T08:00 in Shanghai


def test_a_batch_collects_the_devices_of_an_area_until_monday_morning(world: World) -> None:
    world.apply(*(transition(d, device=d, **BATCH) for d in (1, 2, 3)), transition(9, device=101, **BATCH))
    world.apply(transition(10, device=102, **BATCH), transition(11, Change.CLEARED, device=3, **BATCH))
    assert (world.queries.orders().items, waits(world, "0-1-0")) == ([], [DeadlineReason.BATCH])
    world.desk.tick(MONDAY - SECOND)
    assert world.queries.orders().items == []
    world.desk = world.another()
    world.desk.tick(MONDAY)
    west, east = sorted(world.queries.orders().items, key=lambda order: order.group, reverse=True)
    assert (west.group, west.source, west.count, west.title_en) == (
        "west",
        "batch",
        3,
        "batch of 3 in west: Connector over temperature",
    )
    assert (west.causes, west.device, west.fault) == (("DC-0001", "DC-0002", "M-0101"), 0, "E07")
    assert (east.group, east.count) == ("east", 1)
    assert [a.device for a in world.queries.alarms_of(west.no)] == [1, 2, 101]
    assert world.kinds().count("workorder.created") == 2, "one event with all devices"
    assert waits(world, "0-1-0") == waits(world, "0-3-0") == []


def test_the_next_period_adds_to_the_order_that_is_open(world: World) -> None:
    world.apply(transition(1, **BATCH))
    world.desk.tick(MONDAY)
    world.apply(transition(2, device=2, **BATCH), transition(3, device=4, **BATCH), now=MONDAY + HOUR)
    world.desk.tick(MONDAY + 7 * DAY)
    assert (world.order().count, len(world.queries.alarms_of(world.order().no))) == (3, 3)
    assert world.kinds().count("workorder.updated") == 1
    world.apply(transition(4, Change.CLEARED, **BATCH))
    assert world.order().condition_cleared_at is None


def test_critical_never_waits_for_a_batch_and_leaves_one(world: World) -> None:
    world.apply(transition(1, **BATCH), transition(2, Change.LEVEL_UP, **BATCH | {"level": Level.CRITICAL}))
    assert (world.order().source, waits(world, "0-1-0")) == ("alarm", [])
    world.apply(transition(3, device=2, **BATCH))
    world.desk.tick(MONDAY)
    world.apply(transition(4, Change.LEVEL_UP, device=2, **BATCH | {"level": Level.CRITICAL}), now=MONDAY + HOUR)
    (own,) = world.queries.orders(OrderFilter(device=2)).items
    (batch,) = [order for order in world.queries.orders().items if order.source == "batch"]
    assert (own.level, batch.level, batch.condition_cleared_at) == (Level.CRITICAL, Level.MINOR, MONDAY + HOUR)


def test_a_route_is_an_attribute_of_the_device_or_its_site(world: World) -> None:
    by = BATCH | {"batch_by": "route"}
    world.apply(transition(1, device=101, **by), transition(2, device=102, **by), transition(3, device=1, **by))
    world.desk.tick(MONDAY)
    orders = {order.group: order.count for order in world.queries.orders().items}
    assert orders == {"R1": 2, "HZ-003": 1}, "a site without a route is a batch of its own"


@pytest.mark.parametrize("every", [DAY, 7 * DAY, 30 * DAY])
@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Europe/Berlin"])
def test_batches_end_at_eight_whatever_the_clocks_do(every: int, zone: str) -> None:
    from zoneinfo import ZoneInfo

    policy, now, ends = DeskPolicy(zone=ZoneInfo(zone)), NOW, []
    for _ in range(20):
        now = policy.batch_end(every, now)
        ends.append(from_us(now).astimezone(policy.zone))
    assert {end.hour for end in ends} == {8}
    assert {(b.date() - a.date()).days for a, b in pairwise(ends)} == {every // DAY}
    if every == 7 * DAY:
        assert {end.weekday() for end in ends} == {0}


def test_batches_of_hours_have_a_grid_too() -> None:
    policy = DeskPolicy()
    first = policy.batch_end(12 * HOUR, NOW)
    assert (from_us(first).hour % 12, policy.batch_end(12 * HOUR, first) - first) == (8, 12 * HOUR)


# decisions
def test_every_verdict_has_a_reason(world: World) -> None:
    world.apply(transition(1, live=False), transition(2, device=2, imported=True), transition(3, device=3, stale=True))
    alarms = world.queries.alarms().items
    found = {alarm.device: decide(OrderContext(alarm, NOW)) for alarm in alarms}
    assert {device: d.verdict for device, d in found.items()} == {1: Verdict.NONE, 2: Verdict.POSTPONE, 3: Verdict.NONE}
    assert len({decision.why for decision in found.values()}) == 3


def test_a_person_may_end_a_batch_like_any_order(world: World) -> None:
    world.apply(transition(1, **BATCH))
    world.desk.tick(MONDAY)
    world.apply(transition(2, Change.CLEARED, **BATCH), now=MONDAY)
    world.act(world.order().no, Act.CANCEL, reason="false_alarm", now=MONDAY + HOUR)
    assert world.order().state is OrderState.CANCELLED
