"""Scenario 12: readings come out of order, repeated, three days late.

Through intake, engine and desk: in the end the same alarms stand and there are the same orders as when each reading had
come once, in order, at the moment it was taken. What was raised while half of it was known, and was not so, is
withdrawn with its order.
"""

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from judged_kit import Judged
from rules_engine.engine_lab import charger, rule, told

from gateway.domain.workorder import OrderState

pytestmark = pytest.mark.fault
DEVICES, EVERY = (1, 2), 20.0
LATE = 71.5 * 3600
"""Seconds that all of it was on its way: accepted is what took up to 72 h."""
RULES = [
    rule('  when: "gun_temp >= 85 degC"', rule_id="plain"),
    rule('  when: "gun_temp >= 85 degC"\n  hold: {for: 1m, gap: 1m}\n  clear: "gun_temp < 75 degC"', rule_id="hold"),
    rule('  when: "gun_temp >= 80 degC and current >= 50 A"', rule_id="both"),
]
Row = tuple[int, str, float]
ROW = st.tuples(
    st.sampled_from(DEVICES), st.sampled_from(["gun_temp", "current"]), st.sampled_from([20.0, 76.0, 82.0, 92.0])
)
HOT = [(device, "gun_temp", value) for value in (20.0, 92.0, 92.0, 92.0, 92.0) for device in DEVICES]


async def judged(folder: Path, rows: Sequence[Row], deliveries: Sequence[tuple[int, float]]) -> tuple[object, object]:
    """What stands in the end after these deliveries: (number of the row, seconds of its receipt)."""
    it = Judged(folder)
    try:
        await it.begin([charger(number) for number in DEVICES], RULES)
        for number, received in deliveries:
            device, point, value = rows[number]
            await it.deliver(received, [told(device, point, EVERY * number, value, 1, received=received)])
            await it.tick(received + 0.5)
        await it.tick(LATE + 3600)
        it.intake.balance("broker").check()
        alarms = sorted((alarm.rule, alarm.device) for alarm in it.alarms(raised=True))
        orders = [
            (o.device, o.fault, o.rule, o.state, o.condition_cleared_at is None)
            for o in it.orders()
            if (o.state, o.close_reason) != (OrderState.CANCELLED, "withdrawn")
        ]
        return alarms, sorted(orders)
    finally:
        it.close()


def both(rows: Sequence[Row], chance: random.Random) -> tuple[tuple[object, object], tuple[object, object]]:
    """(as it stands after the sorted stream, after any other delivery of it)."""
    numbers = range(len(rows))
    anyhow = [*numbers, *chance.choices(numbers, k=len(rows) // 2)]
    chance.shuffle(anyhow)
    with TemporaryDirectory() as first, TemporaryDirectory() as second:
        straight = judged(Path(first), rows, [(number, EVERY * number) for number in numbers])
        late = judged(Path(second), rows, [(number, LATE + k) for k, number in enumerate(anyhow)])
        return asyncio.run(straight), asyncio.run(late)


@settings(max_examples=8)
@given(rows=st.lists(ROW, min_size=3, max_size=8), chance=st.randoms(use_true_random=False))
@example(rows=HOT, chance=random.Random(1))
def test_any_order_ends_in_the_same_alarms_and_orders(rows: list[Row], chance: random.Random) -> None:
    sorted_stream, anyhow = both(rows, chance)
    assert anyhow == sorted_stream


def test_what_is_compared_is_not_nothing() -> None:
    alarms, orders = both(HOT, random.Random(2))[1]
    assert alarms == [(name, device) for name in ("hold", "plain") for device in DEVICES]
    assert isinstance(orders, list)
    assert {device for device, *_ in orders} == set(DEVICES)
