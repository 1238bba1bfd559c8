"""Benchmark of one rule on groups: sensors in groups of 1,000, near the limit of the rule, with messages slightly out
of order."""

from statistics import median
from time import process_time

import numpy as np

from gateway.cli.bench.fleet import POINTS, ROWS, START, BenchFleet
from gateway.domain.device import Device, Point, PointKind, PointSpec
from gateway.domain.duration import SECOND
from gateway.domain.reading import Batch
from gateway.domain.record import DeviceSet, PointDefined, Record, Rerun, RuleSet, Tick
from rules.compiled import Names, Rule
from rules.engine import Engine
from rules.format import compile_source, load_text

SIZE, EVERY = 1_000, 10 * SECOND
RULE = """
format: 1
rules:
- id: groups
  title: {en: bench}
  why: measured
  watch: {kind: sensor, group: site}
  when: {members: {of: "gun_temp >= 950", at_least: 10, within: 1m}}
  then: {order: {type: repair}}
"""


class BenchGroups:
    """Engine with `devices` sensors in groups. `requests` counts its requests for history; they get no answer."""

    def __init__(self, devices: int, hits: float, text: str = RULE) -> None:
        self.fleet, self.engine = BenchFleet(devices, hits=hits), Engine(0, compile_source, "bench")
        self.seq = self.requests = 0
        self.random = np.random.default_rng(11)
        for number, name in enumerate(POINTS, 1):
            self.step(0, PointDefined("bench", Point(number, "bench", name, 0, PointKind.GAUGE, "", EVERY)))
        for k in range(1, devices + 1):
            self.step(0, DeviceSet(Device(k, f"d{k}", "bench", "sensor", site=f"s{k // SIZE}")))
        for rule in _rules(text):
            self.step(0, RuleSet(rule.id, rule.revision, rule.source, "UTC"))

    def step(self, at: int, body: PointDefined | DeviceSet | RuleSet | Batch | Tick | Rerun) -> None:
        """Step the next record."""
        self.seq += 1
        self.engine.step(Record(self.seq, at, body))

    def batch(self, number: int) -> tuple[Batch, int]:
        """Batch `number`, a quarter of a round, with messages up to five seconds old, and its receive time in µs."""
        found = self.fleet.batch(number)
        now = START + number * EVERY * ROWS // len(POINTS) // self.fleet.devices
        old = self.random.integers(0, 5 * SECOND, found.frames)
        return Batch(
            found.device,
            found.point,
            now - old[found.frame],
            found.value,
            found.quality,
            found.flags,
            found.frame,
            np.full(found.frames, now),
        ), now

    def judge(self, number: int) -> float:
        """CPU time of a batch and its tick, ms."""
        batch, now = self.batch(number)
        before = process_time()
        self.step(now, batch)
        self.step(now, Tick(now))
        took = process_time() - before
        for wanted in self.engine.wanted:
            self.requests += 1
            self.step(now, Rerun(wanted.seq, rule=wanted.rule, since=wanted.since, group=wanted.group, upto=wanted.seq))
        return 1e3 * took


def _rules(text: str) -> tuple[Rule, ...]:
    specs = {name: PointSpec(name, PointKind.GAUGE, "", EVERY) for name in POINTS}
    loaded = load_text(text, "bench", Names({"sensor": specs}))
    if loaded.problems:
        raise ValueError("; ".join(problem.render() for problem in loaded.problems))
    return loaded.rules


def groups_batch_ms(devices: int, hits: float, batches: int = 200) -> float:
    """Median CPU time of a batch of 2,500 frames and its tick, ms, after two rounds over the fleet."""
    groups = BenchGroups(devices, hits)
    return median([groups.judge(number) for number in range(8 + batches)][8:])
