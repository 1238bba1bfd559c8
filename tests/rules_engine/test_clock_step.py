"""The gateway's clock is set back while rules run: alarms stay, timers go on at the true time, replay equals live."""

from collections.abc import Iterator
from random import Random

import pytest
from depth import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from row_by_row import RowEngine
from rules_engine.engine_lab import T0, S, bytes_of, charger, meter, rule, told
from rules_engine.forms_lab import MORE
from rules_engine.past_lab import Gateway, told_of

from gateway.domain.alarm import Transition
from gateway.domain.reading import Reading
from gateway.domain.record import ClockStep, Down
from rules.compiled import Rule
from rules.engine import Engine
from rules.format import compile_source

DAY = 86_400
PLAIN = rule('  when: "gun_temp >= 85 degC"', rule_id="plain")
HOLD = rule('  when: "gun_temp >= 85 degC"\n  hold: {for: 1m, gap: 5m}', rule_id="hold")
SILENT = rule("  when: {silent: {any_of: [heartbeat], longer_than: 5m}}", "{kind: charger}", "silent")
STREAK = rule('  when: {streak: {of: "gun_temp >= 80 degC", length: 3}}', rule_id="streak")
VOTES = rule('  when: {votes: {of: "gun_temp >= 80 degC", need: 2, last: 3}}', rule_id="votes")
SEQUENCE = rule(
    '  when:\n    sequence:\n    - {see: "gun_temp >= 85 degC", as: hot}\n    - {not_see: "current > 1 A", within: 2m}',
    rule_id="sequence",
)
SLIDING = rule('  let: {m: {mean: gun_temp, over: 10m}}\n  when: "m >= 85 degC"', rule_id="sliding")
GROUP = rule('  when:\n    members: {of: "gun_temp >= 85 degC", at_least: 2}', "{kind: charger, group: site}", "group")
LANE = rule('  when: "gun_temp >= 85 degC"\n  lateness: 30s', rule_id="lane")
MONTHLY = rule('  let: {used: {increase: volume, over: 1d}}\n  when: "used >= 5 m3"', "{kind: gas_meter}", "used")
FLAP = rule('  when: "gun_temp >= 85 degC"\n  flap: {raises: 2, in: 10m, quiet: 5m}', rule_id="flap")


def back(gateway: Gateway, frm: float, to: float) -> list[Transition]:
    """The clock is set from `frm` to `to`, seconds after T0; no history is handed out that is later than it."""
    gateway.batches = [one.select(one.at <= T0 + round(to * S)) for one in gateway.batches]
    return gateway.write(ClockStep(T0 + round(frm * S), T0 + round(to * S)), to)


def hot(at: float, value: float = 90.0, device: int = 1) -> list[Reading]:
    return [told(device, "gun_temp", at, value, 1)]


def test_a_raised_alarm_stays_and_clears_at_the_true_time() -> None:
    gateway = Gateway([PLAIN], [charger(1)])
    assert told_of(gateway.read(hot(3600), at=3600)) == [("raised", 3600, False)]
    assert back(gateway, 3610, 10) == []
    assert gateway.read(hot(20, 91), at=20) == []
    assert told_of(gateway.read(hot(30, 20), at=30)) == [("cleared", 30, False)]
    assert gateway.engine.counts.late == 0
    gateway.check_replay()


def test_a_reading_of_now_raises_at_once_after_a_month_ahead() -> None:
    gateway = Gateway([PLAIN], [charger(1)])
    gateway.write(Down(T0, T0 + 30 * DAY * S), 30 * DAY)
    gateway.read(hot(30 * DAY + 1, 20), at=30 * DAY + 1)
    back(gateway, 30 * DAY + 2, 12)
    assert told_of(gateway.read(hot(13), at=13)) == [("raised", 13, False)]
    gateway.check_replay()


def test_a_hold_that_began_ahead_of_time_counts_from_the_step() -> None:
    gateway = Gateway([HOLD], [charger(1)])
    gateway.read(hot(3600), at=3600)
    back(gateway, 3610, 10)
    gateway.read(hot(40), at=40)
    assert gateway.tick(69) == []
    assert told_of(gateway.tick(70)) == [("raised", 70, False)]
    gateway.check_replay()


def test_a_silence_counts_from_the_step_and_no_storm_comes_of_it() -> None:
    gateway = Gateway([SILENT], [charger(n) for n in range(1, 21)])
    gateway.read(*[[told(n, "heartbeat", 3600, 1.0)] for n in range(1, 21)], at=3600)
    assert back(gateway, 3601, 1) == []
    assert gateway.tick(300) == []
    gateway.read(*[[told(n, "heartbeat", 300, 1.0)] for n in range(2, 21)], at=300)
    (only,) = gateway.tick(302)
    assert (only.thing.device, (only.at - T0) / S) == (1, 301)
    gateway.check_replay()


def test_a_device_that_was_registered_ahead_of_time_falls_silent_all_the_same() -> None:
    from msgspec.structs import replace

    gateway = Gateway([SILENT], [replace(charger(1), registered=T0 + 30 * DAY * S)])
    gateway.tick(30 * DAY + 1)
    back(gateway, 30 * DAY + 2, 0)
    assert told_of(gateway.tick(301)) == [("raised", 300, False)]


def test_windows_begin_anew_from_stored_history_and_the_alarm_stays() -> None:
    gateway = Gateway([SLIDING], [charger(1)])
    for at in range(0, 1200, 30):
        gateway.read(hot(at), at=at)
    gateway.tick(1200)
    assert [one.change.value for one in gateway.got] == ["raised"]
    for at in range(4800, 5400, 30):
        gateway.read(hot(at), at=at)
    assert back(gateway, 5400, 1205) == [], "nothing is said: by its history it is on"
    assert not gateway.engine.evaluators.main.installed.standing
    assert gateway.on() == {("sliding", gateway.got[0].thing, ())}
    for at in range(1210, 2000, 30):
        gateway.read(hot(at, 20), at=at)
    assert [one.change.value for one in gateway.got] == ["raised", "cleared"]
    gateway.check_replay()


def test_an_alarm_that_history_does_not_bear_out_ends_with_a_reason() -> None:
    gateway = Gateway([SLIDING], [charger(1)])
    gateway.read(hot(0, 20), at=0)
    for at in range(3600, 4800, 30):
        gateway.read(hot(at), at=at)
    gateway.tick(4800)
    assert [one.change.value for one in gateway.got] == ["raised"]
    (end,) = back(gateway, 4800, 60)
    assert (end.change.value, end.reason, (end.at - T0) / S) == ("cleared", "clock_set_back", 60)
    gateway.check_replay()


def test_a_restart_while_a_rule_waits_for_its_history_keeps_its_alarms_standing() -> None:
    gateway = Gateway([SLIDING], [charger(1)])
    for at in range(0, 1200, 30):
        gateway.read(hot(at), at=at)
    gateway.tick(1200)
    gateway.answers = False
    back(gateway, 1200, 600)
    assert gateway.engine.wanted
    gateway.engine = Engine.restore(gateway.engine.snapshot(), compile_source)
    assert gateway.engine.evaluators.main.installed.standing
    before = len(gateway.got)
    gateway.give(600)
    assert gateway.got[before:] == []
    assert not gateway.engine.evaluators.main.installed.standing
    gateway.check_replay()


def test_a_group_keeps_its_alarm() -> None:
    from gateway.domain.device import Site

    gateway = Gateway([GROUP], [charger(n, site="s") for n in (1, 2, 3)], [Site("s", "s")])
    gateway.read(hot(3600, device=1), hot(3600, device=2), at=3600)
    assert told_of(gateway.got) == [("raised", 3600, False)]
    assert back(gateway, 3600, 60) == []
    cold = [[told(n, "gun_temp", 70, 20, component) for component in (1, 2)] for n in (2, 3)]
    assert told_of(gateway.read(*cold, at=70)) == [("cleared", 70, False)]
    gateway.check_replay()


def test_an_unstable_alarm_becomes_quiet_at_the_true_time() -> None:
    gateway = Gateway([FLAP], [charger(1)])
    for k in range(8):
        gateway.read(hot(3600 + 10 * k, 90 if k % 2 == 0 else 20), at=3600 + 10 * k)
    assert gateway.got[-1].unstable
    assert gateway.got[-1].change.value == "raised"
    before = len(gateway.got)
    back(gateway, 3700, 100)
    assert gateway.tick(399) == []
    gateway.tick(400)
    assert told_of(gateway.got[before:]) == [("cleared", 400, False)]
    gateway.check_replay()


def test_a_lane_gives_up_waiting_and_goes_on() -> None:
    gateway = Gateway([LANE], [charger(1)])
    gateway.read(hot(3600), at=3600)
    assert [one.change.value for one in back(gateway, 3610, 10)] == ["raised"]
    gateway.read(hot(20, 20), at=20)
    assert told_of(gateway.tick(50)) == [("cleared", 20, False)]
    gateway.check_replay()


@pytest.mark.parametrize("step", [ClockStep(T0, T0 + 3600 * S), ClockStep(T0 + 100 * S, T0, waits=True)])
def test_a_step_forward_or_one_that_waits_changes_nothing(step: ClockStep) -> None:
    gateway = Gateway([PLAIN, HOLD, SILENT], [charger(1)])
    gateway.read(hot(0), at=0)
    gateway.tick(30)
    before = gateway.engine.snapshot()
    assert gateway.write(step, 30) == []
    assert gateway.engine.now == T0 + 30 * S
    assert len(gateway.on()) == 1
    restored = Engine.restore(before, compile_source)
    assert [one.state() for one in restored.evaluators.main.installed.all()].__repr__() == [
        one.state() for one in gateway.engine.evaluators.main.installed.all()
    ].__repr__()


@pytest.mark.parametrize("restart", [False, True])
def test_a_silence_does_not_count_what_a_step_forward_skips(restart: bool) -> None:
    gateway = Gateway([SILENT], [charger(1), charger(2), charger(3)])
    gateway.read(*[[told(n, "heartbeat", 0, 1.0)] for n in (1, 2)], at=0)
    gateway.tick(60)
    far = 20 * 365 * DAY
    gateway.write(Down(T0 + 60 * S, T0 + (far + 60) * S), far + 60)
    gateway.write(ClockStep(T0 + 60 * S, T0 + (far + 60) * S), far + 60)
    if restart:
        gateway.engine = Engine.restore(gateway.engine.snapshot(), compile_source)
    assert gateway.tick(far + 299) == []
    gateway.read([told(2, "heartbeat", far + 299, 1.0)], at=far + 299)
    assert [(one.thing.device, (one.at - T0) / S) for one in gateway.tick(far + 300)] == [
        (1, far + 300),
        (3, far + 300),
    ]
    gateway.read([told(1, "heartbeat", far + 310, 1.0)], at=far + 310)
    assert told_of(gateway.got[-1:]) == [("cleared", far + 310, False)]
    gateway.check_replay()


RULES = [PLAIN, HOLD, SILENT, STREAK, VOTES, SEQUENCE, SLIDING, GROUP, LANE, MONTHLY, FLAP]
ACTS = st.lists(
    st.tuples(
        st.sampled_from(["hot", "cold", "beat", "volume", "tick", "back", "far"]),
        st.integers(1, 2),
        st.integers(0, 200),
    ),
    min_size=5,
    max_size=40,
)


def _acts(acts: list[tuple[str, int, int]]) -> Iterator[tuple[str, int, float, float]]:
    """(what, device, now, clock before it), seconds."""
    now = 1000.0
    for what, device, wait in acts:
        before = now
        now += {"back": -700, "far": 30 * DAY}.get(what, wait)
        now = max(now, 1.0)
        yield what, device, now, before


def _play(acts: list[tuple[str, int, int]], rules: list[Rule]) -> Gateway:
    from gateway.domain.device import Site

    gateway = Gateway(rules, [charger(1, site="s"), charger(2, site="s"), meter(3)], [Site("s", "s")])
    for what, device, now, before in _acts(acts):
        match what:
            case "hot" | "cold":
                gateway.read(hot(now, 90 if what == "hot" else 20, device), at=now)
            case "beat":
                gateway.read([told(device, "heartbeat", now, 1.0), told(device, "current", now, 2.0, 1)], at=now)
            case "volume":
                gateway.read([told(3, "volume", now, float(device * 3))], at=now)
            case "tick":
                gateway.tick(now)
            case "back" if now < before:
                back(gateway, before, now)
            case "far":
                gateway.write(ClockStep(T0 + round(before * S), T0 + round(now * S)), now)
            case _:
                gateway.write(Down(T0 + round(before * S), T0 + round(now * S)), now)
    return gateway


@settings(max_examples=examples(25))
@given(ACTS)
def test_replay_and_a_restart_anywhere_equal_live_across_steps(acts: list[tuple[str, int, int]]) -> None:
    gateway = _play(acts, RULES)
    gateway.check_replay()
    now = gateway.records[-1].at
    for core in gateway.engine.evaluators:
        for space in core.context.world.space_list:
            assert (space.newest[: len(space)] <= max(now, gateway.engine.now)).all()
    on: set[tuple[object, ...]] = set()
    for one in gateway.got:  # raised only when off, ended only when on
        key = (one.rule, one.thing, one.identity)
        if one.episode or one.rule == "flap":
            continue
        if one.change.value == "raised":
            assert key not in on
            on.add(key)
        elif one.change.value in ("cleared", "withdrawn"):
            assert key in on
            on.remove(key)


@settings(max_examples=examples(25))
@given(ACTS)
def test_columns_and_scalars_agree_across_steps(acts: list[tuple[str, int, int]]) -> None:
    gateway = _play(acts, [PLAIN, HOLD, SILENT, STREAK, VOTES, SEQUENCE, LANE])
    scalar = RowEngine(0, compile_source, "lab", accept_late=gateway.accept_late)
    got = [one for record in gateway.records for one in scalar.step(record)]
    assert bytes_of(got) == bytes_of(gateway.got)


@settings(max_examples=3)
@given(st.randoms(use_true_random=False))
def test_every_form_goes_on_across_steps(draw: Random) -> None:
    """Windows, plans, peers, groups, what comes after, lateness: nothing begins or ends twice, replay agrees."""
    near, far = {"plot": "a", "insured": "2026-01-03"}, {"plot": "b"}
    gateway = Gateway(MORE, [charger(1, attrs=near), charger(2, attrs=near), charger(3, attrs=far), meter(4)])
    now, volume = 1000.0, 0.0
    for _ in range(30):
        before, turn = now, draw.random()
        if turn < 0.1:
            now += draw.choice([700, 3600, 30 * DAY])
            gateway.write(Down(T0 + round(before * S), T0 + round(now * S)), now)
            gateway.write(ClockStep(T0 + round(before * S), T0 + round(now * S)), now)
        elif turn < 0.2:
            now = max(1.0, now - draw.choice([400, 3600, 30 * DAY]))
            back(gateway, before, now)
        elif turn < 0.6:
            now += draw.choice([1, 10, 60, 900])
            device = draw.choice([1, 2, 3])
            frame = hot(now, draw.choice([20.0, 78.0, 90.0]), device)
            frame += [told(device, "ambient", now, draw.choice([20.0, 35.0])), told(device, "heartbeat", now, 1.0)]
            gateway.read(frame, at=now)
        elif turn < 0.8:
            now += draw.choice([10, 300])
            volume += draw.choice([0.0, 0.5, 3.0])
            gateway.read([told(4, "volume", now, volume)], at=now)
        else:
            now += draw.choice([1, 60, 3600])
            gateway.tick(now)
    assert bytes_of(gateway.replayed(len(gateway.records) // 2)) == bytes_of(gateway.got)
    on: set[tuple[object, ...]] = set()
    for one in gateway.got:
        key = (one.rule, one.thing, one.identity)
        if one.episode or one.late or one.rule.startswith("x."):
            continue
        if one.change.value == "raised":
            assert key not in on, one
            on.add(key)
        elif one.change.value in ("cleared", "withdrawn"):
            assert key in on, one
            on.remove(key)
