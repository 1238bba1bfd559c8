"""Late readings correct what was decided (RULES section 5; S03, S05, S06, S08)."""

import pytest
from depth import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from rules_engine.engine_lab import T0, S, charger, meter, rule, told
from rules_engine.past_lab import Gateway, told_of

from gateway.domain.reading import Reading
from rules.compiled import Rule

HOT = rule('  when: "gun_temp >= 85 degC"\n  hold: {for: 1m, gap: 1m}\n  clear: "gun_temp < 75 degC"', rule_id="hot")
PLAIN = rule('  when: "gun_temp >= 85 degC"', rule_id="plain")
LATCHED = rule('  when: "gun_temp >= 95 degC"\n  auto_clear: false', rule_id="latched")
SILENT = rule("  when: {silent: {any_of: [heartbeat], longer_than: 5m}}", "{kind: charger}", "silent")
STREAK = rule('  when: {streak: {of: "gun_temp >= 80 degC", length: 3}}', rule_id="streak")
BOTH = rule('  when: "gun_temp >= 80 degC and current >= 10 A"', rule_id="both")
LEVELS = rule(
    '  levels:\n    minor: {when: "gun_temp >= 80 degC"}\n    major: {when: "gun_temp >= 90 degC", hold: 40s}',
    rule_id="levels",
)
CALM = rule('  when: "gun_temp >= 90 degC"\n  clear: "gun_temp < 80 degC"\n  clear_hold: 50s', rule_id="calm")
OLD = rule('  when: "age(gun_temp) > 26 h and current >= 10 A"', rule_id="old")
HOURLY = rule(
    '  let: {used: {increase: volume, per: hour}}\n  when: "used >= 5 m3"', "{kind: gas_meter}", rule_id="hourly"
)
ALL = [HOT, PLAIN, LATCHED, SILENT, STREAK, BOTH, LEVELS]


def temp(at: float, value: float, received: float | None = None) -> Reading:
    return told(1, "gun_temp", at, value, 1, received=received)


def test_s05_a_late_reading_raises_late_and_the_counter_shows_it() -> None:
    gateway = Gateway([PLAIN], [charger(1)])
    gateway.read([temp(0, 20)], at=0)
    gateway.read([temp(20, 20)], at=20)
    new = gateway.read([temp(10, 90, 25)], at=25)
    assert told_of(new) == [("raised", 10, True), ("cleared", 20, True)]
    assert new[0].evidence.readings[0].value == 90
    assert new[0].evidence.readings[0].received > new[0].at
    assert gateway.engine.counts.late == 1
    assert gateway.engine.counts.corrected == 1
    assert not gateway.on()
    gateway.check_replay()


def test_a_second_look_reads_from_as_long_ago_as_ages_ask() -> None:
    gateway = Gateway([OLD], [charger(1)], answers=False)
    hours = 3600.0
    gateway.read([temp(0, 20)], at=0)
    gateway.read([temp(hours, float("nan"))], at=hours)
    gateway.read([told(1, "current", 28 * hours, 1, 1)], at=28 * hours)
    gateway.read([told(1, "current", 26.5 * hours, 20, 1, received=29 * hours)], at=29 * hours)
    (wanted,) = gateway.engine.wanted
    assert wanted.start <= T0 + 0.5 * hours * S
    gateway.answers = True
    gateway.give(29 * hours)
    assert told_of(gateway.got) == [("raised", 26.5 * hours, True), ("cleared", 28 * hours, True)]


def test_s06_a_late_reading_withdraws_what_a_hold_had_raised() -> None:
    gateway = Gateway([HOT], [charger(1)])
    gateway.read([temp(0, 90)], at=0)
    gateway.read([temp(60, 90)], at=60)
    assert told_of(gateway.got) == [("raised", 60, False)]
    new = gateway.read([temp(30, 20, 70)], at=70)
    assert told_of(new) == [("withdrawn", 30, True)]
    assert not gateway.on()
    assert told_of(gateway.read([temp(95, 90)], at=95) + gateway.read([temp(120, 90)], at=120)) == [
        ("raised", 120, False)
    ]
    gateway.check_replay()


def test_a_late_reading_that_shows_the_end_clears() -> None:
    gateway = Gateway([HOT], [charger(1)])
    for at in (0, 30, 60):
        gateway.read([temp(at, 90)], at=at)
    gateway.read([temp(90, 80)], at=90)
    assert told_of(gateway.read([temp(80, 70, 100)], at=100)) == [("cleared", 80, True)]
    gateway.check_replay()


def test_a_late_reading_that_shows_no_end_raises_again() -> None:
    both = "{kind: charger, each: connector}"
    on = rule("  when: \"status == 'fault'\"\n  clear: \"status == 'idle' and current < 1 A\"", both, "state")
    gateway = Gateway([on], [charger(1)])
    gateway.read([told(1, "status", 0, 2, 1), told(1, "current", 0, 0.0, 1)], at=0)
    gateway.read([told(1, "status", 20, 0, 1)], at=20)
    assert told_of(gateway.got) == [("raised", 0, False), ("cleared", 20, False)]
    new = gateway.read([told(1, "current", 10, 9.0, 1, received=30)], at=30)
    assert told_of(new) == [("raised", 20, True)]
    assert gateway.on()
    gateway.check_replay()


def test_history_that_does_not_show_what_was_decided_changes_nothing() -> None:
    gateway = Gateway([PLAIN], [charger(1)])
    gateway.read([temp(0, 90)], at=0)
    gateway.batches.clear()  # the store lost it
    gateway.read([temp(20, 90)], at=20)
    gateway.batches.clear()
    assert gateway.read([temp(10, 20, 30)], at=30) == []
    assert gateway.engine.counts.unproven == 1
    assert gateway.on()


def test_beyond_accept_late_it_is_stored_and_never_judged() -> None:
    gateway = Gateway([PLAIN], [charger(1)], accept_late=10_000_000)
    gateway.read([temp(100, 20)], at=100)
    assert gateway.read([temp(10, 90, 101)], at=101) == []
    assert gateway.engine.counts.expired == 1
    assert not gateway.engine.wanted
    gateway.read([temp(95, 90, 101)], at=101)
    assert told_of(gateway.got) == [("raised", 95, True), ("cleared", 100, True)]


def test_what_arrives_before_the_answer_counts() -> None:
    gateway = Gateway([PLAIN], [charger(1)], answers=False)
    gateway.read([temp(0, 20)], at=0)
    gateway.read([temp(20, 20)], at=20)
    gateway.read([temp(10, 90, 25)], at=25)
    history = list(gateway.batches)
    gateway.read([temp(30, 95)], at=30)
    (wanted,) = gateway.engine.wanted
    assert (wanted.device, wanted.seq) == (1, len(gateway.records) - 1)
    gateway.batches = history  # the store was read before the newest reading
    gateway.give(40)
    assert told_of(gateway.got) == [("raised", 30, False), ("raised", 10, True), ("cleared", 20, True)]
    assert [one.episode for one in gateway.got] == [0, T0 + 10 * S, T0 + 10 * S], "a past one, beside the open one"
    assert gateway.on()
    assert told_of(gateway.read([temp(40, 20)], at=41)) == [("cleared", 40, False)]
    gateway.check_replay()


def test_a_device_nobody_watches_asks_for_nothing() -> None:
    gateway = Gateway([PLAIN], [charger(1), meter(7)], answers=False)
    gateway.read([told(7, "volume", 20, 5.0)], at=20)
    gateway.read([told(7, "volume", 10, 4.0, received=21)], at=21)
    assert gateway.engine.counts.late == 1
    assert gateway.engine.wanted == ()


def test_a_second_answer_changes_nothing() -> None:
    gateway = Gateway([PLAIN], [charger(1)])
    gateway.read([temp(0, 20)], at=0)
    gateway.read([temp(20, 20)], at=20)
    gateway.read([temp(10, 90, 25)], at=25)
    assert gateway.write(gateway.records[-1].body, 26) == []


def test_s08_a_silent_device_holds_nobody_back() -> None:
    gateway = Gateway([PLAIN, SILENT], [charger(1), charger(2)])
    gateway.read([told(2, "heartbeat", 0, 1.0)], at=0)
    for at in range(0, 400, 20):
        gateway.read([temp(at, 90 if at == 200 else 20), told(1, "heartbeat", at, 1.0)], at=at)
        gateway.tick(at + 1)
    assert [(t.rule, t.thing.device, t.change.value) for t in gateway.got] == [
        ("plain", 1, "raised"),
        ("plain", 1, "cleared"),
        ("silent", 2, "raised"),
    ]


def test_a_closed_window_is_corrected() -> None:
    gateway = Gateway([HOURLY], [meter(7)])
    for minute in range(0, 60, 10):
        gateway.read([told(7, "volume", minute * 60, 10.0)], at=minute * 60)
    gateway.read([told(7, "volume", 3600, 10.0)], at=3600)
    gateway.read([told(7, "volume", 4200, 16.0)], at=4200)
    assert gateway.got == []
    new = gateway.read([told(7, "volume", 3599, 15.5, received=4300)], at=4300)
    assert told_of(new) == [("raised", 3600, True)]
    gateway.check_replay()


@pytest.mark.parametrize("seed", range(3))
def test_s03_a_buffered_upload_in_one_packet_equals_live(seed: int) -> None:
    readings = [temp(at, 90 if (at // 60 + seed) % 5 < 2 else 20) for at in range(0, 7200, 20)]
    live, packet = Gateway(ALL, [charger(1)]), Gateway(ALL, [charger(1)])
    for one in readings:
        live.read([one], at=(one.at - readings[0].at) / 1e6)
    packet.read(readings, at=7200)
    assert told_of(packet.got) == told_of(live.got)
    assert len(live.got) > 5
    assert packet.engine.counts.late == 0


ROW = st.tuples(
    st.sampled_from(["gun_temp", "current", "heartbeat"]), st.sampled_from([20.0, 76.0, 82.0, 92.0, 97.0])
)  # fmt: skip


@settings(max_examples=examples(25), deadline=None)
@given(
    rows=st.lists(ROW, min_size=4, max_size=24),
    order=st.randoms(use_true_random=False),
    ticks=st.booleans(),
    restart=st.integers(0, 60),
)
def test_any_order_of_delivery_ends_in_the_same_alarms(
    rows: list[tuple[str, float]], order: object, ticks: bool, restart: int
) -> None:
    rules: list[Rule] = [HOT, PLAIN, SILENT, STREAK, BOTH, LEVELS, CALM]
    end = 20 * len(rows)

    def delivered(sequence: list[int], *, ticks: bool) -> Gateway:
        gateway = Gateway(rules, [charger(1)])
        for k, number in enumerate(sequence):
            name, value = rows[number]
            at = end + k  # all of it was buffered
            gateway.read([told(1, name, 20 * number, value, name != "heartbeat", received=at)], at=at)
            if ticks:
                gateway.tick(at + 0.5)
        gateway.tick(3 * end + 600)
        return gateway

    numbers = list(range(len(rows)))
    straight = delivered(numbers, ticks=False)
    order.shuffle(numbers)  # type: ignore[attr-defined]
    shuffled = delivered(numbers, ticks=ticks)
    assert shuffled.on() == straight.on()
    assert _goes_on(shuffled, 3 * end + 700) == _goes_on(straight, 3 * end + 700)
    assert shuffled.replayed(restart % len(shuffled.records)) == shuffled.got


def _goes_on(gateway: Gateway, start: int) -> list[tuple[str, str, int]]:
    """What the rules make of the same readings from here on: do they remember the same?"""
    found = []
    for k, value in enumerate((82.0, 92.0, 92.0, 76.0, 78.0, 92.0, 92.0, 92.0, 20.0, 97.0)):
        at = start + 20 * k
        found += gateway.read([told(1, "gun_temp", at, value, 1)], [told(1, "heartbeat", at, 1.0)], at=at)
        found += gateway.tick(at + 1)
    return [(one.rule, one.change.value, one.at) for one in found]


def test_a_packet_that_comes_after_a_tick_closed_the_window() -> None:
    gateway = Gateway([HOURLY], [meter(7)])
    gateway.read([told(7, "volume", 0, 10.0)], at=0)
    gateway.read([told(7, "volume", 1800, 10.0)], at=1800)
    for at in range(3600, 20000, 600):
        gateway.tick(at)
    packet = [told(7, "volume", at, 10.0 + at / 600, received=20000) for at in range(2400, 20000, 600)]
    gateway.read(packet, at=20000)
    live = Gateway([HOURLY], [meter(7)])
    live.read([told(7, "volume", 0, 10.0)], at=0)
    live.read([told(7, "volume", 1800, 10.0)], at=1800)
    for one in packet:
        live.read([one], at=(one.at - T0) / S)
    assert gateway.on() == live.on()
    assert gateway.on()
    gateway.check_replay()


def test_an_earlier_episode_is_told_beside_the_one_that_is_on() -> None:
    gateway = Gateway([PLAIN], [charger(1)])
    gateway.read([temp(0, 20)], at=0)
    gateway.read([temp(100, 90)], at=100)
    gateway.read([temp(20, 90, 110), temp(40, 20, 110)], at=110)
    assert [(*one, t.episode) for one, t in zip(told_of(gateway.got), gateway.got, strict=True)] == [
        ("raised", 100, False, 0),
        ("raised", 20, True, T0 + 20 * S),
        ("cleared", 40, True, T0 + 20 * S),
    ]
    assert gateway.on()
    assert told_of(gateway.read([temp(120, 20)], at=120)) == [("cleared", 120, False)]
    gateway.check_replay()


def test_a_late_episode_gets_its_true_end_when_that_comes() -> None:
    gateway = Gateway([PLAIN], [charger(1)])
    gateway.read([temp(0, 20)], at=0)
    gateway.read([temp(100, 20)], at=100)
    assert told_of(gateway.read([temp(20, 90, 110)], at=110)) == [("raised", 20, True), ("cleared", 100, True)]
    new = gateway.read([temp(30, 20, 111)], at=111)
    assert told_of(new) == [("cleared", 30, True)]
    assert new[0].episode == T0 + 20 * S
    gateway.check_replay()


def test_a_past_episode_that_never_was_is_withdrawn() -> None:
    gateway = Gateway([PLAIN], [charger(1)])
    gateway.read([temp(0, 20)], at=0)
    gateway.read([temp(10, 90)], at=10)
    gateway.read([temp(20, 20)], at=20)
    new = gateway.read([temp(10, 20, 25)], at=25)
    assert told_of(new) == [("withdrawn", 10, True)]
    assert new[0].episode == T0 + 10 * S
    assert gateway.read([temp(12, 20, 26)], at=26) == []
    gateway.check_replay()
