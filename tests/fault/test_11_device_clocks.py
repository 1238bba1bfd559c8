"""Scenario 11: clocks of devices that are ahead, in 1970, or in a year beyond all years.

Through intake, engine and desk. The value is kept, at the moment it was received and flagged; nothing of the future is
stored or judged; such a reading raises an alarm as any other does, and holds no later one back.
"""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from judged_kit import Judged
from rules_engine.engine_lab import POINTS, T0, S, charger, rule

from gateway.domain.clocks import YEAR_2000
from gateway.domain.duration import HOUR, MINUTE
from gateway.domain.reading import Flag, Quality, Reading

pytestmark = pytest.mark.fault
HOT = rule('  when: "gun_temp >= 85 degC"', rule_id="hot")
HELD = rule('  when: "gun_temp >= 85 degC"\n  hold: {for: 1m, gap: 5m}', rule_id="held")
AHEAD = 5 * MINUTE
"""`intake.ahead_limit`."""
SKEW = st.one_of(
    st.integers(-(10**18), 10**18),
    st.integers(-2 * HOUR, 2 * HOUR),
    st.sampled_from([AHEAD, AHEAD + 1, -T0, YEAR_2000 - T0 - 200 * S, 2**62 - T0]),
)
"""µs by which a device's clock is wrong."""


def sent(at: int, value: float, received: int) -> Reading:
    """`at`, `received` µs."""
    return Reading(1, POINTS["charger", "gun_temp", 1].id, at, value, received=received)


async def run(it: Judged, skews: list[int]) -> None:
    """A message every 20 s, each by a clock that is wrong by so much."""
    await it.begin([charger(1)], [HOT, HELD])
    for number, skew in enumerate(skews):
        received = T0 + 20 * number * S
        await it.deliver(20 * number, [sent(received + skew, 90.0, received)])
        await it.tick(20 * number + 1)


@settings(max_examples=12)
@given(skews=st.lists(SKEW, min_size=1, max_size=5))
@example(skews=[-T0] * 3)
@example(skews=[HOUR, HOUR, HOUR])
@example(skews=[AHEAD, AHEAD + 1])
def test_no_reading_is_lost_or_of_the_future(skews: list[int]) -> None:
    with TemporaryDirectory() as folder:
        it = Judged(Path(folder))
        try:
            asyncio.run(run(it, skews))
            readings = it.readings()
            assert [reading.value for reading in readings] == [90.0] * len(skews)
            for reading, skew in zip(readings, skews, strict=True):
                wrong = skew > AHEAD or reading.received + skew < YEAR_2000
                at = reading.received if wrong else reading.received + skew
                assert reading.at == at <= reading.received + AHEAD
                assert (Flag.CLAMPED in Flag(reading.flags)) == wrong
                assert reading.quality == (Quality.UNCERTAIN if wrong else Quality.GOOD)
            balance = it.intake.balance("broker")
            balance.check()
            assert balance.clamped == sum(Flag.CLAMPED in Flag(reading.flags) for reading in readings)
            for alarm in it.alarms():
                assert alarm.raised_at <= it.clock.at + AHEAD
        finally:
            it.close()


@pytest.mark.parametrize(
    "skew",
    [pytest.param(-T0, id="1970"), pytest.param(HOUR, id="an hour ahead"), pytest.param(2**62 - T0, id="beyond")],
)
def test_it_is_judged_when_it_came_and_the_right_clock_after_it_counts(tmp_path: Path, skew: int) -> None:
    async def main() -> None:
        await run(it, [skew])
        (alarm,) = it.alarms(raised=True)
        assert (alarm.rule, alarm.raised_at) == ("hot", T0)
        assert len(it.orders()) == 1
        await it.deliver(20, [sent(T0 + 20 * S, 20.0, T0 + 20 * S)])
        assert it.engine.counts.late == 0, "the wrong one was no newer"
        assert it.alarms(raised=True) == []
        assert it.alarms()[0].cleared_at == T0 + 20 * S
        await it.tick(600)
        assert [alarm.rule for alarm in it.alarms()] == ["hot"], "a hold has no part in one reading"

    it = Judged(tmp_path)
    try:
        asyncio.run(main())
    finally:
        it.close()
