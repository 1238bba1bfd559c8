"""Benchmark of a backtest: history in DuckDB segments, ten rules, the same path as the command from file to
episodes."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np

from gateway.backtest.gateway_client import HistoryPlace
from gateway.domain.device import Device, Point, PointKind, PointSpec
from gateway.domain.duration import DAY, HOUR, SECOND
from gateway.domain.reading import Batch
from gateway.domain.record import Record

DEVICES = 1_000
POINTS = ("gun_temp", "voltage", "current", "power")
EVERY = 10 * SECOND
START = 1_767_225_600 * SECOND
ROUNDS = 40  # of the fleet, in one write
FAULTY, FAULT_ROUNDS = 0.01, 180  # share of devices in a fault, length of a fault in rounds


def rule_files() -> str:
    """Ten rules: thresholds, holds, two levels, windows, a rate, a streak, silence."""
    level = 'major: {when: "current >= 1010", hold: 30s, clear: "current < 905"}, critical: {when: "current >= 1300"}'
    forms = [
        'when: "gun_temp >= 1000"\n  hold: 2m\n  clear: "gun_temp < 900"',
        'when: "voltage >= 1005"\n  hold: 30s',
        'when: "power >= 1000"',
        f"levels: {{{level}}}",
        'when: "gun_temp >= 1000 and current < 2000"\n  hold: 1m',
        'when: "power - voltage > 5000"',
        'let: {m: {mean: gun_temp, over: 10m}}\n  when: "m >= 990"\n  clear: "m < 900"',
        'let: {r: {rise: power, over: 5m}}\n  when: "r > 5000"',
        'let: {d: {max: voltage, per: hour}}\n  when: {streak: {of: "d < 0", length: 3}}',
        "when: {silent: {any_of: [gun_temp], longer_than: 15m}}",
    ]
    head = "\n  title: {en: bench}\n  why: measured\n  watch: {kind: charger}\n  then: {order: {type: repair}}"
    return "format: 1\nrules:\n" + "\n".join(f"- id: r.{k}{head}\n  {form}" for k, form in enumerate(forms)) + "\n"


class _Clock:
    """Clock fixed at the end of the history."""

    def __init__(self, at: int) -> None:
        self._at = at

    def now(self) -> int:
        """Implements Clock."""
        return self._at


def write_history(folder: Path, readings: int) -> HistoryPlace:
    """Write one frame of four points per device every 10 s. Frames of different devices have different times; one
    device in a hundred is in a fault."""
    from gateway.adapters import EMBEDDED

    random = np.random.default_rng(11)
    rounds = max(ROUNDS, readings // (DEVICES * len(POINTS)))
    config = EMBEDDED.config()
    store = EMBEDDED.build(folder, config, _Clock(START + DAY))
    base = random.uniform(0, 800, (DEVICES, len(POINTS)))
    phase = random.permutation(DEVICES) * (EVERY // DEVICES)
    order = np.argsort(phase)
    faulty = random.random(DEVICES) < FAULTY
    for number, first in enumerate(range(0, rounds, ROUNDS)):
        values, count = [], min(ROUNDS, rounds - first)
        for _ in range(count):
            faulty = (faulty & (random.random(DEVICES) >= 1 / FAULT_ROUNDS)) | (
                random.random(DEVICES) < FAULTY / FAULT_ROUNDS
            )
            noise = random.uniform(0, 50, (DEVICES, len(POINTS)))
            values.append(np.where(faulty[:, None], 1100.0 + noise, base + noise)[order])
        at = START + (first + np.arange(count)[:, None]) * EVERY + phase[order][None, :]
        frames, rows = count * DEVICES, count * DEVICES * len(POINTS)
        batch = Batch(
            np.repeat(np.tile(order + 1, count), len(POINTS)).astype(np.int32),
            np.tile(np.arange(1, len(POINTS) + 1, dtype=np.int32), frames),
            np.repeat(at.ravel(), len(POINTS)),
            np.concatenate(values).ravel(),
            np.full(rows, 2, np.uint8),
            np.zeros(rows, np.uint8),
            np.repeat(np.arange(frames, dtype=np.int32), len(POINTS)),
            at.ravel() + 20_000,
        )
        store.write(0, [Record(number + 1, int(at.max()), batch)])
    store.close()
    return HistoryPlace(EMBEDDED.name, EMBEDDED.place(folder, config))


def run_backtest_bench(readings: int) -> dict[str, float]:
    """Readings per second from file to episodes, on the same path as the command.

    Keys: readings_s (one process per core, including their start), one_process_readings_s, processes, readings, rules,
    devices, episodes, scan_s (reading the files alone). All are wall-clock times.
    """
    from gateway.backtest.gateway_client import open_history
    from gateway.backtest.task import Task, judge, judge_in_processes
    from rules.compiled import Names
    from rules.format import load_text

    specs = {name: PointSpec(name, PointKind.GAUGE, "", EVERY) for name in POINTS}
    loaded = load_text(rule_files(), "bench", Names({"charger": specs}))
    if loaded.problems:
        raise ValueError("; ".join(problem.render() for problem in loaded.problems))
    points = [Point(k, "bench", name, 0, PointKind.GAUGE, "", EVERY) for k, name in enumerate(POINTS, 1)]
    devices = [Device(k, f"d{k}", "bench", "charger") for k in range(1, DEVICES + 1)]
    with TemporaryDirectory() as folder:
        place, end = write_history(Path(folder), readings), START + 366 * DAY
        with open_history(place) as history:
            spans = history.spans(START - HOUR, end)
            begun = perf_counter()
            scanned = sum(len(history.rows(first, last, None, None)) for first, last, _ in spans)
            scan = scanned / (perf_counter() - begun)
        task = Task(
            place,
            [[rule.source for rule in loaded.rules]],
            [],
            [],
            devices,
            points,
            "UTC",
            START - HOUR,
            START,
            spans[-1][1],
            spans,
            everyone=True,
        )
        begun = perf_counter()
        judge(task, lambda _: None)
        alone = scanned / (perf_counter() - begun)
        workers, begun = os.cpu_count() or 1, perf_counter()
        answer = judge_in_processes(task, lambda _: None, workers)
        took = perf_counter() - begun
    return {
        "readings_s": answer.readings / took,
        "one_process_readings_s": alone,
        "processes": float(workers),
        "readings": float(answer.readings),
        "rules": float(len(loaded.rules)),
        "devices": float(DEVICES),
        "episodes": float(len(answer.sets[0].episodes)),
        "scan_s": scan,
    }
