"""Groups and the past: warm-up, late readings of members, deleted rules (RULES section 5; decision 009)."""

from collections.abc import Iterable

import pytest
from depth import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from rules_engine.engine_lab import T0, S, bytes_of
from rules_engine.groups_lab import POINTS, group_rule, says, sensor
from rules_engine.past_lab import Gateway, told_of

from gateway.domain.alarm import Transition
from gateway.domain.device import Device, Site
from gateway.domain.reading import Reading, batch_of
from gateway.domain.record import DeviceSet, PointDefined, Record, Rerun, RuleRemoved, Tick, Unlatch
from rules.compiled import Rule
from rules.engine import Engine
from rules.engine.rerun import answer_one, history_in_memory
from rules.format import compile_source

LOW = '{members: {of: "pressure < 1.4 kPa", at_least: 2}}'
QUORUM = group_rule(f"  when: {LOW}", rule_id="quorum")
HELD = group_rule(f"  when: {LOW}\n  hold: {{for: 2m, gap: 3m}}", rule_id="held")
BRIEF = group_rule(f"  when: {LOW}\n  clear_hold: 1m\n  hold: {{for: 1m, gap: 90s}}", rule_id="brief")
USED = '  let: {{one: {{increase: volume, per: hour}}, used: {{members: {{sum: one}}}}}}\n  when: "used >= {limit} m3"'
USERS = "{kind: user, group: area}"


def used(limit: int = 5, rule_id: str = "used") -> Rule:
    return group_rule(USED.format(limit=limit), USERS, rule_id)


class Groups(Gateway):
    """A gateway whose store answers at once, with sites in areas."""

    def __init__(self, rules: Iterable[Rule], devices: Iterable[Device], *, answers: bool = True) -> None:
        super().__init__([], [], [Site("s1", area="a1"), Site("s2", area="a2")], answers=answers)
        for point in POINTS.values():
            self.write(PointDefined("lab", point))
        for device in devices:
            self.write(DeviceSet(device))
        for one in rules:
            self.install(one)

    def tell(self, *readings: Reading) -> list[Transition]:
        """Each reading a message of its own, all in one batch."""
        return self.write(batch_of([[one] for one in readings]), max((one.received - T0) / S for one in readings))


def users(site: str = "s1", first: int = 1) -> list[Device]:
    return [sensor(number, site, "user") for number in (first, first + 1)]


def hours(
    gateway: Groups, upto: int, *, per_hour: float = 3.0, step: int = 20, devices: Iterable[int] = (1, 2)
) -> None:
    """Each meter counts on, a reading every `step` minutes."""
    for minute in range(0, upto, step):
        gateway.tell(*(says(n, minute * 60 + n, minute / 60 * per_hour, "volume") for n in devices))
        gateway.tick(minute * 60 + 30)


def test_a_new_rule_on_groups_knows_the_closed_windows() -> None:
    gateway = Groups([], [*users(), *users("s2", 3)])
    hours(gateway, 140, devices=(1, 2, 3, 4))
    new = gateway.install(used(), 8400)
    assert [(t.change.value, t.thing.group, (t.at - T0) / S) for t in new] == [
        ("raised", "a1", 8400),
        ("raised", "a2", 8400),
    ]
    assert new[0].evidence.signals[0].value == pytest.approx(6.0)
    assert len(new[0].evidence.readings) == 2
    assert gateway.engine.counts.cold == 0
    gateway.check_replay()


def test_after_the_warm_up_it_is_as_if_it_had_always_been_there() -> None:
    late, always = Groups([], users()), Groups([used(rule_id="used")], users())
    for gateway in (late, always):
        hours(gateway, 150)
    late.install(used(rule_id="used"), 9000)
    said = [len(gateway.got) for gateway in (late, always)]
    for gateway in (late, always):
        for minute in range(160, 400, 20):
            rate = 3.0 if minute < 200 else 0.5
            gateway.tell(*(says(n, minute * 60 + n, 7.5 + (minute - 150) / 60 * rate, "volume") for n in (1, 2)))
            gateway.tick(minute * 60 + 30)
    assert told_of(late.got[said[0] :]) == told_of(always.got[said[1] :])
    assert [one.change.value for one in late.got] == ["raised", "cleared"]
    mine, other = (g.engine.evaluators.main.installed.groups["used"] for g in (late, always))
    assert mine.table.space.value[:, 0].tobytes() == other.table.space.value[:, 0].tobytes()
    assert mine.closed.done == other.closed.done
    late.check_replay()


def test_a_new_generation_is_warmed_up_and_what_is_over_is_not_raised() -> None:
    gateway = Groups([used()], users())
    hours(gateway, 140)
    assert told_of(gateway.got) == [("raised", 7200, False)]
    text = USED.replace("sum: one", "max: one")
    gateway.install(group_rule(text.format(limit=5), USERS, "used"), 8400)
    assert [(t.change.value, t.reason) for t in gateway.got[1:]] == [("cleared", "rule_changed")]
    gateway.install(group_rule(text.format(limit=3), USERS, "other"), 8401)
    assert [(t.rule, t.change.value) for t in gateway.got[2:]] == [("other", "raised")]
    gateway.check_replay()


def test_what_comes_before_the_answer_is_seen() -> None:
    gateway = Groups([], users(), answers=False)
    hours(gateway, 100, per_hour=1.0)
    gateway.install(used(), 6000)
    (wanted,) = gateway.engine.wanted
    assert (wanted.rule, wanted.group, wanted.devices) == ("used", "", ())
    history = list(gateway.batches)
    for minute in range(100, 140, 10):
        gateway.tell(*(says(n, minute * 60 + n, 1 + (minute - 60) / 10, "volume") for n in (1, 2)))
        gateway.tick(minute * 60 + 30)
    assert gateway.got == []
    gateway.batches = history
    gateway.give(8400)
    assert told_of(gateway.got) == [("raised", 8400, False)]
    gateway.check_replay()


def test_quorums_of_newest_values_need_no_history() -> None:
    gateway = Groups([], [sensor(1), sensor(2)], answers=False)
    gateway.tell(says(1, 0, 1.0), says(2, 1, 1.0))
    new = gateway.install(QUORUM, 5)
    assert gateway.engine.wanted == ()
    assert told_of(new) == [("raised", 5, False)]


def test_a_late_reading_of_a_member_raises_late() -> None:
    gateway = Groups([QUORUM], [sensor(1), sensor(2), sensor(3)])
    gateway.tell(says(1, 0, 1.0), says(2, 1, 2.0), says(3, 2, 2.0))
    gateway.tell(says(2, 60, 2.0))
    new = gateway.tell(says(2, 30, 1.0, received=70))
    assert told_of(new) == [("raised", 30, True), ("cleared", 60, True)]
    assert new[0].thing.group == "s1"
    assert [reading.point for reading in new[0].evidence.readings] == ["p1.pressure", "p2.pressure"]
    assert gateway.engine.counts.corrected == 1
    assert not gateway.on()
    gateway.check_replay()


def test_a_late_reading_of_a_member_withdraws_what_a_hold_had_raised() -> None:
    gateway = Groups([HELD], [sensor(1), sensor(2)])
    for at in (0, 60, 120):
        gateway.tell(says(1, at, 1.0), says(2, at + 1, 1.0))
    assert told_of(gateway.got) == [("raised", 121, False)]
    new = gateway.tell(says(2, 90, 2.0, received=125))
    assert told_of(new) == [("withdrawn", 90, True)]
    assert not gateway.on()
    gateway.check_replay()


def test_a_late_reading_corrects_the_window_of_a_group() -> None:
    gateway = Groups([used(6)], users())
    for minute in (0, 20, 40):
        gateway.tell(*(says(n, minute * 60 + n, minute / 20, "volume") for n in (1, 2)))
    gateway.tell(says(1, 3601, 3.0, "volume"), says(2, 3602, 3.0, "volume"))
    gateway.tick(3700)
    assert gateway.got == []  # 4 m3: what the hour's last readings say
    new = gateway.tell(says(1, 3599, 4.0, "volume", received=3700))
    assert told_of(new) == [("raised", 3600, True)]
    assert new[0].evidence.signals[0].value == pytest.approx(6.0)
    assert gateway.on()
    gateway.check_replay()


def test_only_the_group_in_doubt_is_looked_at_again() -> None:
    gateway = Groups([QUORUM, used()], [sensor(1), sensor(2), sensor(3, "s2"), sensor(4, "s2")], answers=False)
    gateway.tell(says(1, 0, 1.0), says(2, 1, 2.0), says(3, 2, 1.0), says(4, 3, 1.0))
    gateway.tell(says(2, 60, 2.0))
    for at in (30, 20, 40):
        gateway.tell(says(2, at, 1.0, received=70))
    (wanted,) = gateway.engine.wanted
    assert (wanted.rule, wanted.group, wanted.devices, (wanted.since - T0) / S) == ("quorum", "s1", (1, 2), 20)
    gateway.give(80)
    assert [(one.thing.group, one.late) for one in gateway.got] == [("s2", False), ("s1", True), ("s1", True)]
    assert told_of(gateway.got[1:]) == [("raised", 20, True), ("cleared", 60, True)]
    gateway.check_replay()


def test_readings_that_come_before_the_answer_of_a_group_count() -> None:
    gateway = Groups([QUORUM], [sensor(1), sensor(2)], answers=False)
    gateway.tell(says(1, 0, 1.0), says(2, 1, 2.0))
    gateway.tell(says(2, 60, 2.0))
    gateway.tell(says(2, 30, 1.0, received=70))
    history = list(gateway.batches)
    gateway.tell(says(1, 80, 2.0))
    gateway.batches = history
    gateway.give(90)
    assert told_of(gateway.got) == [("raised", 30, True), ("cleared", 60, True)]
    assert told_of(gateway.tell(says(2, 100, 1.0))) == []  # only one of two is low now
    gateway.check_replay()


def test_who_joins_meanwhile_is_asked_about_too() -> None:
    gateway = Groups([QUORUM], [sensor(1), sensor(2), sensor(3, "s2")], answers=False)
    gateway.tell(says(1, 0, 1.0), says(2, 1, 2.0), says(3, 1, 2.0))
    gateway.tell(says(2, 60, 2.0))
    gateway.tell(says(2, 30, 1.0, received=70))
    (first,) = gateway.engine.wanted
    found = answer_one(gateway.engine, first, history_in_memory(gateway.batches))
    gateway.write(DeviceSet(sensor(3)), 75)
    gateway.write(found, 76)
    (second,) = gateway.engine.wanted
    assert (second.devices, second.since) == ((1, 2, 3), first.since)
    gateway.give(80)
    assert told_of(gateway.got) == [("raised", 30, True), ("cleared", 60, True)]
    gateway.check_replay()


def test_too_much_history_and_lost_history_leave_the_alarm_alone() -> None:
    gateway = Groups([QUORUM], [sensor(1), sensor(2)], answers=False)
    gateway.tell(says(1, 0, 1.0), says(2, 1, 1.0))
    gateway.tell(says(2, 60, 1.0))
    gateway.tell(says(2, 30, 2.0, received=70))
    (wanted,) = gateway.engine.wanted
    gateway.write(Rerun(wanted.seq, rule="quorum", group="s1"), 80)
    assert gateway.engine.counts.given_up == 1
    gateway.batches.clear()
    gateway.tell(says(2, 40, 2.0, received=85))
    gateway.give(90)
    assert gateway.engine.counts.unproven == 1
    assert gateway.on()
    assert told_of(gateway.got) == [("raised", 1, False)]
    gateway.check_replay()


def test_a_buffered_packet_that_comes_in_order_puts_right_what_a_tick_decided() -> None:
    gateway = Groups([BRIEF], [sensor(1), sensor(2)])
    for at in (0, 60):
        gateway.tell(says(1, at, 1.0), says(2, at + 1, 1.0))
    assert told_of(gateway.got) == [("raised", 61, False)]
    gateway.tell(says(1, 120, 2.0))
    gateway.tick(200)
    assert told_of(gateway.got[1:]) == [("cleared", 180, False)]
    assert gateway.tell(says(2, 130, 1.0, received=210), says(2, 300, 1.0, received=300)) == []
    assert gateway.engine.counts.reruns == 0  # it was clear all the same
    new = gateway.tell(says(1, 150, 1.0, received=310))
    assert gateway.engine.counts.reruns == 1
    assert told_of(new) == [("raised", 180, True)]  # the clear was broken at 150: the alarm goes on
    gateway.check_replay()


def test_what_the_desk_said_of_a_group_is_part_of_the_past() -> None:
    latched = group_rule(f"  when: {LOW}\n  auto_clear: false", rule_id="latched")
    gateway = Groups([latched], [sensor(1), sensor(2)])
    gateway.tell(says(1, 0, 1.0), says(2, 1, 1.0))
    gateway.tell(says(1, 10, 2.0))
    gateway.write(Unlatch("latched", 0, 0, group="s1"), 20)
    assert told_of(gateway.got) == [("raised", 1, False), ("cleared", 20, False)]
    gateway.tell(says(1, 60, 2.0))
    assert gateway.tell(says(1, 50, 2.0, received=70)) == []
    assert gateway.engine.counts.reruns == 1
    assert gateway.engine.counts.unproven == 0
    gateway.check_replay()


def test_the_groups_of_a_rule_that_is_gone_are_gone() -> None:
    gateway = Groups([QUORUM, used()], [sensor(1), sensor(2)], answers=False)
    gateway.tell(says(1, 0, 1.0), says(2, 1, 2.0))
    gateway.tell(says(2, 60, 2.0))
    gateway.tell(says(2, 30, 1.0, received=70))
    world = gateway.engine.evaluators.main.context.world
    assert {rule for rule, _ in world.groups} == {"quorum", "used"}
    gateway.write(RuleRemoved("quorum"), 80)
    assert {rule for rule, _ in world.groups} == {"used"}
    assert gateway.engine.wanted == ()
    gateway.install(
        group_rule('  when: {members: {of: "pressure < 1 kPa", at_least: 1}}', "{kind: sensor, group: area}"), 81
    )
    gateway.install(group_rule('  when: {members: {of: "pressure < 1 kPa", at_least: 1}}'), 82)
    assert {key for key in world.groups if key[0] == "g"} == {("g", "site")}
    gateway.check_replay()


def test_a_restored_engine_does_not_ask_for_ticks_all_the_time() -> None:
    gateway = Groups([used()], users())
    hours(gateway, 70)
    engine = Engine.restore(gateway.engine.snapshot(), compile_source)
    engine.step(gateway.records[-1])
    seq = len(gateway.records)
    engine.step(Record(seq + 1, T0 + 5000 * S, Tick(T0 + 5000 * S)))
    assert engine.next_due() == T0 + 7200 * S


@given(st.permutations(range(12)), st.lists(st.sampled_from([1.0, 2.0]), min_size=12, max_size=12))
@settings(max_examples=examples(15), deadline=None)
def test_in_the_end_it_is_known_what_would_have_been_known_in_order(order: list[int], values: list[float]) -> None:
    readings = [says(1 + k % 3, 20 * k, values[k], received=1000) for k in range(12)]
    ordered, shuffled = (Groups([QUORUM, BRIEF], [sensor(1), sensor(2), sensor(3)]) for _ in range(2))
    for k in range(12):
        ordered.tell(readings[k])
        shuffled.tell(readings[order[k]])
    for gateway in (ordered, shuffled):
        gateway.tick(1001)
    if shuffled.engine.counts.unproven == 0:
        assert shuffled.on() == ordered.on()
    live = bytes_of(shuffled.got)
    assert bytes_of(shuffled.replayed()) == live
    assert bytes_of(shuffled.replayed(len(shuffled.records) // 2)) == live


SOON = group_rule('  when: {members: {of: "pressure < 1.4 kPa", at_least: 2, began_within: 2m}}', rule_id="soon")


def test_a_late_reading_moves_the_beginning_of_a_vote() -> None:
    gateway = Groups([SOON], [sensor(1), sensor(2)])
    gateway.tell(says(1, 0, 1.0), says(2, 0, 2.0))
    gateway.tell(says(1, 150, 1.0), says(2, 150, 1.0))
    assert gateway.got == [], "the first vote is old"
    new = gateway.tell(says(1, 100, 2.0, received=160))
    assert told_of(new) == [("raised", 150, True)]
    gateway.tick(300)
    assert told_of(gateway.got[1:]) == [("cleared", 270, False)]
    gateway.check_replay()


def test_a_late_reading_withdraws_what_votes_had_raised() -> None:
    gateway = Groups([SOON], [sensor(1), sensor(2)])
    gateway.tell(says(1, 0, 2.0), says(2, 0, 2.0))
    gateway.tell(says(1, 150, 1.0), says(2, 160, 1.0))
    assert told_of(gateway.got) == [("raised", 160, False)]
    new = gateway.tell(says(1, 20, 1.0, received=170))
    assert told_of(new) == [("withdrawn", 160, True)] or told_of(new)[0][0] == "withdrawn"
    assert not gateway.on()
    gateway.check_replay()


def test_a_new_rule_knows_since_when_votes_are_true() -> None:
    gateway = Groups([], [sensor(1), sensor(2)])
    for at in (0, 60, 120, 180):
        gateway.tell(says(1, at, 1.0), says(2, at, 2.0))
    gateway.tell(says(2, 200, 1.0))
    assert gateway.install(SOON, 210) == [], "one of them is low for longer than two minutes"
    gateway.tell(says(1, 220, 2.0), says(1, 230, 1.0))
    assert told_of(gateway.got) == [("raised", 230, False)]
    gateway.check_replay()


def test_what_time_decided_is_in_doubt_when_an_older_reading_comes() -> None:
    for ticks in (True, False):
        gateway = Groups([SOON], [sensor(1), sensor(2), sensor(3)])
        gateway.tell(says(3, 0, 2.0), says(1, 10, 1.0), says(2, 20, 1.0))
        if ticks:
            gateway.tick(200)
        else:
            gateway.tell(says(3, 200, 2.0))
        assert told_of(gateway.got) == [("raised", 20, False), ("cleared", 130, False)]
        gateway.tell(says(1, 60, 2.0, received=210), says(1, 70, 1.0, received=210))
        gateway.tick(400)
        assert gateway.engine.counts.reruns == 1
        assert gateway.engine.counts.unproven == 0
        assert not gateway.on()
        gateway.check_replay()
