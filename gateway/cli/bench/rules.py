"""Benchmark of the rule engine: real rules from YAML, real batches, the real `Engine.step`."""

import json
import subprocess
import sys
from time import process_time
from typing import Any

import numpy as np

from gateway.cli.bench.fleet import POINTS, ROWS, Bench, BenchFleet, rules_of
from gateway.cli.bench.groups import groups_batch_ms
from gateway.cli.bench.scale import Run, reloads
from gateway.cli.bench.time_alone import month_close, time_alone
from gateway.domain.reading import Batch
from gateway.domain.record import Record, Tick

DEVICES, RULES, CROSS, HITS = 10_000, 50, 10, 0.01
CURVE_DEVICES, CURVE_RULES = (3_000, 10_000, 30_000), (50, 200, 500, 1000, 2000)


def threshold_rules() -> list[str]:
    """40 threshold and hold rules on one point each, and 10 that read several points, written as in a rule file."""
    rules: list[str] = []
    for k in range(RULES - CROSS):
        point = POINTS[k % 4]
        hold = "" if k % 2 else f"\n  hold: {10 + k}s"
        clear = f'\n  clear: "{point} < {900 + k}"' if k % 3 else ""
        rules.append(f'- id: one.{k}\n  when: "{point} >= {950 + k}"{hold}{clear}')
    for k in range(CROSS):
        a, b = POINTS[k % 4], POINTS[(k + 1) % 4]
        hold = "" if k % 2 else "\n  hold: 30s"
        rules.append(f'- id: cross.{k}\n  when: "{a} >= {950 + k} and {b} < 2000 or {b} - {a} > 5000"{hold}')
    return rules


def window_rules() -> list[str]:
    """Ten rules on sliding and calendar windows, one signal each."""
    kinds = (
        ("{mean: %s, over: 5m}", "1000"), ("{max: %s, over: 5m}", "1000"), ("{mean: %s, per: hour}", "1000"),
        ("{share: '%s > 900', over: 5m}", "0.5"), ("{rate: %s, over: 5m}", "8000/h"),
    )  # fmt: skip
    return [
        f'- id: window.{k}\n  let: {{s: {kinds[k % 5][0] % POINTS[k % 4]}}}\n  when: "s > {kinds[k % 5][1]}"'
        for k in range(10)
    ]


def statistics_rules() -> list[str]:
    """Ten rules on standard deviations and on baselines with a season, one signal each."""
    kinds = (
        ("{stddev: %s, over: 5m}", "500"), ("{zscore: %s, half_life: 7d, season: hour_of_week, warmup: 1h}", "50"),
        ("{stddev: %s, per: hour}", "500"), ("{ewma: %s, half_life: 1d, season: hour_of_week}", "1000"),
        ("{stddev: %s, over: 1h}", "500"),
    )  # fmt: skip
    return [
        f'- id: statistics.{k}\n  let: {{s: {kinds[k % 5][0] % POINTS[k % 4]}}}\n  when: "s > {kinds[k % 5][1]}"'
        for k in range(10)
    ]


def streak_rules() -> list[str]:
    """Ten streaks of readings."""
    return [
        f'- id: streak.{k}\n  when: {{streak: {{of: "{POINTS[k % 4]} >= {950 + k}", length: {3 + k}}}}}'
        for k in range(10)
    ]


def measure(rules: list[str], seconds: float, fleet: BenchFleet, rows: int = ROWS, warm: int = 2) -> dict[str, float]:
    """Rule evaluations (rule x frame) and readings per second of one core, after `warm` rounds over the fleet.

    Only `Engine.step` is timed, in CPU time of this process. The batches are made before each call.
    """
    bench, loaded = Bench(fleet.devices), rules_of(rules)
    bench.install(loaded)
    engine, seq, spent, read, evals, made = bench.engine, bench.seq, 0.0, 0, 0, 0
    reference = 0.0
    warm = max(1, warm * fleet.devices * fleet.frames * len(POINTS) // rows)
    number, true = 0, 0.0
    while spent < seconds:
        batch = fleet.batch(number, rows)
        now = int(batch.received.max())
        before = process_time()
        transitions = engine.step(Record(seq := seq + 1, now, batch))
        if number % 4 == 3:
            transitions += engine.step(Record(seq := seq + 1, now, Tick(now)))
        took = process_time() - before
        compared = _reference(batch, len(loaded))
        number += 1
        if number <= warm:
            continue
        spent += took
        reference += compared
        read += len(batch)
        evals += batch.frames * len(loaded)  # every frame carries all four points, so every rule is judged on it
        made += len(transitions)
        true += float((batch.value >= 1000).mean())
    return {
        "rule_evals_s": evals / spent,
        "reference_evals_s": evals / reference,
        "ratio": reference / spent,
        "readings_s": read / spent,
        "rules": float(len(loaded)),
        "devices": float(fleet.devices),
        "hit_share": true / (number - warm),
        "transitions_s": made / spent,
    }


def _reference(batch: Batch, rules: int) -> float:
    """CPU seconds of one vectorised comparison per rule over the same batch: the best this machine can do."""
    columns = [np.ascontiguousarray(batch.value[k :: len(POINTS)]) for k in range(len(POINTS))]
    before = process_time()
    for rule in range(rules):
        np.greater_equal(columns[rule % len(POINTS)], 950.0 + rule)
    return process_time() - before


def run_rules_bench(seconds: float) -> dict[str, float]:
    """50 threshold and hold rules. Keys: rule_evals_s, reference_evals_s (one vectorised comparison per rule over the
    same batches), ratio (of the two: compare builds by it), readings_s, rules, devices, hit_share (conditions true
    among those evaluated), transitions_s.
    """
    return measure(threshold_rules(), seconds, BenchFleet(DEVICES, hits=HITS))


def run_more(seconds: float) -> dict[str, Any]:
    """Windows, streaks, groups, devices that repeat within a batch, and the curve over rules and devices."""
    curve = _curve()
    return {
        **_two("window", window_rules(), seconds),
        **_two("statistics", statistics_rules(), seconds),
        **_two("streak", streak_rules(), seconds),
        "groups_batch_ms": round(groups_batch_ms(DEVICES, HITS), 1),
        "month_close_s": round(month_close(), 2),
        "time_alone": {key: round(value, 2) for key, value in time_alone().items()},
        "repeated_readings_s": round(_repeated(seconds)),
        "reloads": _reloads(),
        "curve": curve,
        "largest": curve[-1],
    }


def _two(name: str, rules: list[str], seconds: float) -> dict[str, float]:
    """Evaluations per second of these rules, and their ratio to the reference of the same run."""
    found = measure(rules, seconds, BenchFleet(DEVICES))
    return {f"{name}_evals_s": round(found["rule_evals_s"]), f"{name}_ratio": round(found["ratio"], 5)}


def _repeated(seconds: float) -> float:
    """10 rules, 100,000-row batches in which every device has 50 frames in a row."""
    rules = threshold_rules()[:8] + threshold_rules()[-2:]
    return measure(rules, seconds, BenchFleet(2_000, hits=HITS, frames=50), 100_000)["readings_s"]


def _reloads() -> dict[str, Any]:
    """1,000 edits of one of 50 rules during traffic: their cost, and the memory left afterwards."""
    run = Run(1_000)
    run.load(50)
    reloads(run, 100)  # one-time cost of the first edits
    return reloads(run, 1_000)


def _curve() -> list[dict[str, Any]]:
    """Fleets of three sizes under more and more rules, in a separate process so that its memory can be measured."""
    sizes = (",".join(map(str, CURVE_DEVICES)), ",".join(map(str, CURVE_RULES)))
    command = [sys.executable, "-m", "gateway.cli.bench.scale", *sizes]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found
