"""Many alarms, few orders: storms, merged alarms, unstable ones, groups; and what the rules hear back."""

from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from desk_kit import BOSS, NOW, World, transition

from gateway.desk import DeskPolicy
from gateway.domain.alarm import Change, Level, NoticePlan, Parent, Thing
from gateway.domain.duration import HOUR, MINUTE
from gateway.domain.errors import CommandError
from gateway.domain.record import Closed, CycleDone, RuleRemoved, RuleSet, Unlatch
from gateway.domain.workorder import Act, AlarmState, DeadlineReason, OrderState, WorkOrder
from gateway.store import OrderFilter, SqlControlOutbox

NOTICE = NoticePlan("owner", "overtemp")
SITE, RULE = "orders_per_site", "alarms_per_rule"


def storm(world: World) -> WorkOrder:
    (found,) = [order for order in world.queries.orders().items if order.source == "storm"]
    return found


def facts(world: World) -> list[Any]:
    return [fact for _, fact in SqlControlOutbox(world.database).pending(100)]


# storms
def test_what_exceeds_a_limit_joins_one_parent_and_nothing_is_dropped(world: World) -> None:
    world.apply(transition(1), *(transition(d, device=d, limited=RULE) for d in range(2, 32)))
    parent = storm(world)
    assert len(world.queries.orders().items) == 2
    assert (parent.count, parent.type, parent.device, parent.group) == (30, "repair", 0, "")
    assert (parent.title_en, parent.title_zh) == (
        "storm: 30 alarms of rule overtemp",
        "告警风暴：规则 overtemp 共 30 个告警",
    )
    assert parent.causes[:2] == ("DC-0002/1", "DC-0003/1")
    assert len(parent.causes) == 30
    assert len(world.queries.alarms_of(parent.no)) == 30
    assert sum(k.startswith("workorder") for k in world.kinds()) == 1 + 5, "1, 2, 5, 10, 20 are worth an event"
    last_event = [event for event in world.events() if event["type"].endswith("workorder.updated")]
    assert last_event[-1]["data"]["workOrder"]["device"] is None


def test_the_orders_of_a_site_have_one_parent_per_site(world: World) -> None:
    world.apply(
        transition(1, limited=SITE),
        transition(2, device=2, rule="x", fault="E08", limited=SITE),
        transition(3, device=101, limited=SITE),
        transition(4, group="HZ-003", limited=SITE),
    )
    found = {order.group: (order.count, order.causes, order.fault) for order in world.queries.orders().items}
    assert found == {"HZ-003": (3, ("overtemp", "x"), SITE), "HZ-004": (1, ("overtemp",), SITE)}
    assert len(world.queries.orders(OrderFilter(site="HZ-003")).items) == 1
    assert world.events()[-1]["data"]["alarm"]["site"] == {"code": "HZ-003", "name": "Hangzhou 3"}


def test_a_storm_that_is_over_begins_anew_and_refers_to_the_last(world: World) -> None:
    world.apply(transition(1, limited=RULE), transition(2, Change.CLEARED, limited=RULE))
    first = world.work_through(storm(world).no)
    world.apply(transition(3, device=2, limited=RULE))
    newest = world.queries.orders(OrderFilter(open=True)).items[0]
    assert (newest.source, newest.related_to, newest.count) == ("storm", first.no, 1)


def test_critical_and_safety_are_exempt_and_an_open_order_comes_first(world: World) -> None:
    safety = NoticePlan("owner", "overtemp", "safety")
    world.apply(transition(1, limited=RULE, level=Level.CRITICAL), transition(2, device=2, limited=RULE, notice=safety))
    world.apply(transition(3, rule="vendor", limited=RULE))
    orders = {order.device: (order.source, order.count) for order in world.queries.orders().items}
    assert orders == {1: ("alarm", 2), 2: ("alarm", 1)}


def test_an_alarm_of_a_storm_that_becomes_critical_gets_its_own_order(world: World) -> None:
    world.apply(transition(1, limited=RULE), transition(2, device=2, limited=RULE))
    world.apply(transition(3, Change.LEVEL_UP, level=Level.CRITICAL))
    (own,) = world.queries.orders(OrderFilter(device=1)).items
    assert (own.source, own.level, storm(world).level) == ("alarm", Level.CRITICAL, Level.MAJOR)
    assert storm(world).condition_cleared_at is None, "the other one is still in it"


def test_a_customer_hears_of_a_storm_at_once_and_then_every_ten_minutes(world: World) -> None:
    world.policy = Policy_with_digest(world)
    world.desk = world.another()
    world.apply(*(transition(d, device=d, limited=RULE, notice=NOTICE) for d in range(1, 6)), now=NOW)
    assert world.messages() == []
    world.desk.tick(NOW)
    assert [(m["template"], m["text"]) for m in world.messages()] == [("SMS_02", "storm: 5 alarms of rule overtemp")]
    world.apply(*(transition(d, device=d, limited=RULE, notice=NOTICE) for d in range(6, 16)), now=NOW + MINUTE)
    world.apply(transition(16, device=101, limited=RULE, notice=NOTICE), now=NOW + 2 * MINUTE)
    world.desk = world.another()
    world.desk.tick(NOW + 9 * MINUTE)
    assert len(world.messages()) == 1
    world.desk.tick(NOW + 10 * MINUTE)
    assert [m["phone"] for m in world.messages()[1:]] == ["13800000002", "13800000003"]
    assert world.messages()[1]["text"] == "storm: 16 alarms of rule overtemp"
    world.desk.tick(NOW + 5 * HOUR)
    assert len(world.messages()) == 3, "no news, no digest"


def Policy_with_digest(world: World) -> Any:
    from dataclasses import replace

    return replace(world.policy, digest_template="storm")


def test_notices_without_orders_are_digested_too(world: World) -> None:
    world.apply(*(transition(d, device=d, limited=RULE, notice=NOTICE, order=False) for d in range(1, 9)))
    assert (world.queries.orders().items, world.messages()) == ([], [])
    assert world.queries.deadlines("0-1-0")[0].reason is DeadlineReason.DIGEST
    world.desk.tick(NOW + HOUR)
    assert len(world.messages()) == 1


# merged
PARENT = Parent("outage", Thing(50, 0))


def outage(seq: int, change: Change = Change.RAISED, **fields: Any) -> Any:
    return transition(seq, change, rule="outage", device=50, component=0, fault="OUT", **fields)


def child(seq: int, device: int, change: Change = Change.MERGED, **fields: Any) -> Any:
    parent = PARENT if change is Change.MERGED else None
    return transition(seq, change, device=device, rule="offline", fault="OFF", notice=NOTICE, parent=parent, **fields)


def test_merged_alarms_are_listed_on_the_parents_order_and_end_with_it(world: World) -> None:
    world.apply(outage(1), child(2, 1), child(3, 2))
    order = world.order()
    assert (order.fault, order.count, order.causes) == ("OUT", 3, ("outage", "offline"))
    assert world.messages() == []
    alarms = {alarm.id: alarm for alarm in world.queries.alarms_of(order.no)}
    assert [(alarms[i].state, alarms[i].parent) for i in ("0-2-0", "0-3-0")] == [(AlarmState.MERGED, "0-1-0")] * 2
    assert world.kinds().count("alarm.merged") == 2
    world.apply(outage(4, Change.CLEARED))
    assert world.order().condition_cleared_at is not None
    assert {a.cleared_at for a in world.queries.alarms_of(order.no)} == {outage(4).at}
    world.apply(child(5, 1, Change.RAISED))
    (own,) = world.queries.orders(OrderFilter(device=1)).items
    assert (own.fault, len(world.messages())) == ("OFF", 1)


def test_the_history_of_an_alarm_keeps_every_transition(world: World) -> None:
    world.apply(transition(1), transition(2, Change.LEVEL_UP, level=Level.CRITICAL), transition(3, Change.CLEARED))
    world.apply(outage(4), child(5, 1), child(12, 1))
    kept = {
        alarm.id: [(one.change, one.level, one.evidence.condition) for one in world.queries.alarm_changes(alarm.id)]
        for alarm in world.queries.alarms().items
    }
    assert [change for change, _, _ in kept["0-1-0"]] == ["raised", "level_up", "cleared"]
    assert [level for _, level, _ in kept["0-1-0"]][1] == Level.CRITICAL
    assert [change for change, _, _ in kept["0-5-0"]] == ["merged", "merged"]
    world.apply(transition(20, Change.CLEARED, device=9))  # of an alarm that nobody knows: no history of nothing
    assert sum(map(len, kept.values())) == 6


def test_a_child_that_merges_again_counts_on_one_row(world: World) -> None:
    world.apply(outage(1), child(2, 1), child(3, 1))
    assert [a.id for a in world.queries.alarms_of(world.order().no)] == ["0-1-0", "0-2-0"]
    assert world.order().count == 3


def test_a_parent_whose_order_comes_later_lists_its_children_then(world: World) -> None:
    world.apply(outage(1, after=HOUR), child(2, 1), child(3, 2))
    assert world.queries.orders().items == []
    world.desk = world.another()
    world.desk.tick(NOW + 2 * HOUR)
    assert (world.order().count, len(world.queries.alarms_of(world.order().no))) == (3, 3)


def test_a_parent_whose_order_somebody_closed_goes_on_listing(world: World) -> None:
    world.apply(outage(1))
    closed = world.work_through(world.order().no, Act.CLOSE, reason="grid operator works on it")
    sent = len(world.events())
    world.apply(child(2, 1))
    assert world.kinds()[sent:] == ["alarm.merged"]
    assert (world.order().version, len(world.queries.alarms_of(closed.no))) == (closed.version, 2)


def test_a_parent_nobody_knows_and_one_that_was_lost(world: World) -> None:
    world.apply(child(1, 1))
    (alarm,) = world.queries.alarms().items
    assert (alarm.state, alarm.parent, alarm.cleared_at is None) == (AlarmState.MERGED, "", False)
    world.apply(outage(2), child(3, 1), child(4, 1, Change.RAISED))
    assert world.queries.orders(OrderFilter(device=1)).items[0].fault == "OFF", "its raise is believed"


def test_an_alarm_with_its_own_episode_keeps_it(world: World) -> None:
    world.apply(outage(1), child(2, 1, Change.RAISED))
    applied = world.apply(child(3, 1))
    assert applied.orphaned == 1
    assert {order.fault: order.count for order in world.queries.orders().items} == {"OUT": 1, "OFF": 1}


# unstable
def test_an_unstable_alarm_has_one_order_that_says_so_and_one_notice(world: World) -> None:
    steps = [Change.RAISED, Change.CLEARED] * 4
    world.apply(*(transition(n, change, notice=NOTICE) for n, change in enumerate(steps, 1)))
    world.apply(transition(9, unstable=True, count=5, notice=NOTICE))
    order = world.order()
    assert (order.title_en, order.title_zh) == (
        "Connector over temperature (unstable, 5 raises)",
        "枪头过温（不稳定，已触发 5 次）",
    )
    assert "title" in world.events()[-1]["data"]["changed"]
    assert len(world.messages()) == 1
    world.apply(transition(10, Change.CLEARED, count=17, notice=NOTICE), transition(11, notice=NOTICE))
    assert "unstable" in world.order().title_en, "until the order ends"
    assert next(a.count for a in world.queries.alarms().items if a.id == "0-9-0") == 17


def test_an_unstable_alarm_that_makes_the_order(world: World) -> None:
    world.apply(transition(1, unstable=True, count=4))
    assert world.order().title_en.endswith("(unstable, 4 raises)")


def test_s31_several_multiples_are_one_order_whose_alarm_says_how_many(world: World) -> None:
    world.apply(transition(1, count=3))
    assert world.events()[-1]["data"]["workOrder"]["alarm"]["count"] == 3


# groups and identities
def test_a_group_alarm_names_its_site_and_reaches_its_customers(world: World) -> None:
    world.apply(transition(1, group="HZ-003", notice=NoticePlan("site_ops", "overtemp")))
    shown = world.events()[-1]["data"]["workOrder"]
    assert (shown["group"], shown["device"], shown["site"]["code"]) == ("HZ-003", None, "HZ-003")
    assert [m["phone"] for m in world.messages()] == ["13800000001"]


@pytest.mark.parametrize(("group", "audience"), [("west", "site_ops"), ("west", "around"), ("HZ-004", "around")])
def test_an_area_is_all_customers_of_its_sites(world: World, group: str, audience: str) -> None:
    world.apply(transition(1, group=group, notice=NoticePlan(audience, "overtemp")))
    assert [m["phone"] for m in world.messages()] == ["13800000001", "13800000003"]


def test_identities_are_alarms_of_their_own_on_one_order(world: World) -> None:
    world.apply(transition(1, identity=("E1",)), transition(2, identity=("E2",)))
    world.apply(transition(3, Change.CLEARED, identity=("E1",)))
    assert {a.identity: a.state for a in world.queries.alarms().items} == {
        ("E1",): AlarmState.CLEARED,
        ("E2",): AlarmState.RAISED,
    }
    assert (world.order().count, world.order().causes) == (2, ("overtemp/E1", "overtemp/E2"))


# back to the rules
def test_the_rules_hear_of_groups_and_identities(world: World) -> None:
    world.apply(transition(1, group="HZ-003", identity=("E1",)))
    world.desk.unlatch("0-1-0", BOSS, "u1", NOW)
    order = world.work_through(world.order().no, Act.CLOSE, reason="ok")
    assert facts(world) == [
        Unlatch("overtemp", 0, 0, "boss", "HZ-003", ("E1",)),
        Closed("overtemp", 0, 0, order.no, "boss", "HZ-003", ("E1",)),
    ]


@pytest.mark.parametrize("act", [Act.RESOLVE, Act.CLOSE])
def test_maintenance_that_was_done_tells_the_counter(world: World, act: Act) -> None:
    world.apply(transition(1, component=0, rule="service"), transition(2, Change.CLEARED, component=0, rule="service"))
    world.work_through(world.order().no, act, reading=1512.5)
    order = world.order()
    last_event = [one for one in facts(world) if isinstance(one, CycleDone)]
    assert last_event[-1] == CycleDone("service", 1, 0, 1512.5, "boss", order.resolved_at or 0, order.no)
    assert len(last_event) == (
        1 if act is Act.RESOLVE else 2
    )  # the work was done, and later somebody brought the counter
    assert '"reading":1512.5' in world.queries.audit(world.order().no)[-1].data


def test_a_reading_belongs_to_the_end_of_the_work(world: World) -> None:
    world.apply(transition(1))
    with pytest.raises(CommandError) as error:
        world.act(world.order().no, Act.ASSIGN, assignee="zhang", reading=1.0)
    assert (error.value.status, error.value.code) == (422, "reading")


# rules that change
def rule_set(source: str) -> RuleSet:
    return RuleSet("overtemp", "rev2", source.encode(), "UTC", "ops")


CHINESE = DeskPolicy("gw-1", ZoneInfo("Asia/Shanghai"), language="zh")


@pytest.mark.parametrize(("mode", "word"), [("off", "switched off"), ("shadow", "shadow mode")])
def test_s22_a_rule_that_is_switched_off_leaves_its_orders_with_a_note(world: World, mode: str, word: str) -> None:
    world.apply(transition(1), facts=[(2, rule_set(f'{{"rule": {{"mode": "{mode}", "title": "New"}}}}'))])
    assert word in world.events()[-1]["data"]["note"]
    assert (world.order().state, world.order().title_en) == (OrderState.NEW, "Connector over temperature")


def test_s19_an_edited_text_shows_in_the_open_order(world: World) -> None:
    text = '{"rule": {"title": {"en": "Too hot", "zh": "过热"}, "why": "may burn"}}'
    world.apply(transition(1), facts=[(2, rule_set(text)), (3, rule_set(text)), (4, rule_set("damaged"))])
    order = world.order()
    assert (order.title_en, order.title_zh, order.version) == ("Too hot", "过热", 2)


def last_event(world: World) -> tuple[list[str], str, str]:
    """What the last event says has changed, and why the order matters."""
    data = world.events()[-1]["data"]
    return data["changed"], data["workOrder"]["why"], data["workOrder"]["whyZh"]


def test_why_stands_in_both_languages_and_an_edit_of_it_shows(world: World) -> None:
    title = '"title": {"en": "Connector over temperature", "zh": "枪头过温"}'
    sources = ['"why": {"en": "burns", "zh": "会起火"}', '"why": {"zh": "会起火"}', '"owner": "x"', '"why": 3']
    world.apply(transition(1))
    assert last_event(world) == ([], "may burn", "may burn")
    found = []
    for n, why in enumerate(sources, 2):
        world.apply(facts=[(n, rule_set(f'{{"rule": {{{title}, {why}}}}}'))])
        found += [(last_event(world), world.order().version)]
    assert found == [
        ((["why"], "burns", "会起火"), 2),
        ((["why"], "会起火", "会起火"), 3),
        ((["why"], "", ""), 4),
        ((["why"], "", ""), 4),
    ]


def test_a_notice_says_why_in_the_language_of_its_reader(world: World) -> None:
    for seq, audience in ((1, "owner"), (2, "site_ops")):  # owner: of the device, C2, en; of the site: C1, zh
        raised = transition(seq, device=seq, notice=NoticePlan(audience, "meaning"))
        plan = msgspec.structs.replace(raised.plan, why_zh="会起火")
        world.apply(msgspec.structs.replace(raised, plan=plan))
    assert [message["text"] for message in world.messages()] == ["may burn", "会起火"]


def test_a_title_edited_in_one_language_shows(world: World) -> None:
    text = '{"rule": {"title": {"en": "Connector over temperature", "zh": "枪头太热"}, "why": "may burn"}}'
    world.apply(transition(1), facts=[(2, rule_set(text))])
    assert (world.order().title_zh, last_event(world)[0]) == ("枪头太热", ["title"])


def test_what_the_desk_notes_is_in_the_language_of_the_installation(world: World) -> None:
    world.policy = CHINESE
    world.desk = world.another()
    world.apply(transition(1, late=True, reopen_within=HOUR))
    assert world.events()[-1]["data"]["note"].startswith("迟到")
    assert "没有未结工单" in world.queries.audit(world.order().no)[0].data
    world.apply(facts=[(2, RuleRemoved("overtemp", "ops"))])
    assert world.events()[-1]["data"]["note"] == "规则 overtemp 已删除，工单保留"
    world.apply(transition(3, Change.CLEARED))
    world.work_through(world.order().no, Act.CLOSE, reason="ok")
    world.apply(transition(4, reopen_within=HOUR))
    assert "复发" in world.events()[-1]["data"]["note"]


def test_s06_an_order_of_late_data_says_so(world: World) -> None:
    world.apply(transition(1, late=True))
    assert world.events()[-1]["data"]["note"].startswith("raised late")
