"""`flap`: one unstable episode until quiet (RULES section 5; S39)."""

from dataclasses import replace

import pytest
from after_lab import S, Stage, brief, flap, inhibit, rule

from gateway.domain.alarm import Level, Transition

FLAPPY = rule("r", flap=flap(raises=2, span=600, quiet=300))


def on_off(stage: Stage, *times: float) -> list[Transition]:
    """Raised for five seconds at each of these times."""
    before = len(stage.told)
    for at in times:
        stage.step(at, stage.change("r", "raised", at))
        stage.step(at + 5, stage.change("r", "cleared", at + 5))
    return stage.told[before:]


def test_more_raises_than_allowed_are_one_unstable_episode_until_quiet() -> None:
    """S39."""
    stage = Stage([FLAPPY])
    on_off(stage, 0, 100, 200, 300, 400)
    assert brief(stage.told) == [
        ("r", "raised", 0),
        ("r", "cleared", 5),
        ("r", "raised", 100),
        ("r", "cleared", 105),
        ("r", "raised", 200),
    ]
    assert [(one.unstable, one.count) for one in stage.told] == [(False, 1)] * 4 + [(True, 3)]
    assert stage.after.next_due() == 705 * S
    assert stage.step(704) == []
    (end,) = stage.step(710)
    assert (end.change, end.at, end.unstable, end.count) == ("cleared", 705 * S, True, 5)
    assert end.evidence.condition == "r cleared 405"
    assert stage.after.state() is None


def test_as_many_as_allowed_are_not_unstable() -> None:
    stage = Stage([FLAPPY])
    assert [one.unstable for one in on_off(stage, 0, 300, 600, 900, 1200)] == [False] * 10


def test_it_is_not_over_while_the_condition_holds() -> None:
    stage = Stage([FLAPPY])
    on_off(stage, 0, 10)
    stage.step(20, stage.change("r", "raised", 20))
    assert stage.step(5000) == []
    assert stage.step(5001, stage.change("r", "cleared", 5001)) == []
    assert brief(stage.step(5301)) == [("r", "cleared", 5301)]


def test_the_next_raise_after_quiet_begins_anew_also_when_no_tick_came() -> None:
    stage = Stage([FLAPPY])
    on_off(stage, 0, 10, 20)
    told = stage.step(30, stage.change("r", "raised", 400))
    assert [(one.change, one.at / S, one.unstable) for one in told] == [("cleared", 325, True), ("raised", 400, False)]


def test_a_raise_at_the_last_moment_of_quiet_goes_on() -> None:
    stage = Stage([FLAPPY])
    on_off(stage, 0, 10, 20)
    assert stage.step(325, stage.change("r", "raised", 325)) == []
    assert stage.step(326, stage.change("r", "cleared", 326)) == []
    (end,) = stage.step(626)
    assert (end.at, end.count) == (626 * S, 4)


def test_levels_pass_and_so_does_another_level_of_a_silent_raise() -> None:
    stage = Stage([FLAPPY])
    on_off(stage, 0, 10)
    stage.step(20, stage.change("r", "raised", 20))
    stage.step(21, stage.change("r", "level_up", 21, level=Level.CRITICAL))
    stage.step(22, stage.change("r", "cleared", 22, level=Level.CRITICAL))
    stage.step(30, stage.change("r", "raised", 30, level=Level.MAJOR))
    stage.step(31, stage.change("r", "cleared", 31, level=Level.MAJOR))
    stage.step(900)
    assert [(one.change, one.level, one.count) for one in stage.told[4:]] == [
        ("raised", Level.MINOR, 3),
        ("level_up", Level.CRITICAL, 3),
        ("level_down", Level.MAJOR, 4),
        ("cleared", Level.MAJOR, 4),
    ]


@pytest.mark.parametrize("reason", ["rule_changed", "out_of_scope", "retired", "closed", "renewed"])
def test_an_end_that_is_no_recovery_ends_it_at_once(reason: str) -> None:
    stage = Stage([FLAPPY])
    on_off(stage, 0, 10)
    stage.step(20, stage.change("r", "raised", 20))
    (end,) = stage.step(30, stage.change("r", "cleared", 30, reason=reason))
    assert (end.at, end.reason, end.unstable) == (30 * S, reason, True)
    assert stage.after.state() is None


def test_a_withdrawn_raise_does_not_count() -> None:
    stage = Stage([FLAPPY])
    on_off(stage, 0)
    stage.step(10, stage.change("r", "raised", 10))
    stage.step(11, stage.change("r", "withdrawn", 10))
    assert [one.unstable for one in on_off(stage, 20, 700)] == [False] * 4


def test_each_thing_and_identity_flaps_for_itself() -> None:
    stage = Stage([FLAPPY])
    for at, (device, identity) in enumerate([(1, ("a",)), (1, ("b",)), (2, ("a",))] * 2):
        stage.step(at, stage.change("r", "raised", at, device, identity=identity))
        stage.step(at, stage.change("r", "cleared", at, device, identity=identity))
    assert not any(one.unstable for one in stage.told)
    (third,) = stage.step(9, stage.change("r", "raised", 9, 1, identity=("a",)))
    assert (third.unstable, third.identity) == (True, ("a",))


def test_old_raises_are_forgotten() -> None:
    stage = Stage([FLAPPY])
    on_off(stage, 0)
    assert stage.after.state() is not None
    stage.step(600)
    assert stage.after.state() is None


def test_a_deleted_rule_is_forgotten_and_an_edit_of_flap_ends_what_only_waited_for_quiet() -> None:
    stage = Stage([FLAPPY])
    on_off(stage, 0, 10, 20)
    stage.install(replace(FLAPPY, revision="2", title={"en": "new"}))
    assert stage.step(30) == []
    stage.install(replace(FLAPPY, revision="3", title={"en": "new"}, flap=flap(raises=9)))
    (end,) = stage.step(40)
    assert (end.change, end.at, end.plan.title_en) == ("cleared", 40 * S, "new")
    on_off(stage, 50, 60, 70)
    stage.drop("r")
    assert stage.step(9999) == []
    assert stage.after.state() is None


def test_children_that_merge_do_not_flap() -> None:
    stage = Stage([replace(FLAPPY, inhibit=inhibit("p", settle=1)), rule("p")])
    stage.step(0, stage.change("p", "raised", 0, device=2))
    told = on_off(stage, 0, 10, 20, 30)
    assert {one.change for one in told} == {"merged"}
    stage.step(40, stage.change("p", "cleared", 40, device=2))
    assert [one.unstable for one in on_off(stage, 50, 60)] == [False] * 4
