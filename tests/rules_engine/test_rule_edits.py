"""Edits at run time (RULES section 5; S19-S22), and a thousand of them."""

import gc
import tracemalloc

from rules_engine.engine_lab import charger, rule, told
from rules_engine.past_lab import Gateway, told_of

from gateway.domain.reading import Reading
from gateway.domain.record import RuleRemoved
from rules.compiled import Rule
from rules.compiled.edits import Edit, classify


def hot(limit: int = 85, *, hold: str = "0s", more: str = "", point: str = "gun_temp") -> Rule:
    unit = "degC" if point == "gun_temp" else "A"
    return rule(f'  when: "{point} >= {limit} {unit}"\n  hold: {hold}\n  clear: "{point} < 75 {unit}"{more}')


def firing(one: Rule) -> Gateway:
    gateway = Gateway([one], [charger(1)])
    gateway.read([told(1, "gun_temp", 0, 90.0, 1)], at=0)
    assert told_of(gateway.got) == [("raised", 0, False)]
    return gateway


def test_the_classes_of_edits() -> None:
    old = hot()
    assert classify(old, hot()) is Edit.SAME
    assert classify(old, hot(more="\n  owner: night shift")) is Edit.TEXT
    assert classify(old, hot(86)) is Edit.THRESHOLD
    assert classify(old, hot(hold="1m")) is Edit.THRESHOLD
    assert classify(old, hot(point="current")) is Edit.GENERATION
    assert classify(old, hot(more="\n  lateness: 5s")) is Edit.GENERATION
    assert classify(old, hot(more="\n  mode: shadow")) is Edit.RESTART_SILENT


def test_s19_text_keeps_the_state() -> None:
    gateway = firing(hot())
    assert gateway.install(hot(more="\n  owner: night shift"), 10) == []
    assert told_of(gateway.read([told(1, "gun_temp", 20, 20.0, 1)], at=20)) == [("cleared", 20, False)]
    gateway.check_replay()


def test_s20_a_longer_hold_keeps_firing_until_clear() -> None:
    gateway = firing(hot())
    assert gateway.install(hot(hold="10m"), 10) == []
    assert gateway.read([told(1, "gun_temp", 20, 80.0, 1)], at=20) == []
    assert told_of(gateway.read([told(1, "gun_temp", 30, 20.0, 1)], at=30)) == [("cleared", 30, False)]


def test_s20_a_lower_threshold_is_judged_with_the_last_values() -> None:
    gateway = Gateway([hot(95)], [charger(1)])
    gateway.read([told(1, "gun_temp", 0, 90.0, 1)], at=0)
    assert told_of(gateway.install(hot(85), 10)) == [("raised", 10, False)]


def test_s21_another_scope_closes_with_a_reason() -> None:
    gateway = firing(hot())
    new = gateway.install(
        rule('  when: "gun_temp >= 85 degC"', "{kind: charger, each: connector, where: \"code == 'x'\"}"), 10
    )
    assert [(t.change.value, t.reason) for t in new] == [("cleared", "rule_changed")]
    gateway.check_replay()


def test_s22_deleted_disabled_and_shadow_leave_open_orders_alone() -> None:
    for end in ("gone", "off", "shadow"):
        gateway = firing(hot())
        if end == "gone":
            assert gateway.write(RuleRemoved("r"), 10) == []
        else:
            new = gateway.install(hot(more=f"\n  mode: {end}"), 10)
            assert [t for t in new if t.live] == []
        assert [t for t in gateway.read([_temp(20, 20.0)], at=20) if t.live] == []
        gateway.check_replay()


def _temp(at: float, value: float) -> Reading:
    return told(1, "gun_temp", at, value, 1)


def test_a_thousand_reloads_leak_nothing() -> None:
    gateway = Gateway([hot(), rule('  when: "current >= 1 A"', rule_id="other")], [charger(1)])
    versions = [hot(85), hot(86, hold="1m"), hot(87, point="current"), hot(88, more="\n  lateness: 5s")]

    def reload(times: int) -> None:
        for k in range(times):
            at = len(gateway.records)
            gateway.install(versions[k % 4], at)
            gateway.read([told(1, "gun_temp", at, 20.0, 1)], at=at)
            gateway.records, gateway.got, gateway.batches = gateway.records[-1:], [], []

    reload(40)
    gc.collect()
    tracemalloc.start()
    before, objects = tracemalloc.get_traced_memory()[0], len(gc.get_objects())
    reload(1000)
    gc.collect()
    grown, more = tracemalloc.get_traced_memory()[0] - before, len(gc.get_objects()) - objects
    tracemalloc.stop()
    assert grown < 200_000
    assert more < 500
