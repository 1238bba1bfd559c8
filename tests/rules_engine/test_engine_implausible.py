"""Implausible readings are unknown to rules; other uncertain ones are judged like good (RULES section 3)."""

import dataclasses

import pytest
from engine_lab import T0, Lab, S, brief, bytes_of, charger, meter, rule, run, told

from gateway.domain.reading import Flag, Quality, Reading
from gateway.domain.record import Tick

HOT = rule('  when: "gun_temp >= 85 degC"\n  clear: "gun_temp < 75 degC"', rule_id="hot")
HELD = rule('  when: "gun_temp >= 85 degC"\n  hold: {for: 20s, gap: 30s}', rule_id="held")
DAILY = rule(
    '  let: {used: {increase: volume, per: day}}\n  when: "used > 50 m3"', watch="{kind: gas_meter}", rule_id="daily"
)


def _odd(at: float, value: float, flags: Flag = Flag.IMPLAUSIBLE) -> Reading:
    return dataclasses.replace(told(1, "gun_temp", at, value, 1, flags=flags), quality=Quality.UNCERTAIN)


def test_it_neither_raises_nor_clears_nor_breaks_a_hold() -> None:
    lab = Lab([HOT, HELD], [charger(1)])
    assert lab.read([_odd(0, 500.0)]) == []
    lab.read([told(1, "gun_temp", 10, 90.0, 1)])
    assert lab.read([_odd(20, -300.0)]) == []
    lab.read([told(1, "gun_temp", 30, 90.0, 1)])
    assert [(one.rule, one.change, at) for one, (_, at) in zip(lab.got, brief(lab.got), strict=True)] == [
        ("hot", "raised", 10),
        ("held", "raised", 30),
    ]
    assert bytes_of(run(lab.records)) == bytes_of(run(lab.records, scalar=True)) == bytes_of(lab.got)


@pytest.mark.parametrize("flags", [Flag.NONE, Flag.CLAMPED, Flag.IMPORTED])
def test_other_uncertain_readings_are_judged_like_good(flags: Flag) -> None:
    lab = Lab([HOT], [charger(1)])
    assert brief(lab.read([_odd(0, 90.0, flags)])) == [("raised", 0)]


@pytest.mark.parametrize(("flags", "orders"), [(Flag.IMPLAUSIBLE, 0), (Flag.NONE, 1)])
def test_it_stays_out_of_windows(flags: Flag, orders: int) -> None:
    lab = Lab([DAILY], [meter(1)])
    for hour in range(30):
        odd = dataclasses.replace(told(1, "volume", hour * 3600 - 1, 200.0), quality=Quality.UNCERTAIN, flags=flags)
        lab.read([odd if hour == 24 else told(1, "volume", hour * 3600 - 1, 100.0 + hour)])
        lab.write(Tick(T0 + hour * 3600 * S), hour * 3600)
    assert len([one for one in lab.got if one.change == "raised"]) == orders
