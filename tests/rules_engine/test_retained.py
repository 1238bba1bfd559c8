"""B9: after a lost session the broker replays what it retained; a dead charger then "drew" 7.4 kW, quality good. A
replay without a fresh time of its own is stored, and the rules do not see it."""

from engine_lab import Lab, charger, meter, rule, told

from gateway.domain.reading import Flag
from gateway.domain.record import Tick

HOT = rule('  when: "gun_temp >= 85 degC"\n  clear: "gun_temp < 75 degC"')
SILENT = rule("  silent: {any_of: [battery], longer_than: 1h}", "{kind: gas_meter}", "s")


def test_a_replay_neither_raises_nor_clears() -> None:
    lab = Lab([HOT], [charger(1)])
    assert lab.read([told(1, "gun_temp", 10, 95.0, 1, flags=Flag.RETAINED)]) == []
    assert [one.change.value for one in lab.read([told(1, "gun_temp", 20, 95.0, 1)])] == ["raised"]
    assert lab.read([told(1, "gun_temp", 30, 20.0, 1, flags=Flag.RETAINED)]) == []
    assert [one.change.value for one in lab.read([told(1, "gun_temp", 40, 20.0, 1)])] == ["cleared"]


def test_a_replay_is_no_sign_of_life() -> None:
    lab = Lab([SILENT], [meter(1)])
    lab.read([told(1, "battery", 0, 3.6)])
    raised = lab.write(Tick(lab.records[0].at + 3_700_000_000), 3700)
    assert [one.change.value for one in raised] == ["raised"]
    assert lab.read([told(1, "battery", 3800, 3.6, flags=Flag.RETAINED)]) == []
    assert [one.change.value for one in lab.read([told(1, "battery", 3900, 3.6)])] == ["cleared"]
