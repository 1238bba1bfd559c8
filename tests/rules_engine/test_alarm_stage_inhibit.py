"""`inhibit`: children of a parent's episode (RULES section 5; S37)."""

from dataclasses import replace
from types import SimpleNamespace

import msgspec
import pytest
from after_lab import S, Stage, brief, inhibit, rule

from gateway.domain.alarm import Level, Parent, Thing
from rules.compiled import Levels

PARENT = rule("parent")
CHILD = rule("child", inhibit=inhibit())
SILENT = rule("silent", silent=600, inhibit=inhibit())


def test_without_a_parent_the_raise_is_told_after_settle_as_of_then() -> None:
    stage = Stage([CHILD, PARENT])
    assert stage.step(10, stage.change("child", "raised", 10)) == []
    assert stage.after.next_due() == 100 * S
    assert stage.step(99) == []
    (raised,) = stage.step(100)
    assert (raised.change, raised.at, raised.decided) == ("raised", 10 * S, 100 * S)
    assert raised.evidence.condition == "child raised 10"
    assert brief(stage.step(200, stage.change("child", "cleared", 200))) == [("child", "cleared", 200)]
    assert stage.after.state() is None


def test_a_child_that_clears_within_settle_was_nothing() -> None:
    stage = Stage([CHILD, PARENT])
    stage.step(10, stage.change("child", "raised", 10))
    assert stage.step(100, stage.change("child", "cleared", 100)) == []
    assert stage.step(500) == []
    assert stage.after.state() is None


@pytest.mark.parametrize("parent_at", [5, 10, 60, 100])
def test_a_parent_on_by_then_takes_the_child_in(parent_at: int) -> None:
    stage = Stage([CHILD, PARENT])
    for at in sorted({parent_at, 10}):
        made = [stage.change("parent", "raised", at, device=2)] if at == parent_at else []
        made += [stage.change("child", "raised", at)] if at == 10 else []
        stage.step(at, *made)
    assert stage.step(100) == []
    (note,) = [one for one in stage.told if one.rule == "child"]
    assert (note.change, note.at, note.thing) == ("merged", 10 * S, Thing(1))
    assert note.parent == Parent("parent", Thing(2))
    assert stage.step(300, stage.change("child", "cleared", 300)) == []
    assert brief(stage.step(400, stage.change("parent", "cleared", 400, device=2))) == [("parent", "cleared", 400)]
    assert stage.step(1000) == []


def test_a_parent_that_comes_after_settle_is_too_late() -> None:
    stage = Stage([CHILD, PARENT])
    stage.step(10, stage.change("child", "raised", 10))
    assert brief(stage.step(100.5, stage.change("parent", "raised", 100.5, device=2))) == [
        ("child", "raised", 10),
        ("parent", "raised", 100.5),
    ]


def test_a_raise_at_the_moment_the_parent_clears_is_not_of_its_episode() -> None:
    stage = Stage([SILENT, PARENT])
    stage.step(0, stage.change("parent", "raised", 0, device=2))
    stage.step(100, stage.change("silent", "raised", 100), stage.change("parent", "cleared", 100, device=2))
    assert brief(stage.step(190)) == [("silent", "raised", 100)]
    assert [one.change for one in stage.told] == ["raised", "cleared", "raised"]


def test_another_site_is_another_place_and_no_site_is_no_place() -> None:
    stage = Stage([CHILD, PARENT])
    stage.step(1, stage.change("parent", "raised", 1, device=2))
    stage.step(2, stage.change("child", "raised", 2, device=11), stage.change("child", "raised", 2, device=21))
    stage.step(92)
    assert [(one.change, one.thing.device, one.seq) for one in stage.told[1:]] == [("raised", 21, 2), ("raised", 11, 3)]


def test_children_still_true_are_decided_again_when_the_parent_clears() -> None:
    """S37: merged; after the parent recovered, what is still silent raises after its own time from the recovery."""
    stage = Stage([CHILD, SILENT, PARENT])
    stage.step(0, stage.change("parent", "raised", 0, device=2))
    stage.step(10, *(stage.change("silent", "raised", 10, device=d) for d in (3, 4)))
    stage.step(11, *(stage.change("child", "raised", 11, device=d) for d in (3, 4)))
    stage.step(1000, stage.change("parent", "cleared", 1000, device=2))
    stage.step(1050, stage.change("child", "cleared", 1050, device=4))
    stage.step(1089)
    stage.step(1090)
    stage.step(1500, stage.change("silent", "cleared", 1500, device=4))
    stage.step(1689)
    stage.step(1690)
    assert [(*row, one.thing.device) for row, one in zip(brief(stage.told), stage.told, strict=True)] == [
        ("parent", "raised", 0, 2),
        ("silent", "merged", 10, 3),
        ("silent", "merged", 10, 4),
        ("child", "merged", 11, 3),
        ("child", "merged", 11, 4),
        ("parent", "cleared", 1000, 2),
        ("child", "raised", 1000, 3),
        ("silent", "raised", 1600, 3),
    ]


def test_a_second_outage_takes_them_in_again() -> None:
    stage = Stage([SILENT, PARENT])
    stage.step(0, stage.change("parent", "raised", 0, device=2), stage.change("silent", "raised", 0, device=3))
    stage.step(100, stage.change("parent", "cleared", 100, device=2))
    stage.step(300, stage.change("parent", "raised", 300, device=2))
    stage.step(2000)
    stage.step(2100, stage.change("parent", "cleared", 2100, device=2))
    stage.step(2790)
    assert [row for row in brief(stage.told) if row[0] == "silent"] == [
        ("silent", "merged", 0),
        ("silent", "merged", 300),
        ("silent", "raised", 2700),
    ]


def test_with_two_parents_the_second_goes_on() -> None:
    stage = Stage([CHILD, PARENT])
    stage.step(0, *(stage.change("parent", "raised", 0, device=d) for d in (2, 3)))
    stage.step(1, stage.change("child", "raised", 1))
    stage.step(50, stage.change("parent", "cleared", 50, device=2))
    stage.step(500)
    notes = [one for one in stage.told if one.rule == "child"]
    assert [(one.change, one.at, one.parent.thing.device) for one in notes if one.parent] == [
        ("merged", S, 2),
        ("merged", 50 * S, 3),
    ]


def test_a_withdrawn_parent_never_was() -> None:
    stage = Stage([SILENT, PARENT])
    stage.step(0, stage.change("parent", "raised", 0, device=2), stage.change("silent", "raised", 0, device=3))
    assert brief(stage.step(100, stage.change("parent", "withdrawn", 1, device=2))) == [
        ("silent", "raised", 0),
        ("parent", "withdrawn", 1),
    ]


def test_levels_move_in_silence_and_the_level_of_now_is_raised() -> None:
    stage = Stage([CHILD, PARENT])
    stage.step(0, stage.change("parent", "raised", 0, device=2), stage.change("child", "raised", 0))
    stage.step(10, stage.change("child", "level_up", 10, level=Level.MAJOR))
    assert len(stage.told) == 2
    stage.step(100, stage.change("parent", "cleared", 100, device=2))
    (raised,) = stage.step(190)
    assert (raised.change, raised.at, raised.level) == ("raised", 100 * S, Level.MAJOR)


def test_a_level_that_rose_within_settle_is_told_after_the_raise() -> None:
    stage = Stage([CHILD, PARENT])
    stage.step(0, stage.change("child", "raised", 0), stage.change("child", "raised", 0, device=3))
    stage.step(10, *(stage.change("child", "level_up", 10, d, Level.MAJOR) for d in (1, 3)))
    stage.step(20, stage.change("child", "level_down", 20, 3, Level.MINOR))
    told = stage.step(90)
    assert [(one.thing.device, one.change, one.at / S, one.level) for one in told] == [
        (1, "raised", 0, Level.MINOR),
        (3, "raised", 0, Level.MINOR),
        (1, "level_up", 10, Level.MAJOR),
    ]


def test_a_parent_that_decides_later_is_waited_for() -> None:
    stage = Stage([CHILD, replace(PARENT, lateness=60 * S)])
    stage.step(10, stage.change("child", "raised", 10))
    assert stage.step(100) == []
    assert [one.change for one in stage.step(149, stage.change("parent", "raised", 89, device=2))] == [
        "raised",
        "merged",
    ], "the desk must know the parent before it hears what is part of it"


def test_a_buffered_series_in_one_record_comes_out_as_if_it_had_been_live() -> None:
    stage = Stage([CHILD, PARENT])
    stage.step(
        10_000,
        stage.change("parent", "raised", 100, device=2),
        stage.change("parent", "cleared", 400, device=2),
        stage.change("child", "raised", 50),
        stage.change("child", "cleared", 420),
        stage.change("child", "raised", 1000),
        stage.change("child", "cleared", 2000),
        stage.change("child", "raised", 3000),
    )
    assert brief(stage.told) == [
        ("parent", "raised", 100),
        ("child", "merged", 50),
        ("parent", "cleared", 400),
        ("child", "raised", 1000),
        ("child", "cleared", 2000),
        ("child", "raised", 3000),
    ]


def test_when_the_parents_rule_goes_its_children_are_decided_again() -> None:
    stage = Stage([CHILD, PARENT])
    stage.step(0, stage.change("parent", "raised", 0, device=2), stage.change("child", "raised", 0))
    stage.drop("parent")
    assert stage.step(50) == []
    assert brief(stage.step(140)) == [("child", "raised", 50)]


def test_when_the_childs_rule_goes_nothing_is_said() -> None:
    stage = Stage([CHILD, PARENT])
    stage.step(0, stage.change("parent", "raised", 0, device=2), stage.change("child", "raised", 0))
    stage.step(0, stage.change("child", "raised", 0, device=11))
    stage.drop("child")
    assert stage.step(1) == []
    stage.step(2, stage.change("parent", "cleared", 2, device=2))
    assert stage.step(1000) == []
    assert stage.after.state() is None


def test_an_edit_keeps_what_is_held_and_tells_the_new_revision() -> None:
    stage = Stage([CHILD, PARENT])
    stage.step(0, stage.change("child", "raised", 0))
    stage.install(replace(CHILD, revision="2", title={"en": "new"}))
    (raised,) = stage.step(90)
    assert (raised.revision, raised.plan.title_en, raised.at) == ("2", "new", 0)


def test_an_edit_that_takes_inhibit_away_raises_what_was_merged() -> None:
    stage = Stage([CHILD, PARENT])
    stage.step(0, stage.change("parent", "raised", 0, device=2), stage.change("child", "raised", 0))
    stage.step(5, stage.change("child", "raised", 5, device=11))
    stage.install(replace(CHILD, revision="2", inhibit=None))
    told = stage.step(20)
    assert [(one.change, one.thing.device, one.at / S) for one in told] == [("raised", 11, 5), ("raised", 1, 20)]


def test_an_edit_that_ends_all_alarms_says_nothing_of_those_that_were_merged() -> None:
    stage = Stage([CHILD, PARENT])
    stage.step(0, stage.change("parent", "raised", 0, device=2), stage.change("child", "raised", 0))
    end = stage.change("child", "cleared", 20, reason="rule_changed")
    stage.install(replace(CHILD, revision="2", inhibit=None))
    told = stage.step(20, end, stage.change("child", "raised", 20))
    assert [(one.change, one.revision) for one in told] == [("raised", "2")]


def test_a_rule_that_becomes_shadow_is_no_longer_a_parent_of_live_ones() -> None:
    stage = Stage([CHILD, PARENT])
    stage.step(0, stage.change("parent", "raised", 0, device=2), stage.change("child", "raised", 0))
    stage.install(replace(PARENT, revision="2", mode="shadow"))
    stage.step(10, stage.change("parent", "raised", 10, device=2))
    told = stage.step(100)
    assert [(row, one.live) for row, one in zip(brief(told), told, strict=True)] == [(("child", "raised", 10), True)]


def test_rules_that_inhibit_each_other_are_all_told() -> None:
    stage = Stage([rule("a", inhibit=inhibit("b")), rule("b", inhibit=inhibit("c")), rule("c", inhibit=inhibit("a"))])
    told = stage.step(0, *(stage.change(name, "raised", 0) for name in "abc"))
    assert brief(told) == [(name, "raised", 0) for name in "abc"]


def test_a_chain_merges_link_by_link() -> None:
    stage = Stage([rule("a", inhibit=inhibit("b")), rule("b", inhibit=inhibit("c")), rule("c")])
    stage.step(0, *(stage.change(name, "raised", 0) for name in "abc"))
    assert brief(stage.told) == [("c", "raised", 0), ("b", "merged", 0), ("a", "merged", 0)]


def test_in_a_chain_the_note_of_a_child_waits_until_its_parent_is_known() -> None:
    """a by b, b by c: while b waits for c nobody knows b, so nothing can be part of it."""
    rules = [rule("a", inhibit=inhibit("b")), rule("b", inhibit=inhibit("c")), rule("c")]
    alone, joined, over = Stage(rules), Stage(rules), Stage(rules)
    for stage in (alone, joined, over):
        assert stage.step(0, stage.change("b", "raised", 0), stage.change("a", "raised", 0)) == []
    assert brief(alone.step(90)) == [("b", "raised", 0), ("a", "merged", 0)]
    told = joined.step(30, joined.change("c", "raised", 30))
    assert brief(told) == [("c", "raised", 30), ("b", "merged", 0), ("a", "merged", 0)]
    assert [one.parent and one.parent.rule for one in told] == [None, "c", "b"]
    assert over.step(30, over.change("b", "cleared", 30)) == []
    assert brief(over.step(120)) == [("a", "raised", 30)]


def test_a_chain_of_four_whose_middle_waits_survives_a_restart() -> None:
    rules = [
        rule("a", inhibit=inhibit("b")),
        rule("b", inhibit=inhibit("c")),
        rule("c", inhibit=inhibit("d")),
        rule("d"),
    ]
    stage = Stage(rules)
    assert stage.step(0, *(stage.change(name, "raised", 0) for name in "abc")) == []
    told = stage.step(30, stage.change("d", "raised", 30))
    assert brief(told) == [("d", "raised", 30), ("c", "merged", 0), ("b", "merged", 0), ("a", "merged", 0)]


def test_a_group_is_a_parent_and_a_device_of_its_connectors() -> None:
    site = rule("site", group="site")
    gun = rule("gun", inhibit=inhibit("charger", ("device",)))
    stage = Stage([site, rule("charger"), gun, rule("child", inhibit=inhibit("site"))])
    stage.step(0, stage.change("site", "raised", 0, group="S1"), stage.change("child", "raised", 0))
    stage.step(1, stage.change("charger", "raised", 1, device=11))
    stage.step(2, *(stage.change("gun", "raised", 2, device=d, component=1) for d in (11, 12)))
    stage.step(100)
    assert [(one.rule, one.change, one.parent and one.parent.thing) for one in stage.told] == [
        ("site", "raised", None),
        ("child", "merged", Thing(0, 0, "S1")),
        ("charger", "raised", None),
        ("gun", "merged", Thing(11)),
        ("gun", "raised", None),
    ]


def test_a_parent_that_was_on_before_anybody_asked() -> None:
    stage = Stage([PARENT])
    stage.step(0, stage.change("parent", "raised", 0, device=2))
    space = SimpleNamespace(things=[Thing(2), Thing(3)])
    runner = SimpleNamespace(space=space, on=lambda row: (((), 2),) if row == 0 else (), again=lambda row, since: None)
    stage.runners["parent"] = [runner]
    stage.install(CHILD)
    told = stage.step(10, stage.change("child", "raised", 10))
    assert [(one.change, one.parent) for one in told] == [("merged", Parent("parent", Thing(2)))]


def test_a_silence_written_as_an_expression_is_asked_for() -> None:
    stage = Stage([replace(SILENT, condition=Levels(())), PARENT])
    row = stage.world.rows[1]
    runner = SimpleNamespace(space=row.space, on=lambda row: (), again=lambda row, since: since + 40 * S)
    stage.runners["silent"] = [runner]
    stage.step(0, stage.change("parent", "raised", 0, device=2), stage.change("silent", "raised", 0))
    stage.step(100, stage.change("parent", "cleared", 100, device=2))
    assert stage.step(229) == []
    assert brief(stage.step(230)) == [("silent", "raised", 140)]


def test_a_storm_of_ten_thousand_children_is_one_note_each() -> None:
    """S37 at size: one parent, everything behind it silent, then back."""
    stage = Stage([SILENT, PARENT])
    for number in range(100, 10_100):
        stage.world.set_device(replace_device(stage.world.devices[3], number))
    after = stage.after
    after.emitter.add(stage.change("parent", "raised", 0, device=2))
    after.settle(0)
    assert len(after.emitter.finish(1, 0)) == 1
    for number in range(100, 10_100):
        after.emitter.add(stage.change("silent", "raised", 600, device=number))
    after.settle(600 * S)
    assert [one.change for one in after.emitter.finish(2, 0)] == ["merged"] * 10_000
    kept = after.state()
    after.emitter.add(stage.change("parent", "cleared", 1000, device=2))
    after.settle(1000 * S)
    assert len(after.emitter.finish(3, 0)) == 1
    for number in range(100, 10_050):
        after.emitter.add(stage.change("silent", "cleared", 1100, device=number))
    after.settle(1100 * S)
    assert after.emitter.finish(4, 0) == []
    after.settle(1690 * S)
    assert [(one.change, one.at) for one in after.emitter.finish(5, 0)] == [("raised", 1600 * S)] * 50
    assert len(msgspec.msgpack.encode(kept)) < 400 * 10_000
    assert after.state() is None


def replace_device(device: object, number: int) -> object:
    """The same under another number."""
    from msgspec.structs import replace as copy

    return copy(device, id=number, code=f"D{number}")  # type: ignore[type-var]
