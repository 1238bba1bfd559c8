"""Whatever conditions do: the desk hears of each alarm in a sensible order, and a calm stage holds nothing."""

from after_lab import Stage, brief, flap, inhibit, rule
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.alarm import Level, Transition

RULES = (
    rule("p"),
    rule("child", inhibit=inhibit("p", settle=20)),
    rule("flappy", flap=flap(raises=1, span=60, quiet=30)),
    rule("both", silent=40, inhibit=inhibit("child", settle=10), flap=flap(raises=1, span=80, quiet=15)),
)
Turn = tuple[int, str, int, bool]


@st.composite
def turns(draw: st.DrawFn) -> list[Turn]:
    """(seconds that pass, rule, device, does its level change instead)."""
    return draw(
        st.lists(
            st.tuples(
                st.sampled_from((0, 0, 1, 5, 15, 25, 70)),
                st.sampled_from([one.id for one in RULES]),
                st.sampled_from((1, 2, 11)),
                st.sampled_from((False, False, True)),
            ),
            max_size=40,
        )
    )


def played(stage: Stage, script: list[Turn], together: int = 1) -> list[Transition]:
    """Each turn switches the condition of an alarm, `together` turns in one record; then all is off, and quiet."""
    on: dict[tuple[str, int], Level] = {}
    now, changes = 0, []
    for number, (passed, name, device, level) in enumerate(script):
        now += passed
        was = on.get((name, device))
        if was is None:
            on[name, device] = Level.MINOR
            changes.append(stage.change(name, "raised", now, device))
        elif level:
            on[name, device] = Level.MAJOR if was is Level.MINOR else Level.MINOR
            change = "level_up" if was is Level.MINOR else "level_down"
            changes.append(stage.change(name, change, now, device, on[name, device]))
        else:
            del on[name, device]
            changes.append(stage.change(name, "cleared", now, device, was))
        if number % together == together - 1:
            stage.step(now, *changes)
            changes = []
    stage.step(now, *changes)
    now += 30
    stage.step(now, *(stage.change(name, "cleared", now, device, level) for (name, device), level in on.items()))
    for _ in range(6):
        now += 100
        stage.step(now)
    return stage.told


@settings(max_examples=60, derandomize=True, deadline=None)
@given(turns(), st.integers(1, 7))
def test_each_alarm_is_told_in_a_sensible_order_and_is_over_in_the_end(script: list[Turn], together: int) -> None:
    stage = Stage(RULES)
    open_: dict[tuple[str, object], Level] = {}
    last: dict[tuple[str, object], int] = {}
    for one in played(stage, script, together):
        key = (one.rule, one.thing)
        if one.change == "merged":
            assert key not in open_, "told of by itself, and part of another's episode"
            assert one.parent is not None
            continue
        assert one.at >= last.get(key, 0)
        last[key] = one.at
        if one.change == "raised":
            assert key not in open_
            open_[key] = one.level
        elif one.change == "cleared":
            assert open_.pop(key) == one.level
        else:
            assert (one.level > open_[key]) == (one.change == "level_up")
            open_[key] = one.level
    assert not open_
    assert stage.after.state() is None


@settings(max_examples=30, derandomize=True, deadline=None)
@given(turns())
def test_the_order_of_rules_and_of_changes_in_a_record_is_irrelevant(script: list[Turn]) -> None:
    forth, back = Stage(RULES), Stage(RULES[::-1])
    for stage, step in ((forth, 1), (back, -1)):
        once: dict[tuple[int, str, int], None] = {}
        now = 0
        for passed, name, device, _ in script:
            now += passed
            once[now, name, device] = None
        on: set[tuple[str, int]] = set()
        for at in sorted({at for at, _, _ in once}):
            here = sorted({(name, device) for when, name, device in once if when == at})[::step]
            made = [stage.change(n, "cleared" if (n, d) in on else "raised", at, d) for n, d in here]
            on ^= set(here)
            stage.step(at, *made)
        stage.step(now + 500)
    assert brief(forth.told) == brief(back.told)
    assert [one.parent for one in forth.told] == [one.parent for one in back.told]
