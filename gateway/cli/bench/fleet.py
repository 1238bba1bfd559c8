"""Chargers with four gauges each and batches of their readings, for the benchmarks of the rule engine."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from gateway.domain.device import Device, Point, PointKind, PointSpec
from gateway.domain.duration import SECOND
from gateway.domain.reading import Batch
from gateway.domain.record import DeviceSet, PointDefined, Record, RuleSet
from rules.compiled import Names, Rule
from rules.engine import Engine
from rules.format import compile_source, load_text

POINTS = ("gun_temp", "voltage", "current", "power")
EVERY = 10 * SECOND
ROWS = 10_000
START = 1_767_225_600 * SECOND
FAULT_ROUNDS = 180
"""Mean length of a fault in frames (30 minutes)."""

HEAD = "\n  title: {{en: bench}}\n  why: measured\n  watch: {{kind: {}}}\n  then: {{order: {{type: repair}}}}"
KIND = "charger"
SPECS = {name: PointSpec(name, PointKind.GAUGE, "", EVERY) for name in POINTS}


def rules_of(rules: list[str], kind: str = KIND, specs: Mapping[str, PointSpec] = SPECS) -> tuple[Rule, ...]:
    """Compiled rules of YAML texts that begin with `- id:`; the keys common to all are added."""
    text = "format: 1\nrules:\n" + "\n".join(rule + HEAD.format(kind) for rule in rules) + "\n"
    loaded = load_text(text, "bench", Names({kind: specs}))
    if loaded.problems:
        raise ValueError("; ".join(problem.render() for problem in loaded.problems))
    return loaded.rules


class Bench:
    """Engine with a fleet in its registry. `seq` is the number of its last record."""

    def __init__(self, devices: int, kind: str = KIND, specs: Mapping[str, PointSpec] = SPECS) -> None:
        self.engine, self.seq = Engine(0, compile_source, "bench"), 0
        for k, spec in enumerate(specs.values(), 1):
            self.step(PointDefined("bench", Point(k, "bench", spec.name, 0, spec.kind, spec.unit, spec.every)))
        for k in range(1, devices + 1):
            self.step(DeviceSet(Device(k, f"d{k}", "bench", kind)))

    def install(self, rules: tuple[Rule, ...]) -> None:
        """Install rules."""
        for rule in rules:
            self.step(RuleSet(rule.id, rule.revision, rule.source, "UTC"))

    def step(self, body: PointDefined | DeviceSet | RuleSet) -> None:
        """Step a fact with a time before the first reading."""
        self.seq += 1
        self.engine.step(Record(self.seq, 0, body))


class BenchFleet:
    """Four points per frame, one frame per device every 10 s. The share `hits` of the points is in a fault and reads
    1,000 or a little more (up to `spread`); one in `FAULT_ROUNDS` of them changes with every round."""

    def __init__(self, devices: int, *, hits: float = 0.01, spread: float = 200.0, frames: int = 1) -> None:
        self.devices, self.hits, self.spread, self.frames = devices, hits, spread, frames
        self.random = np.random.default_rng(7)
        self.base = self.random.uniform(0, 800, (devices, len(POINTS)))
        self.faulty: NDArray[np.bool_] = self.random.random((devices, len(POINTS))) < hits
        self.high = 1000 + self.random.uniform(0, spread, (devices, len(POINTS)))
        self.round = 0

    def batch(self, number: int, rows: int = ROWS) -> Batch:
        """Batch `number`: the next devices in turn, each with `frames` frames in a row."""
        count = rows // len(POINTS) // self.frames
        first = number * count % self.devices
        device = np.arange(first, first + count, dtype=np.int32) % self.devices
        leaving = self.faulty[device] & (self.random.random((count, len(POINTS))) < self.frames / FAULT_ROUNDS)
        coming = ~self.faulty[device] & (
            self.random.random((count, len(POINTS))) < self.frames * self.hits / FAULT_ROUNDS
        )
        self.faulty[device] = (self.faulty[device] & ~leaving) | coming
        self.high[device] = np.where(
            coming, 1000 + self.random.uniform(0, self.spread, coming.shape), self.high[device]
        )
        turn = START + (number * count // self.devices) * self.frames * EVERY
        device = np.repeat(device, self.frames)
        at = (
            turn
            + np.tile(np.arange(self.frames), count) * EVERY
            + (np.arange(count * self.frames) // self.frames) * 100
        )
        noise = self.random.uniform(0, 50, (len(device), len(POINTS)))
        value = np.where(self.faulty[device], self.high[device], self.base[device] + noise)
        rows = len(device) * len(POINTS)
        return Batch(
            np.repeat(device + 1, len(POINTS)).astype(np.int32),
            np.tile(np.arange(1, len(POINTS) + 1, dtype=np.int32), len(device)),
            np.repeat(at, len(POINTS)),
            value.ravel(),
            np.full(rows, 2, np.uint8),
            np.zeros(rows, np.uint8),
            np.repeat(np.arange(len(device), dtype=np.int32), len(POINTS)),
            at + 20_000,
        )
