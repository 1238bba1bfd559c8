"""The rule engine measured by itself: real rules from YAML, real batches, the real `Engine.step`."""

import numpy as np
from numpy.typing import NDArray

from gateway.domain.device import Device, Point, PointKind, PointSpec
from gateway.domain.duration import SECOND
from gateway.domain.reading import Batch
from gateway.domain.record import DeviceSet, PointDefined, Record, RuleSet, Tick

DEVICES, RULES, CROSS, ROWS, HITS = 10_000, 50, 10, 10_000, 0.01
POINTS = ("gun_temp", "voltage", "current", "power")
EVERY = 10 * SECOND
LASTS = 180
"""Frames for which a fault lasts on average (30 minutes) before another device has one."""


def rule_files() -> str:
    """40 threshold and hold rules on one point each and 10 that read several points, as a person would write them."""
    rules: list[str] = []
    for k in range(RULES - CROSS):
        point = POINTS[k % 4]
        hold = "" if k % 2 else f"\n  hold: {10 + k}s"
        clear = f'\n  clear: "{point} < {900 + k}"' if k % 3 else ""
        rules.append(f'- id: one.{k}\n  when: "{point} >= {1000 + k}"{hold}{clear}')
    for k in range(CROSS):
        a, b = POINTS[k % 4], POINTS[(k + 1) % 4]
        hold = "" if k % 2 else "\n  hold: 30s"
        rules.append(f'- id: cross.{k}\n  when: "{a} >= {1000 + k} and {b} < 2000 or {b} - {a} > 5000"{hold}')
    head = "\n  title: {en: bench}\n  why: measured\n  watch: {kind: charger}\n  then: {order: {type: repair}}"
    return "format: 1\nrules:\n" + "\n".join(rule + head for rule in rules) + "\n"


class _Fleet:
    """Four points per frame, one frame per device every 10 s; at any time 1 % of the devices are in a fault that
    makes every rule on its points true, and one in `LASTS` of them changes with every round."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(7)
        self.base = self.random.uniform(0, 800, (DEVICES, len(POINTS)))
        self.faulty: NDArray[np.bool_] = self.random.random((DEVICES, len(POINTS))) < HITS
        self.frames_per_batch = ROWS // len(POINTS)

    def batch(self, number: int) -> Batch:
        """Batch `number`: the next 2,500 devices."""
        count = self.frames_per_batch
        first = number * count % DEVICES
        device = np.arange(first, first + count, dtype=np.int32) % DEVICES
        leaving = self.faulty[device] & (self.random.random((count, len(POINTS))) < 1 / LASTS)
        coming = ~self.faulty[device] & (self.random.random((count, len(POINTS))) < HITS / LASTS)
        self.faulty[device] = (self.faulty[device] & ~leaving) | coming
        value = np.where(self.faulty[device], 1100.0, self.base[device] + self.random.uniform(0, 50, (count, 4)))
        at = SECOND * 1_767_225_600 + (number * count // DEVICES) * EVERY + (np.arange(count) + first) * 100
        rows = count * len(POINTS)
        return Batch(
            np.repeat(device + 1, len(POINTS)).astype(np.int32),
            np.tile(np.arange(1, len(POINTS) + 1, dtype=np.int32), count),
            np.repeat(at, len(POINTS)),
            value.ravel(),
            np.full(rows, 2, np.uint8),
            np.zeros(rows, np.uint8),
            np.repeat(np.arange(count, dtype=np.int32), len(POINTS)),
            at + 20_000,
        )


def run_rules_bench(seconds: float) -> dict[str, float]:
    """Rule evaluations (rule x frame that carries one of its points) and readings per second of one core.

    Keys: rule_evals_s, readings_s, rules, devices, hit_share (conditions true among those evaluated), transitions_s.
    Only `Engine.step` is timed, in CPU time of this process; the batches are made before each call.
    """
    from time import process_time

    from rules.engine import Engine
    from rules.format import compile_source, load_text

    specs = {name: PointSpec(name, PointKind.GAUGE, "", EVERY) for name in POINTS}
    loaded = load_text(rule_files(), "bench", {"charger": specs})
    if loaded.problems:
        raise ValueError("; ".join(problem.render() for problem in loaded.problems))
    engine = Engine(0, compile_source, "bench")
    facts: list[PointDefined | DeviceSet | RuleSet] = [
        PointDefined("bench", Point(k, "bench", name, 0, PointKind.GAUGE, "", EVERY))
        for k, name in enumerate(POINTS, 1)
    ]
    facts += [DeviceSet(Device(k, f"d{k}", "bench", "charger")) for k in range(1, DEVICES + 1)]
    facts += [RuleSet(rule.id, rule.revision, rule.source, "UTC") for rule in loaded.rules]
    for seq, fact in enumerate(facts, 1):
        engine.step(Record(seq, 0, fact))
    fleet, seq, spent, rows, evals, made = _Fleet(), len(facts), 0.0, 0, 0, 0
    warm = 2 * DEVICES * len(POINTS) // ROWS
    number, true = 0, 0.0
    while spent < seconds:
        batch = fleet.batch(number)
        now = int(batch.received[-1])
        before = process_time()
        transitions = engine.step(Record(seq := seq + 1, now, batch))
        if number % 4 == 3:
            transitions += engine.step(Record(seq := seq + 1, now, Tick(now)))
        took = process_time() - before
        number += 1
        if number <= warm:
            continue
        spent += took
        rows += len(batch)
        # a rule on one point is judged on every frame, for each carries all four points
        evals += batch.frames * len(loaded.rules)
        made += len(transitions)
        true += float((batch.value >= 1000).mean())
    return {
        "rule_evals_s": evals / spent,
        "readings_s": rows / spent,
        "rules": float(len(loaded.rules)),
        "devices": float(DEVICES),
        "hit_share": true / (number - warm),
        "transitions_s": made / spent,
    }
