"""Transitions to alarms and orders: once, whatever comes twice, in pieces, or at once."""

import json
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
from desk_kit import NOW, World, transition
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from gateway.desk import events
from gateway.domain.alarm import Change, Level, NoticePlan
from gateway.domain.desk_changes import Changes
from gateway.domain.device import Device
from gateway.domain.duration import HOUR, MINUTE, SECOND, iso
from gateway.domain.errors import InvariantBroken
from gateway.domain.notice import EndpointRoute
from gateway.domain.record import DeviceSet, ImportMark, RuleRemoved
from gateway.domain.workorder import Act, Actor, AlarmState, DeadlineReason, FaultReport, OrderState, Role
from gateway.store import AlarmFilter, DeliveryFilter, OrderFilter, SqlDeskTransaction, delete_expired, tables


def test_a_raise_makes_one_alarm_one_order_one_event_with_the_evidence(world: World) -> None:
    raised = transition(7)
    applied = world.apply(raised)
    order = world.order()
    assert (order.no, order.state, order.priority, order.level) == ("WO-20261122-00001", "new", "P2", Level.MAJOR)
    assert [(c.no, c.transition, c.at, c.received) for c in applied.created] == [
        (order.no, "0-7-0", raised.at, raised.at + 5_000)
    ]
    event = world.events()[-1]
    assert world.kinds() == ["alarm.raised", "workorder.created"]
    assert event["subject"] == order.no
    assert event["sequence"] == "00000001"
    assert event["source"] == "urn:fieldgate:gw-1:tenant:default"
    assert "." not in event["id"]
    shown = event["data"]["workOrder"]
    assert shown["device"] == {"id": 1, "code": "DC-0001", "name": "", "kind": "charger", "component": 1}
    assert shown["site"] == {"code": "HZ-003", "name": "Hangzhou 3"}
    assert shown["alarm"]["evidence"]["readings"][0] | {} == {
        "point": "gun_temp",
        "value": 91.5,
        "unit": "degC",
        "at": "2026-11-22T06:00:07.000Z",
        "received": "2026-11-22T06:00:07.005Z",
        "quality": 2,
    }
    deliveries = world.queries.deliveries(DeliveryFilter()).items
    assert [(d.endpoint, d.type, d.subject) for d in deliveries] == [
        ("oa", "com.fieldgate.workorder.created", order.no)
    ]
    assert world.desk.cursor() == 7


def test_deliveries_are_as_urgent_as_their_order_and_so_is_what_stands_before_them(world: World) -> None:
    world.apply(transition(1, level=Level.MINOR))
    world.apply(transition(2, Change.LEVEL_UP, level=Level.CRITICAL))
    world.act(world.order().no, Act.ASSIGN, assignee="zhang")
    rows = world.database.query(lambda c: c.execute(select(tables.delivery.c.level)).scalars().all())
    assert len(rows) == 3
    assert set(rows) == {Level.CRITICAL}


def test_the_event_of_a_persons_command_shows_the_evidence_too(world: World) -> None:
    world.apply(transition(7))
    world.act(world.order().no, Act.ASSIGN, assignee="zhang")
    event = world.events()[-1]
    assert event["type"] == "com.fieldgate.workorder.assigned"
    assert event["data"]["workOrder"]["alarm"]["evidence"]["readings"][0]["value"] == 91.5


def test_a_replay_is_dropped_and_changes_no_byte(world: World) -> None:
    transitions = [transition(1), transition(2, Change.LEVEL_UP, level=Level.CRITICAL), transition(3, Change.CLEARED)]
    world.apply(*transitions)
    before = (world.events(), world.order(), world.queries.alarms().items)
    again = world.apply(*transitions, now=NOW + HOUR)
    assert (again.fresh, again.dropped) == (0, 3)
    assert (world.events(), world.order(), world.queries.alarms().items) == before


def test_a_clear_flags_the_order_and_leaves_it_to_people(world: World) -> None:
    world.apply(transition(1), transition(2, Change.CLEARED))
    order = world.order()
    assert (order.state, order.condition_cleared_at) == (OrderState.NEW, NOW + 2 * SECOND)
    assert world.events()[-1]["data"]["changed"] == ["conditionClearedAt"]
    assert world.queries.alarms().items[0].state is AlarmState.CLEARED


@pytest.mark.parametrize(
    ("kind", "level", "accepted", "state"),
    [
        ("patrol", Level.MAJOR, False, OrderState.CLOSED),
        ("patrol", Level.MAJOR, True, OrderState.ACCEPTED),
        ("patrol", Level.CRITICAL, False, OrderState.NEW),
        ("gas", Level.MINOR, False, OrderState.NEW),
        ("repair", Level.MINOR, False, OrderState.NEW),
    ],
)
def test_only_a_type_that_may_closes_itself(world: World, kind: str, level: Level, accepted: bool, state: str) -> None:
    world.apply(transition(1, kind=kind, level=level))
    if accepted:
        world.work_through(world.order().no, Act.ACCEPT)
    world.apply(transition(2, Change.CLEARED, kind=kind, level=level))
    assert world.order().state == state
    assert world.order().close_reason == ("cleared" if state is OrderState.CLOSED else "")


def test_a_second_rule_with_the_same_fault_joins_and_keeps_the_highest_level(world: World) -> None:
    world.apply(transition(1, level=Level.MINOR))
    applied = world.apply(transition(2, rule="vendor.code", level=Level.CRITICAL, identity=("0x17",)))
    order = world.order()
    assert (applied.joined, applied.created) == (1, [])
    assert (order.count, order.level, order.priority, order.version) == (2, Level.CRITICAL, "P1", 2)
    assert order.causes == ("overtemp", "vendor.code/0x17")
    assert world.events()[-1]["data"]["changed"] == ["level", "priority", "causes"]
    assert [a.rule for a in world.queries.alarms_of(order.no)] == ["overtemp", "vendor.code"]
    world.apply(transition(3, Change.CLEARED))
    assert world.order().condition_cleared_at is None, "the other alarm is still raised"
    world.apply(transition(4, Change.CLEARED, rule="vendor.code", identity=("0x17",)))
    assert world.order().condition_cleared_at is not None


def test_other_faults_components_and_groups_have_their_own_orders(world: World) -> None:
    world.apply(
        transition(1),
        transition(2, rule="x", fault="E08"),
        transition(3, component=2),
        transition(4, device=2),
        transition(5, group="HZ"),
    )
    assert len(world.queries.orders().items) == 5


def test_recurrences_count_and_an_event_is_sent_for_few_of_them(world: World) -> None:
    world.apply(transition(1))
    for n in range(99):
        world.apply(transition(2 + 2 * n, Change.CLEARED), transition(3 + 2 * n))
    order = world.order()
    assert order.count == 100
    told = [event for event in world.events() if event["type"].startswith("com.fieldgate.workorder")]
    counts = [event["data"]["workOrder"]["count"] for event in told]
    assert sorted(set(counts)) == [1, 2, 5, 10, 20, 50, 100]
    assert len(told) < 20
    assert [a.seq for a in world.queries.audit(order.no)] == list(range(1, order.version + 1))


def test_a_flapping_condition_is_told_once_it_lasts(world: World) -> None:
    world.apply(*(transition(s, Change.RAISED if s % 2 else Change.CLEARED) for s in range(1, 7)))
    order = world.order()
    assert (order.count, order.told_cleared) == (3, True)
    world.apply(transition(7))
    assert world.order().told_cleared is True, "count 4 is no milestone: not told yet"
    sent = len(world.events())
    world.desk.tick(NOW + 5 * MINUTE)
    assert len(world.events()) == sent
    world.desk.tick(NOW + 30 * MINUTE)
    assert world.order().told_cleared is False
    assert world.events()[-1]["data"]["workOrder"]["conditionClearedAt"] is None
    world.desk.tick(NOW + 60 * MINUTE)
    assert len(world.events()) == sent + 1


def test_shadow_is_recorded_and_nothing_else_until_the_rule_is_live(world: World) -> None:
    world.apply(transition(1, live=False))
    assert (world.queries.orders().items, world.events()) == ([], [])
    assert world.queries.alarms(AlarmFilter(live=False)).items[0].raised_at == NOW + SECOND
    world.apply(transition(2))
    assert world.order().count == 1
    assert world.kinds() == ["alarm.raised", "workorder.created"]


def test_withdrawn_cancels_what_nobody_accepted_and_only_that(world: World) -> None:
    world.apply(transition(1), transition(2, Change.WITHDRAWN, reason="late reading"))
    assert (world.order().state, world.order().close_reason) == (OrderState.CANCELLED, "withdrawn")
    world.apply(transition(3, device=2))
    no = world.queries.orders(OrderFilter(device=2)).items[0].no
    world.work_through(no, Act.ACCEPT)
    world.apply(transition(4, Change.WITHDRAWN, device=2))
    order = world.queries.order(no)
    assert order is not None
    assert (order.state, order.condition_cleared_at is None) == (OrderState.ACCEPTED, False)
    world.apply(transition(5, device=3), transition(6, Change.CLEARED, device=3), transition(7, device=3))
    world.apply(transition(8, Change.WITHDRAWN, device=3))
    assert world.queries.orders(OrderFilter(device=3)).items[0].state is OrderState.NEW, "the first episode was real"


def test_reopen_within_reopens_and_later_ones_are_related(world: World) -> None:
    world.apply(transition(1, reopen_within=HOUR), transition(2, Change.CLEARED, reopen_within=HOUR))
    first = world.work_through(world.order().no)
    assert first.state is OrderState.CLOSED
    applied = world.apply(transition(3, reopen_within=HOUR), now=NOW + 30 * MINUTE)
    assert (applied.reopened, applied.created) == (1, [])
    again = world.order()
    assert (again.state, again.assignee, again.reopen_count, again.closed_at) == (OrderState.ASSIGNED, "zhang", 1, None)
    assert world.kinds()[-1] == "workorder.reopened"
    world.apply(transition(4, Change.CLEARED, reopen_within=HOUR), now=NOW + 31 * MINUTE)
    steps: list[tuple[Act, dict[str, Any]]] = [
        (Act.ACCEPT, {}),
        (Act.START, {}),
        (Act.RESOLVE, {"fault": "a", "cause": "b", "remedy": "c"}),
        (Act.CLOSE, {}),
    ]
    for act, more in steps:
        world.act(again.no, act, now=NOW + 40 * MINUTE, **more)
    world.apply(transition(5, reopen_within=HOUR), now=NOW + 3 * HOUR)
    newest = world.queries.orders().items[0]
    assert (newest.no, newest.related_to) == ("WO-20261122-00002", first.no)


def test_an_order_closed_under_a_raised_alarm_is_rechecked(world: World) -> None:
    world.apply(transition(1))
    no = world.order().no
    world.work_through(no, Act.CLOSE, reason="watching it")
    assert world.order().state is OrderState.CLOSED
    world.desk.tick(NOW + 30 * MINUTE)
    assert world.order().state is OrderState.CLOSED
    world.desk.tick(NOW + 2 * HOUR)
    assert world.order().state is OrderState.ASSIGNED
    world.desk.tick(NOW + 9 * HOUR)
    assert world.order().reopen_count == 1


def test_a_closed_order_stays_closed_when_the_alarm_cleared_meanwhile(world: World) -> None:
    world.apply(transition(1))
    world.work_through(world.order().no, Act.CLOSE, reason="done")
    world.apply(transition(2, Change.CLEARED))
    world.desk.tick(NOW + 5 * HOUR)
    assert world.order().state is OrderState.CLOSED


def test_it_gets_worse_after_somebody_closed_the_order(world: World) -> None:
    world.apply(transition(1, level=Level.MINOR))
    first = world.work_through(world.order().no, Act.CLOSE, reason="harmless")
    world.apply(transition(2, Change.LEVEL_UP, level=Level.CRITICAL))
    newest = world.queries.orders(OrderFilter(open=True)).items[0]
    assert (newest.related_to, newest.level) == (first.no, Level.CRITICAL)


def test_an_order_waits_until_the_alarm_has_lasted(world: World) -> None:
    applied = world.apply(transition(1, after=HOUR), transition(2, device=2, after=HOUR))
    assert (applied.postponed, world.queries.orders().items) == (2, [])
    assert world.queries.deadlines("0-1-0")[0].reason is DeadlineReason.AFTER
    world.apply(transition(3, Change.CLEARED, device=2, after=HOUR))
    assert world.desk.tick(NOW + 30 * MINUTE).created == []
    fired = world.desk.tick(NOW + 2 * HOUR)
    assert len(fired.created) == 1
    assert world.order().device == 1
    assert world.desk.tick(NOW + 3 * HOUR).created == []
    assert world.queries.deadlines("0-1-0") == []


def test_history_makes_orders_only_for_what_is_still_raised_when_the_import_is_done(world: World) -> None:
    start, second = ImportMark("a", "x.csv", False), ImportMark("b", "y.csv", False)
    world.apply(transition(3, imported=True), transition(4, device=2, imported=True), facts=[(1, start), (2, second)])
    world.apply(transition(5, Change.CLEARED, device=2, imported=True))
    world.apply(facts=[(6, ImportMark("a", "x.csv", True))])
    assert world.desk.tick(NOW + HOUR).created == []
    assert world.queries.orders().items == [], "the other import still runs"
    applied = world.apply(facts=[(7, ImportMark("b", "y.csv", True))])
    assert [c.no for c in applied.created] == [world.order().no]
    assert world.queries.alarms(AlarmFilter(device=1)).items[0].imported
    assert world.apply(facts=[(7, ImportMark("b", "y.csv", True))]).created == []


def test_an_import_mark_survives_a_crash_before_its_orders_are_made(world: World) -> None:
    mark = ImportMark("a", "x.csv", True)
    world.apply(transition(1, Change.CLEARED))
    firing = world.desk._fire
    world.desk._fire = lambda now, reasons: (_ for _ in ()).throw(KeyboardInterrupt)  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        world.apply(transition(2, imported=True), facts=[(3, mark)])
    world.desk._fire = firing  # type: ignore[method-assign]
    assert world.desk.cursor() == 3
    later = world.another().apply([transition(4, device=2)], 4, (), NOW + HOUR)
    assert [c.transition for c in later.created] == ["0-2-0-import", "0-4-0"], "first what was due, then what follows"


def test_a_deleted_rule_leaves_its_orders_with_a_note(world: World) -> None:
    world.apply(transition(1), transition(2, device=2, rule="other"))
    world.apply(facts=[(3, RuleRemoved("overtemp", "ops")), (4, DeviceSet(Device(1, "DC-0001", "p", "charger")))])
    notes = [event for event in world.events() if event["type"].endswith("comment_added")]
    assert [(n["subject"], n["data"]["note"]) for n in notes] == [
        ("WO-20261122-00001", "rule overtemp was deleted; the order stays")
    ]


def test_transitions_outside_the_call_are_a_broken_promise(world: World) -> None:
    with pytest.raises(InvariantBroken):
        world.desk.apply([transition(5)], 4, (), NOW)
    with pytest.raises(InvariantBroken):
        world.desk.apply([transition(5, partition=1)], 5, (), NOW)
    assert world.desk.cursor() == 0


def test_an_older_epoch_is_fenced_off(world: World) -> None:
    world.another(epoch=2).apply([transition(1)], 1, (), NOW)
    zombie = world.another(epoch=1)
    with pytest.raises(InvariantBroken):
        zombie.apply([transition(2, device=2)], 2, (), NOW)
    assert len(world.queries.orders().items) == 1


def test_one_record_with_thousands_of_transitions_is_cut_and_resumed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [transition(9, ordinal=n, device=1 + n % 50, component=n // 50) for n in range(1_200)]
    real, calls = SqlDeskTransaction.write, []

    def write(self: SqlDeskTransaction, changes: Changes, now: int) -> None:
        if changes.alarms_new:
            calls.append(len(changes.alarms_new))
            if len(calls) == 2:
                raise KeyboardInterrupt
        real(self, changes, now)

    monkeypatch.setattr(SqlDeskTransaction, "write", write)
    with pytest.raises(KeyboardInterrupt):
        world.desk.apply(many, 9, (), NOW)
    assert world.desk.cursor() == 8, "record 9 is applied in part"
    world.desk.apply(many, 9, (), NOW)
    assert (world.desk.cursor(), calls) == (9, [500, 500, 500, 200])
    assert world.queries.counts()["orders.new"] == 1_200
    assert world.queries.orders(limit=1).items[0].no == "WO-20261122-01200"


def test_fifty_raises_at_once_make_one_order(world: World) -> None:
    """50 partitions, each with its own thread: vendor codes of one fault, and people's reports of it."""
    errors: list[BaseException] = []
    gate = threading.Barrier(60)

    def race(n: int) -> None:
        try:
            gate.wait(10)
            if n < 50:
                desk = world.another(partition=n)
                desk.apply([transition(1, partition=n, rule=f"code.{n}")], 1, (), NOW)
            else:
                report = FaultReport(1, "E07", "hot", "热", Actor("call", Role.OPERATOR), f"report-{n}", component=1)
                world.desk.report(report, NOW)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=race, args=(n,)) for n in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    order = world.order()
    assert order.count == 60
    assert len(world.queries.alarms_of(order.no)) == 50
    assert [a.seq for a in world.queries.audit(order.no)] == list(range(1, order.version + 1))
    assert world.kinds().count("workorder.created") == 1


def test_two_processes_racing_on_one_file_make_one_order(tmp_path: Path, world: World) -> None:
    other = World(world.path)
    gate, errors = threading.Barrier(2), []

    def race(who: World, partition: int) -> None:
        try:
            desk = who.another(partition=partition)
            gate.wait(10)
            for seq in range(1, 20):
                desk.apply([transition(seq, partition=partition, rule=f"r{seq}", device=seq)], seq, (), NOW)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=race, args=pair) for pair in ((world, 1), (other, 2))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    other.database.close()
    assert errors == []
    assert [order.count for order in world.queries.orders().items] == [2] * 19


# notices
NOTICE = NoticePlan("site_ops", "overtemp")


def sms(world: World) -> list[dict[str, object]]:
    from gateway.store import SqlDeliveryQueue

    queue = SqlDeliveryQueue(world.database)
    return [json.loads(d.body) for d in queue.lease("t", NOW + 90 * HOUR, NOW + 91 * HOUR, 100, "sms")]


def test_the_customer_is_told_once_with_a_template_and_never_in_the_feed(world: World) -> None:
    applied = world.apply(transition(1, notice=NOTICE), transition(2, rule="second", notice=NOTICE))
    assert applied.notices == 1
    assert sms(world) == [
        {
            "template": "SMS_01",
            "params": {"pile": "DC-0001", "no": "WO-20261122-00001"},
            "phone": "13800000001",
            "text": "工单 WO-20261122-00001：DC-0001 91.5 degC",
            "language": "zh",
        }
    ]
    notices = world.queries.notices(world.order().no)
    assert [(n.recipient, n.state, n.language) for n in notices] == [("C1", "queued", "zh")]
    assert "13800000001" not in repr(world.events())
    assert "13800000001" not in repr(notices)


def test_each_of_an_audience_in_their_language(world: World) -> None:
    world.apply(transition(1, notice=NoticePlan("list", "overtemp")))
    assert sorted(str(m["text"])[:5] for m in sms(world)) == ["Order", "工单 WO"]


@pytest.mark.parametrize(
    ("notice", "reason"),
    [
        (NoticePlan("none", "overtemp"), "no_recipient"),
        (NoticePlan("unheard", "overtemp"), "no_recipient"),
        (NoticePlan("owner", "gone"), "no_template"),
    ],
)
def test_what_cannot_be_told_leaves_its_reason(world: World, notice: NoticePlan, reason: str) -> None:
    assert world.apply(transition(1, notice=notice)).notices == 0
    assert [(n.state, n.reason) for n in world.queries.notices(world.order().no)] == [("suppressed", reason)]


def test_no_endpoint_for_notices_leaves_its_reason(world: World) -> None:
    world.routes = ()
    world.desk = world.another()
    world.apply(transition(1, notice=NOTICE))
    assert world.queries.notices(world.order().no)[0].reason == "no_endpoint"


def test_reminders_stop_at_the_clear_and_at_their_maximum(world: World) -> None:
    plan = NoticePlan("site_ops", "overtemp", "reminder", remind=HOUR, max=3)
    world.apply(transition(1, notice=plan), transition(2, device=2, notice=plan))
    for hours in (2, 4, 6, 8):
        world.desk.tick(NOW + hours * HOUR)
        if hours == 2:
            world.apply(transition(3, Change.CLEARED, device=2, notice=plan), now=NOW + 3 * HOUR)
    told = {o.device: len(world.queries.notices(o.no)) for o in world.queries.orders().items}
    assert told == {1: 3, 2: 2}


def test_a_rule_that_only_tells(world: World) -> None:
    world.apply(transition(1, order=False, notice=NOTICE), transition(2, order=False, notice=NOTICE))
    assert len(sms(world)) == 1
    assert world.queries.orders().items == []


def test_an_event_names_the_members_that_voted(world: World) -> None:
    from gateway.domain.alarm import MemberSeen

    raised = transition(7)
    voted = tuple(MemberSeen(f"C{n}", 0, raised.at - n, raised.evidence.readings) for n in range(30))
    world.apply(
        msgspec.structs.replace(raised, evidence=msgspec.structs.replace(raised.evidence, members=voted, others=2))
    )
    evidence = world.events()[-1]["data"]["workOrder"]["alarm"]["evidence"]
    assert evidence["members"][1] == {
        "device": "C1",
        "component": 0,
        "since": "2026-11-22T06:00:06.999Z",
        "readings": evidence["readings"],
    }
    assert (len(evidence["members"]), evidence["others"]) == (25, 7)


def test_an_event_names_the_members_that_an_aggregate_counted(world: World) -> None:
    from gateway.domain.alarm import MemberSeen

    raised = transition(7)
    counted = (MemberSeen("C1", 2, 0, raised.evidence.readings),)
    world.apply(
        msgspec.structs.replace(raised, evidence=msgspec.structs.replace(raised.evidence, members=counted, others=4))
    )
    evidence = world.events()[-1]["data"]["workOrder"]["alarm"]["evidence"]
    assert evidence["members"] == [{"device": "C1", "component": 2, "since": None, "readings": evidence["readings"]}]
    assert evidence["others"] == 4


def test_a_body_never_exceeds_twenty_kilobytes(world: World) -> None:
    from gateway.domain.alarm import MemberSeen, SignalSeen

    raised = transition(1, readings=400)
    voted = tuple(MemberSeen("d" * 200, 0, raised.at, raised.evidence.readings[:9]) for _ in range(30))
    long = tuple(SignalSeen("x" * 900, 1.0, "y" * 200) for _ in range(30))
    world.apply(
        msgspec.structs.replace(
            raised, evidence=msgspec.structs.replace(raised.evidence, signals=long, members=voted, condition="c" * 9000)
        )
    )
    assert len(world.queries.alarms().items[0].evidence.readings) == 25
    for _, event in world.queries.feed():
        assert len(event.body) <= 20_000
        data = json.loads(event.body)["data"]
        evidence = (data.get("alarm") or data["workOrder"]["alarm"])["evidence"]
        assert len(evidence["members"]) + evidence["others"] == 30


@given(st.integers(-(10**15), 4 * 10**15))
def test_times_are_written_as_everywhere(us: int) -> None:
    assert events._iso(us) == iso(us)


def test_two_routes_to_one_endpoint_are_refused(world: World) -> None:
    world.routes = (EndpointRoute("oa"), EndpointRoute("oa", events=("alarm.*",)))
    with pytest.raises(ValueError, match="one route"):
        world.another()


def test_only_the_history_of_orders_is_kept_for_ever(world: World) -> None:
    world.apply(transition(1), transition(2, Change.CLEARED), transition(3, device=2, live=False))
    world.apply(transition(4, Change.CLEARED, device=2, live=False), transition(5, device=3, live=False))
    world.act(world.order().no, Act.ASSIGN, assignee="zhang")
    assert delete_expired(world.database, NOW) == 0
    assert delete_expired(world.database, NOW + HOUR) == 2, "one shadow episode, one command id"
    assert sorted(a.device for a in world.queries.alarms().items) == [1, 3]
