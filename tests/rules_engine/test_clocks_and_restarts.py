"""Clocks, restarts and replay (situations S07, S09, S17, S18, S41)."""

from rules_engine.engine_lab import T0, S, bytes_of, charger, rule, told
from rules_engine.past_lab import Gateway, told_of

from gateway.domain.clocks import clamp
from gateway.domain.duration import MINUTE
from gateway.domain.reading import Flag, batch_of
from gateway.domain.record import Tick
from rules.engine import Engine
from rules.format import compile_source

PLAIN = rule('  when: "gun_temp >= 85 degC"', rule_id="plain")
SILENT = rule("  when: {silent: {any_of: [heartbeat], longer_than: 5m}}", "{kind: charger}", "silent")
HOLD = rule('  when: "gun_temp >= 85 degC"\n  hold: {for: 1m, gap: 5m}', rule_id="hold")


def test_s07_one_device_clock_a_day_ahead() -> None:
    gateway = Gateway([PLAIN], [charger(1), charger(2)])
    ahead, wrong = clamp(batch_of([[told(1, "gun_temp", 86_400, 90.0, 1, received=10)]]), 5 * MINUTE)
    assert wrong is not None
    assert ahead.flags[0] & Flag.CLAMPED
    assert told_of(gateway.write(ahead, 10)) == [("raised", 10, False)]
    assert told_of(gateway.read([told(1, "gun_temp", 20, 20.0, 1)], at=20)) == [("cleared", 20, False)]
    assert told_of(gateway.read([told(2, "gun_temp", 20, 90.0, 1)], at=20)) == [("raised", 20, False)]
    assert gateway.engine.counts.late == 0


def test_s09_a_clock_that_steps_back_fires_nothing_twice() -> None:
    gateway = Gateway([SILENT, HOLD], [charger(1)])
    gateway.read([told(1, "heartbeat", 0, 1.0), told(1, "gun_temp", 0, 90.0, 1)], at=0)
    assert told_of(gateway.tick(61)) == [("raised", 60, False)]
    assert gateway.write(Tick(T0 + 3600 * S, suspect=True), 62) == []  # nothing fires while the clock is in doubt
    assert told_of(gateway.tick(301)) == [("raised", 300, False)]
    assert gateway.tick(10) == []
    assert gateway.engine.now == T0 + 301 * S
    assert gateway.tick(302) == []
    gateway.check_replay()


def test_s17_a_restart_while_firing_raises_nothing_again() -> None:
    gateway = Gateway([PLAIN, SILENT], [charger(1)])
    gateway.read([told(1, "gun_temp", 0, 90.0, 1), told(1, "heartbeat", 0, 1.0)], at=0)
    gateway.tick(400)
    assert [one.rule for one in gateway.got] == ["plain", "silent"]
    gateway.engine = Engine.restore(gateway.engine.snapshot(), compile_source)
    assert gateway.tick(500) == []
    assert gateway.read([told(1, "gun_temp", 510, 91.0, 1)], at=510) == []
    new = gateway.read([told(1, "gun_temp", 520, 20.0, 1), told(1, "heartbeat", 520, 1.0)], at=520)
    assert [(one.rule, one.change.value) for one in new] == [("plain", "cleared"), ("silent", "cleared")]


def test_s18_what_is_decided_twice_has_the_same_identity() -> None:
    gateway = Gateway([PLAIN], [charger(1)])
    before = gateway.engine.snapshot()
    gateway.read([told(1, "gun_temp", 0, 90.0, 1)], at=0)
    again = Engine.restore(before, compile_source)  # the snapshot after it was never written
    assert [one.id for one in again.step(gateway.records[-1])] == [one.id for one in gateway.got]


def test_s41_replay_of_the_journal_equals_live_with_everything_in_it() -> None:
    lane = rule('  when: "gun_temp >= 85 degC"\n  lateness: 30s', rule_id="lane")
    streak = rule('  when: {streak: {of: "gun_temp >= 80 degC", length: 3}}', rule_id="streak")
    gateway = Gateway([PLAIN, SILENT, HOLD, lane], [charger(1), charger(2)])
    for k in range(60):
        at = 20 * k
        late = at - 50 if k % 7 == 3 else at
        value = 90.0 if k % 10 < 5 else 20.0
        gateway.read([told(1, "gun_temp", late, value, 1, received=at)], [told(2, "heartbeat", at, 1.0)], at=at)
        gateway.tick(at + 1)
        if k == 30:
            gateway.install(streak, at + 2)
    assert {one.rule for one in gateway.got} == {"plain", "silent", "hold", "lane", "streak"}
    assert any(one.late for one in gateway.got)
    gateway.check_replay()
    assert bytes_of(gateway.got) == bytes_of(gateway.replayed(1))
