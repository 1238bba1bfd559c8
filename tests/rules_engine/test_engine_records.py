"""What single records do: evidence, order of transitions, imports, snapshots, frames."""

import dataclasses

import pytest
from engine_lab import POINTS, STATES, T0, Lab, S, brief, bytes_of, charger, meter, rule, run, told
from msgspec.structs import replace

from gateway.cli.bench.rules import run_rules_bench
from gateway.domain.alarm import ReadingSeen, Thing, ThresholdSeen
from gateway.domain.device import Customer, Site
from gateway.domain.reading import Flag, batch_of
from gateway.domain.record import CustomerSet, DeviceSet, ImportMark, Record, RuleRemoved, RuleSet, SiteSet, Tick
from rules.engine import Engine, SnapshotError
from rules.engine.conditions.threshold_index import ThresholdIndex
from rules.format import compile_source

HOT = rule("  when: \"gun_temp >= attr('trip', 85 degC) and status != 'idle'\"", rule_id="hot")
PLAIN = rule('  when: "gun_temp >= 85 degC"', rule_id="plain")


def test_evidence_names_readings_and_where_the_threshold_came_from() -> None:
    lab = Lab([HOT], [charger(1, attrs={"trip": "176 degF"})])
    lab.read([told(1, "status", 0, STATES.index("charging"), 2, received=1)])
    (raised,) = lab.read([told(1, "gun_temp", 5, 80.5, 2, received=7)])
    assert raised.thing == Thing(1, 2)
    assert (raised.at, raised.decided) == (T0 + 5 * S, T0 + 5 * S)
    assert set(raised.evidence.readings) == {
        ReadingSeen("gun_temp", 80.5, "degC", T0 + 5 * S, T0 + 7 * S, 2),
        ReadingSeen("status", "charging", "", T0, T0 + S, 2),
    }
    (threshold,) = (one for one in raised.evidence.thresholds if one.origin != "rule")
    assert threshold == ThresholdSeen(threshold.value, "degC", "attr device trip")
    assert threshold.value == pytest.approx(80)
    assert raised.plan.order is not None
    assert (raised.plan.title_zh, raised.plan.order.fault) == ("题", "hot")


def test_attributes_are_looked_up_device_site_customer_default() -> None:
    lab = Lab([HOT], [charger(1, site="S", customer="K")], [Site("S")])
    lab.read([told(1, "status", 0, 1.0, 1), told(1, "gun_temp", 0, 84.0, 1)])
    assert brief(lab.got) == []
    lab.write(CustomerSet(Customer("K", attrs={"trip": "80 degC"})), 1)
    lab.write(SiteSet(Site("S", attrs={"trip": "90 degC"})), 2)
    lab.write(DeviceSet(charger(1, site="S", customer="K", attrs={"trip": 70.0})), 3)
    assert brief(lab.got) == [("raised", 1), ("cleared", 2), ("raised", 3)]
    assert [one.evidence.thresholds[0].origin for one in lab.got] == [
        "attr customer trip",
        "attr site trip",
        "attr device trip",
    ]


def test_transitions_come_by_time_then_rule_then_thing() -> None:
    other = rule('  when: "gun_temp >= 80 degC"', rule_id="another")
    lab = Lab([PLAIN, other], [charger(2), charger(1)])
    got = lab.read(*[[told(d, "gun_temp", at, 90.0, c)] for d, c, at in ((2, 1, 5), (2, 2, 5), (1, 2, 3), (1, 1, 5))])
    assert [(one.at - T0, one.rule, one.thing.device, one.thing.component) for one in got] == sorted(
        (one.at - T0, one.rule, one.thing.device, one.thing.component) for one in got
    )
    assert [one.ordinal for one in got] == list(range(8))
    assert len({one.id for one in got}) == 8


def test_a_device_reading_is_its_connectors_reading_too() -> None:
    warm = rule('  when: "gun_temp - ambient > 40 degC"', rule_id="warm")
    lab = Lab([warm], [charger(1)])
    lab.read([told(1, "gun_temp", 0, 80.0, 1), told(1, "gun_temp", 0, 60.0, 2)])
    got = lab.read([told(1, "ambient", 5, 15.0)])
    assert [one.thing.component for one in got] == [1, 2]


def test_a_buffered_series_in_one_frame_is_judged_moment_by_moment() -> None:
    held = rule('  when: "gun_temp >= 85 degC"\n  hold: 20s', rule_id="held")
    lab = Lab([held], [charger(1)])
    got = lab.read([told(1, "gun_temp", at, 90.0 if at < 40 else 20.0, 1, received=99) for at in range(0, 60, 10)])
    assert brief(got) == [("raised", 20), ("cleared", 40)]


def test_after_an_import_nothing_waits_for_its_end() -> None:
    held = rule('  when: "gun_temp >= 85 degC"\n  hold: {for: 20s, gap: 1h}', rule_id="held")
    lab = Lab([held], [charger(1)])
    lab.write(ImportMark("i1", "history.csv", done=False))
    lab.read([told(1, "gun_temp", 0, 90.0, 1, flags=Flag.IMPORTED)])
    lab.write(ImportMark("i1", "history.csv", done=True), 10)
    lab.write(Tick(T0 + 30 * S), 30)
    assert [(one.rule, one.imported) for one in lab.got] == [("held", False)]
    assert bytes_of(run(lab.records, restart_at=len(lab.records) - 2)) == bytes_of(lab.got)


def test_imported_history_is_marked() -> None:
    held = rule('  when: "gun_temp >= 85 degC"\n  hold: {for: 20s, gap: 1h}', rule_id="held")
    lab = Lab([PLAIN, held], [charger(1)])
    lab.write(ImportMark("i1", "history.csv", done=False))
    lab.read([told(1, "gun_temp", 0, 90.0, 1, flags=Flag.IMPORTED)])
    lab.write(Tick(T0 + 30 * S), 30)
    assert [(one.rule, one.imported) for one in lab.got] == [("plain", True), ("held", True)]
    lab.read([told(1, "gun_temp", 40, 20.0, 1)])
    assert [one.imported for one in lab.got[2:]] == [False, False]
    before = len(lab.got)
    lab.read([told(1, "gun_temp", 35, 90.0, 1, flags=Flag.IMPORTED)])
    assert len(lab.got) == before
    assert lab.engine is not None
    assert lab.engine.counts.late == 1


def test_a_suspect_tick_fires_nothing() -> None:
    held = rule('  when: "gun_temp >= 85 degC"\n  hold: {for: 20s, gap: 1h}', rule_id="held")
    lab = Lab([held], [charger(1)])
    lab.read([told(1, "gun_temp", 0, 90.0, 1)])
    assert lab.engine is not None
    assert lab.engine.next_due() == T0 + 20 * S
    assert lab.write(Tick(T0 + 30 * S, suspect=True), 30) == []
    assert brief(lab.write(Tick(T0 + 31 * S), 31)) == [("raised", 20)]


def test_a_deleted_rule_says_nothing_and_forgets() -> None:
    lab = Lab([PLAIN], [charger(1)])
    lab.read([told(1, "gun_temp", 0, 90.0, 1)])
    assert lab.write(RuleRemoved("plain"), 1) == []
    assert lab.read([told(1, "gun_temp", 2, 20.0, 1)]) == []
    assert brief(lab.install(PLAIN, 3)) == []


def test_records_of_the_past_and_unknown_devices_change_nothing() -> None:
    lab = Lab([PLAIN], [charger(1)])
    assert lab.engine is not None
    assert lab.read([told(9, "gun_temp", 0, 90.0, 1)]) == []
    assert lab.engine.counts.unknown == 1
    assert lab.engine.step(Record(1, T0, batch_of([[told(1, "gun_temp", 0, 90.0, 1)]]))) == []
    assert lab.read([dataclasses.replace(told(1, "gun_temp", 1, 90.0, 1), point=999)]) == []


def test_a_rule_that_does_not_compile_leaves_the_revision_in_force() -> None:
    lab = Lab([PLAIN], [charger(1)])
    lab.write(RuleSet("plain", "x", b"{}", "UTC"), 1)
    assert lab.engine is not None
    assert "plain" in lab.engine.broken
    assert brief(lab.read([told(1, "gun_temp", 2, 90.0, 1)])) == [("raised", 2)]


@pytest.mark.parametrize("damage", ["short", "magic", "bits", "version"])
def test_a_damaged_snapshot_is_refused(damage: str) -> None:
    lab = Lab([PLAIN], [charger(1)])
    assert lab.engine is not None
    blob = bytearray(lab.engine.snapshot())
    if damage == "short":
        blob = blob[:10]
    elif damage == "magic":
        blob[0] ^= 1
    elif damage == "bits":
        blob[-7] ^= 4
    else:
        blob[8] ^= 0x40
    with pytest.raises(SnapshotError):
        Engine.restore(bytes(blob), compile_source)


def test_two_snapshots_of_one_state_are_equal_bytes() -> None:
    lab = Lab([PLAIN, HOT], [charger(1), meter(7)])
    lab.read([told(1, "gun_temp", 0, 90.0, 1)], [told(7, "volume", 0, 5.0)])
    assert lab.engine is not None
    blob = lab.engine.snapshot()
    assert Engine.restore(blob, compile_source).snapshot() == blob
    assert bytes_of(run(lab.records)) == bytes_of(lab.got)


def test_simple_rules_are_judged_together() -> None:
    low = rule('  when: "current < 2 A"', rule_id="low")
    cross = rule('  when: "current < 2 A and gun_temp > ambient"', rule_id="cross")
    other = rule('  when: "not (current < 2 A)"', rule_id="other")
    lab = Lab([PLAIN, HOT, low, cross, other], [charger(1)])
    assert lab.engine is not None
    lab.read([told(1, "gun_temp", 0, 20.0, 1)])
    fused: ThresholdIndex = lab.engine.evaluators.main._indexes["charger"]
    assert [runner.rule.id for runner in fused.evaluators] == ["plain", "hot", "low", "cross", "other"]
    assert fused.alone == []


def test_state_is_small() -> None:
    lab = Lab([PLAIN], [charger(1)])
    assert lab.engine is not None
    (runner,) = lab.engine.evaluators.main.installed.evaluators["plain"]
    per_thing = sum(table.nbytes for table in runner.state().values()) / len(runner.space)
    assert per_thing <= 64


def test_a_new_state_text_gets_its_code_at_once() -> None:
    bad = rule("  when: \"status == 'fault'\"", rule_id="bad")
    lab = Lab([bad], [charger(1)])
    from gateway.domain.record import PointDefined

    point = POINTS["charger", "status", 1]
    lab.write(PointDefined("lab", replace(point, values=("idle", "charging", "other", "fault"))), 0)
    got = lab.read([told(1, "status", 1, 3.0, 1), told(1, "status", 1, 2.0, 2)])
    assert [one.thing.component for one in got] == [1, 2]
    assert [one.evidence.readings[0].value for one in got] == ["fault", "fault"]


def test_the_bench_measures_the_engine() -> None:
    told_us = run_rules_bench(0.05)
    assert (told_us["rules"], told_us["devices"]) == (50, 10_000)
    assert 0.005 < told_us["hit_share"] < 0.02
    assert told_us["rule_evals_s"] == pytest.approx(told_us["readings_s"] * 50 / 4)


def test_a_published_status_never_changes_and_is_shared_while_nothing_happens() -> None:
    lab = Lab([PLAIN], [charger(1)])
    assert lab.engine is not None
    before = lab.engine.status()
    lab.read([told(1, "gun_temp", 1, 90.0, 1)])
    after = lab.engine.status()
    assert (list(before.rules), before.counts.judged, before.seq) == (["plain"], 0, len(lab.records) - 1)
    assert (after.rules is before.rules, after.counts.judged, after.glitches is before.glitches) == (True, 1, True)
    lab.install(HOT)
    lab.write(RuleSet("broken", "1", b"nothing", "UTC"))
    assert sorted(lab.engine.status().rules) == ["hot", "plain"]
    assert (list(lab.engine.status().broken), list(after.rules), dict(after.broken)) == (["broken"], ["plain"], {})
