"""Benchmark of work that time alone causes: a month that ends for many meters, and rules that change without
traffic."""

from time import process_time

import numpy as np
from numpy.typing import NDArray

from gateway.cli.bench.fleet import EVERY, POINTS, START, Bench, BenchFleet, rules_of
from gateway.domain.device import PointKind, PointSpec
from gateway.domain.duration import HOUR, SECOND
from gateway.domain.reading import Batch
from gateway.domain.record import Body, Record, Tick

METERS = 100_000
MONTH_END = 1_769_904_000 * SECOND  # 2026-02-01T00:00Z
BEFORE = 30
"""Hourly readings of each meter before the end of the month."""
DEVICES = 30_000
SECONDS = 20
"""Seconds of engine time measured."""


def time_rules() -> list[str]:
    """Ten rules whose truth changes without traffic: ages, sliding windows, shares, counts."""
    forms = [
        ("{}", "age({p}) > 25s"), ("{}", "{p} > 900 and age({p}) < 2 min"),
        ("{{s: {{max: {p}, over: 5m}}}}", "s > 1000"), ("{{s: {{mean: {p}, over: 2m}}}}", "s > 990"),
        ("{{s: {{share: '{p} > 900', over: 5m}}}}", "s > 0.5"), ("{{s: {{count: {p}, over: 1m}}}}", "s < 3"),
        ("{{s: {{times: '{p} > 900', over: 10m}}}}", "s >= 3"), ("{{s: {{rise: {p}, over: 5m}}}}", "s > 900"),
        ("{{s: {{spread: {p}, over: 5m}}}}", "s > 950"), ("{{s: {{min: {p}, over: 2m}}}}", "s > 990"),
    ]  # fmt: skip
    rules = []
    for k, (let, when) in enumerate(forms):
        point = POINTS[k % 4]
        signals = "" if let == "{}" else f"\n  let: {let.format(p=point)}"
        rules.append(f'- id: time.{k}{signals}\n  when: "{when.format(p=point)}"')
    return rules


def time_alone(devices: int = DEVICES, seconds: int = SECONDS) -> dict[str, float]:
    """Ten such rules over a fleet with a frame per device every 10 s.

    Keys: batch_ms, tick_ms (CPU for the readings of one second, and for the tick after them), quiet_tick_ms (a tick
    without readings), devices.
    """
    bench, fleet = Bench(devices), BenchFleet(devices)
    bench.install(rules_of(time_rules()))
    each = devices * len(POINTS) * SECOND // EVERY
    spent, ticked, warm = 0.0, 0.0, 3 * EVERY // SECOND
    for number in range(warm + seconds):
        batch, now = fleet.batch(number, each), START + (number + 1) * SECOND
        took, tick = _timed(bench, batch, now), _timed(bench, Tick(now), now)
        if number >= warm:
            spent, ticked = spent + took, ticked + tick
    now = START + (warm + seconds) * SECOND
    quiet = sum(_timed(bench, Tick(now + k * SECOND), now + k * SECOND) for k in range(1, seconds + 1))
    per = 1000 / seconds
    return {"batch_ms": spent * per, "tick_ms": ticked * per, "quiet_tick_ms": quiet * per, "devices": float(devices)}


def month_close(meters: int = METERS, signal: str = "{increase: volume, per: month}") -> float:
    """CPU seconds to close a month for all meters: the tick after its end, and the extra cost of the first readings of
    the next month."""
    specs = {"volume": PointSpec("volume", PointKind.COUNTER, "m3", HOUR)}
    bench = Bench(meters, "meter", specs)
    bench.install(rules_of([f'- id: month\n  let: {{used: {signal}}}\n  when: "used > 1e6 m3"'], "meter", specs))
    random = np.random.default_rng(5)
    volume = random.uniform(100, 1000, meters)
    usual = 0.0
    for number in range(BEFORE):
        volume = volume + random.uniform(0, 1, meters)
        at = MONTH_END - (BEFORE - number) * HOUR + HOUR // 2
        usual = _timed(bench, _hourly(volume, at), at)
        _timed(bench, Tick(at + SECOND), at + SECOND)
    closing = _timed(bench, Tick(MONTH_END + SECOND), MONTH_END + SECOND)
    first = _timed(bench, _hourly(volume + 1, MONTH_END + HOUR // 2), MONTH_END + HOUR // 2)
    return closing + max(0.0, first - usual)


def _hourly(volume: NDArray[np.float64], at: int) -> Batch:
    count = len(volume)
    return Batch(
        np.arange(1, count + 1, dtype=np.int32),
        np.ones(count, np.int32),
        np.full(count, at),
        volume,
        np.full(count, 2, np.uint8),
        np.zeros(count, np.uint8),
        np.arange(count, dtype=np.int32),
        np.full(count, at + 20_000),
    )


def _timed(bench: Bench, body: Body, now: int) -> float:
    bench.seq += 1
    before = process_time()
    bench.engine.step(Record(bench.seq, now, body))
    return process_time() - before
