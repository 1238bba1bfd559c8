"""Group rules: quorums, membership, aggregates (RULES sections 2, 4, 5; S36)."""

from groups_lab import GroupLab, group_rule, says, seen, sensor
from msgspec.structs import replace

from gateway.domain.alarm import Thing
from gateway.domain.device import Life, Site
from gateway.domain.record import Closed, RuleRemoved, SiteSet, Unlatch

TWO_LOW = '  members: {of: "pressure < 1.6 kPa", at_least: 2}'
FIVE = [sensor(number) for number in range(1, 6)]
NAN = float("nan")


def test_s36_two_of_five_sensors() -> None:
    lab = GroupLab([group_rule(TWO_LOW)], FIVE)
    lab.tell(says(1, 0, 1.2), says(2, 0, 1.2), says(3, 0, 2.0), says(4, 0, 2.0))
    assert seen(lab.got) == [("raised", "s1", 0)]
    raised = lab.got[0]
    assert raised.thing == Thing(0, 0, "s1")
    assert [(one.point, one.value) for one in raised.evidence.readings] == [("p1.pressure", 1.2), ("p2.pressure", 1.2)]
    assert {one.name: one.value for one in raised.evidence.signals} == {
        "members voting": 2,
        "members known": 4,
        "members": 5,
    }
    lab.tell(says(1, 60, 2.0))
    assert len(lab.got) == 1, "the fifth could still make it two"
    lab.tell(says(5, 60, 2.0))
    assert seen(lab.got)[1:] == [("cleared", "s1", 60)]
    lab.same_everywhere()


def test_votes_in_another_order_and_batch() -> None:
    lab = GroupLab([group_rule(TWO_LOW)], FIVE)
    lab.tell(says(2, 20, 1.2), says(1, 5, 1.2), says(1, 30, 2.0), says(3, 10, 2.0), says(4, 10, 2.0), says(5, 10, 2.0))
    assert seen(lab.got) == [("raised", "s1", 20), ("cleared", "s1", 30)]
    assert [one.point for one in lab.got[0].evidence.readings] == ["p1.pressure", "p2.pressure"]
    lab.same_everywhere()


def test_a_vote_of_the_past_counts_from_now_on() -> None:
    lab = GroupLab([group_rule(TWO_LOW)], FIVE)
    lab.tell(says(1, 50, 1.2))
    lab.tell(says(2, 20, 1.2, received=55))
    assert seen(lab.got) == [("raised", "s1", 50)]


def test_a_clock_that_is_ahead_moves_nobody_elses_time() -> None:
    lab = GroupLab([group_rule(TWO_LOW)], FIVE)
    lab.tell(says(1, 290, 1.2, received=0))
    lab.tell(says(2, 10, 1.2))
    assert seen(lab.got) == [("raised", "s1", 10)]
    assert [one.point for one in lab.got[0].evidence.readings] == ["p1.pressure", "p2.pressure"]
    lab.same_everywhere()


def test_groups_are_apart() -> None:
    lab = GroupLab([group_rule(TWO_LOW)], [*FIVE, sensor(6, "s2"), sensor(7, "s2"), sensor(8, "")])
    lab.tell(says(1, 0, 1.2), says(6, 0, 1.2), says(8, 0, 1.2))
    assert lab.got == []
    lab.tell(says(7, 10, 1.2))
    assert seen(lab.got) == [("raised", "s2", 10)]


def test_hold_clear_and_clear_hold_work_on_groups() -> None:
    body = (
        '  members: {of: "pressure < 1.6 kPa", at_least: 2}\n  hold: 2m\n'
        '  clear: {members: {of: "pressure > 1.8 kPa", at_least: 4}}\n  clear_hold: 1m'
    )
    lab = GroupLab([group_rule(body)], FIVE)
    for minute in range(3):
        lab.tell(*(says(number, 60 * minute, 1.2 if number < 3 else 2.0) for number in range(1, 6)))
        lab.tick(60 * minute + 1)
    assert seen(lab.got) == [("raised", "s1", 120)]
    lab.tell(says(1, 180, 1.7))
    lab.tell(says(1, 200, 1.9))
    lab.tick(261)
    assert seen(lab.got)[1:] == [("cleared", "s1", 260)]
    lab.same_everywhere()


def test_silence_breaks_a_hold() -> None:
    lab = GroupLab([group_rule(f"{TWO_LOW}\n  hold: 10m")], FIVE)
    lab.tell(says(1, 0, 1.2), says(2, 0, 1.2))
    lab.tick(601)
    assert lab.got == [], "no word for longer than three intervals"
    for minute in range(11, 22):
        lab.tell(says(3, 60 * minute, 2.0))
    lab.tick(60 * 22)
    assert seen(lab.got) == [("raised", "s1", 1260)]


def test_fraction_is_of_all_in_service() -> None:
    lab = GroupLab([group_rule('  members: {of: "pressure < 1.6 kPa", fraction: 0.4}')], [*FIVE, sensor(6)])
    lab.tell(says(1, 0, 1.2), says(2, 0, 1.2))
    assert lab.got == [], "two of six"
    lab.change(sensor(6, life=Life.RETIRED), 10)
    assert seen(lab.got) == [("raised", "s1", 10)]
    lab.same_everywhere()


def test_all_limits_must_hold() -> None:
    lab = GroupLab([group_rule('  members: {of: "pressure < 1.6 kPa", at_least: 1, at_most: 2}')], FIVE)
    lab.tell(*(says(number, 0, 2.0) for number in range(1, 6)))
    lab.tell(says(1, 10, 1.2))
    assert seen(lab.got) == [("raised", "s1", 10)]
    lab.tell(says(2, 20, 1.2), says(3, 20, 1.2))
    assert seen(lab.got)[1:] == [("cleared", "s1", 20)]
    lab.same_everywhere()


def test_at_most_is_unknown_while_the_unknown_could_be_more() -> None:
    lab = GroupLab([group_rule('  members: {of: "pressure < 1.6 kPa", at_most: 0}')], FIVE[:2])
    lab.tell(says(1, 0, 2.0))
    assert lab.got == []
    lab.tell(says(2, 10, 2.0))
    assert seen(lab.got) == [("raised", "s1", 10)]
    lab.tell(says(2, 20, NAN))
    assert len(lab.got) == 1, "unknown clears nothing"
    lab.tell(says(2, 30, 1.0))
    assert seen(lab.got)[1:] == [("cleared", "s1", 30)]
    lab.same_everywhere()


def test_a_vote_counts_for_as_long_as_within() -> None:
    lab = GroupLab([group_rule('  members: {of: "pressure < 1.6 kPa", at_least: 2, within: 2m}')], FIVE)
    lab.tell(says(1, 0, 1.2))
    lab.tell(says(2, 121, 1.2))
    assert lab.got == []
    lab.tell(says(1, 241, 1.2))
    assert seen(lab.got) == [("raised", "s1", 241)], "120 s old is not older than 2 m"
    assert [one.point for one in lab.got[0].evidence.readings] == ["p1.pressure", "p2.pressure"]
    lab.tick(3600)
    assert len(lab.got) == 1, "a vote that lapses clears nothing"
    lab.same_everywhere()


def test_members_come_go_and_move() -> None:
    lab = GroupLab([group_rule(TWO_LOW)], [sensor(1), sensor(2, "s2")])
    lab.tell(says(1, 0, 1.2), says(2, 0, 1.2))
    assert lab.got == []
    lab.change(sensor(2, "s1"), 10)
    assert seen(lab.got) == [("raised", "s1", 10)]
    lab.change(sensor(3), 20)
    lab.tell(says(3, 30, 1.2))
    lab.change(sensor(2, "s1", life=Life.RETIRED), 40)
    assert len(lab.got) == 1, "still two"
    lab.change(sensor(1, "s1", life=Life.PLANNED), 50)
    assert seen(lab.got)[1:] == [("cleared", "s1", 50)]
    lab.same_everywhere()


def test_a_group_without_members_is_out_of_scope() -> None:
    lab = GroupLab([group_rule(TWO_LOW)], FIVE[:2])
    lab.tell(says(1, 0, 1.2), says(2, 0, 1.2))
    lab.change(sensor(1, "s2"), 10)
    lab.change(sensor(2, "s2"), 10)
    assert seen(lab.got) == [("raised", "s1", 0), ("cleared", "s1", 10), ("raised", "s2", 10)]
    lab.same_everywhere()
    lab = GroupLab([group_rule('  members: {of: "pressure < 1.6 kPa", at_least: 1}')], FIVE[:1])
    lab.tell(says(1, 0, 1.2))
    lab.change(sensor(1, life=Life.RETIRED), 20)
    assert (seen(lab.got)[1:], lab.got[1].reason) == ([("cleared", "s1", 20)], "out_of_scope")
    lab.same_everywhere()


def test_where_may_change() -> None:
    watch = "{kind: sensor, group: area, where: \"attr('class') == 'trunk'\"}"
    north, south = Site("s1", area="north"), Site("s2", area="south")
    trunk = {"class": "trunk"}
    lab = GroupLab([group_rule(TWO_LOW, watch)], [sensor(1, attrs=trunk), sensor(2, "s2")], [north, south])
    lab.tell(says(1, 0, 1.2), says(2, 0, 1.2))
    lab.change(sensor(2, "s2", attrs=trunk), 10)
    assert lab.got == []
    lab.write(SiteSet(replace(south, area="north")), 20)
    assert seen(lab.got) == [("raised", "north", 20)]
    lab.same_everywhere()


def test_thresholds_of_the_site() -> None:
    body = "  members: {of: \"pressure < attr('p_min', 1.6 kPa)\", at_least: 2}"
    lab = GroupLab([group_rule(body)], FIVE)
    lab.tell(says(1, 0, 1.7), says(2, 0, 1.7))
    lab.write(SiteSet(Site("s1", attrs={"p_min": "1.8 kPa"})), 10)
    assert seen(lab.got) == [("raised", "s1", 10)]
    lab.same_everywhere()


def test_components_are_members_with_each() -> None:
    rule = group_rule(
        '  members: {of: "gun_temp > 60 degC", at_least: 3, per: component}',
        "{kind: pile, each: connector, group: site}",
    )
    lab = GroupLab([rule], [sensor(1, kind="pile", components=2), sensor(2, kind="pile", components=2)])
    lab.tell(*(says(device, 0, 70.0, "gun_temp", component=c) for device, c in ((1, 1), (1, 2), (2, 2))))
    assert seen(lab.got) == [("raised", "s1", 0)]
    assert [one.point for one in lab.got[0].evidence.readings] == ["p1.1.gun_temp", "p1.2.gun_temp", "p2.2.gun_temp"]
    lab.same_everywhere()


def test_levels_and_latch() -> None:
    body = """  levels:
    minor: {when: {members: {of: "pressure < 1.6 kPa", at_least: 1}}}
    critical: {when: {members: {of: "pressure < 1.6 kPa", at_least: 3}}, auto_clear: false}"""
    lab = GroupLab([group_rule(body)], FIVE)
    lab.tell(*(says(number, number, 1.2) for number in range(1, 6)))
    assert [(one.change.value, one.level.word) for one in lab.got] == [("raised", "minor"), ("level_up", "critical")]
    lab.tell(*(says(number, 20 + number, 2.0) for number in range(1, 6)))
    assert len(lab.got) == 2
    lab.write(Unlatch("g", 0, 0, group="s1"), 40)
    assert seen(lab.got)[2:] == [("cleared", "s1", 40)]
    lab.same_everywhere()


def test_streak_of_readings_of_a_group() -> None:
    body = '  when: {streak: {of: {members: {of: "pressure < 1.6 kPa", at_least: 2}}, length: 3}}'
    lab = GroupLab([group_rule(body)], FIVE[:2])
    lab.tell(says(1, 0, 1.2), says(2, 0, 1.2), says(1, 60, 1.2), says(2, 120, 1.2), says(1, 180, 2.0))
    assert seen(lab.got) == [("raised", "s1", 120), ("cleared", "s1", 180)]
    lab.same_everywhere()


def test_an_edit_keeps_what_the_members_said() -> None:
    lab = GroupLab([group_rule(TWO_LOW)], FIVE)
    lab.tell(says(1, 0, 1.2), says(2, 0, 1.2))
    lab.install(group_rule(TWO_LOW.replace("members", "hold: 0s\n  members")), 10)
    assert len(lab.got) == 1
    lab.install(group_rule(TWO_LOW.replace("2}", "3}")), 20)
    assert [(one.change.value, one.reason) for one in lab.got[1:]] == [("cleared", "rule_changed")]
    lab.tell(says(3, 30, 1.2))
    assert seen(lab.got)[2:] == [("raised", "s1", 30)]
    lab.install(group_rule(TWO_LOW.replace("2}", "3}") + "\n  clear_hold: 1m"), 40)
    assert len(lab.got) == 3
    lab.tell(*(says(number, 50, 2.0) for number in range(1, 6)))
    lab.tick(120)
    assert seen(lab.got)[3:] == [("cleared", "s1", 110)]
    lab.write(RuleRemoved("g"), 130)
    lab.same_everywhere()


def test_a_closed_order_ends_a_sequence() -> None:
    low, high = '{members: {of: "pressure < 1.6 kPa", at_least: 2}}', '{members: {of: "pressure > 3 kPa", at_least: 1}}'
    lab = GroupLab([group_rule(f"  when: {{sequence: [{{see: {low}}}, {{see: {high}, within: 10m}}]}}")], FIVE)
    lab.tell(*(says(number, 0, 2.0) for number in range(1, 6)))
    lab.tell(says(1, 10, 1.2), says(2, 10, 1.2), says(3, 60, 3.5))
    assert seen(lab.got) == [("raised", "s1", 60)]
    lab.write(Closed("g", 0, 0, "order", group="s1"), 100)
    assert seen(lab.got)[1:] == [("cleared", "s1", 100)]
    lab.same_everywhere()
