"""Fleets under more and more rules: `python -m gateway.cli.bench.scale DEVICES,.. RULES,..` prints JSON.

A reading in a fault makes about `MATCHES` rules true for any number of rules, so only rules x devices grows along the
curve. The last step is measured again with ten times as many matches.
"""

import gc
import json
import resource
import sys
from functools import cache
from time import perf_counter, process_time
from typing import Any

from gateway.cli.bench.fleet import POINTS, Bench, BenchFleet, rules_of
from gateway.domain.record import Record, RuleSet, Tick
from rules.compiled import Rule

MATCHES, BATCHES = 5, 12


def scale_rules(first: int, last: int) -> list[str]:
    """Texts of rules: of ten, six have one threshold, two of them a hold; three read two points; one has two levels."""
    rules = []
    for k in range(first, last):
        a, b = POINTS[k % 4], POINTS[(k + 1) % 4]
        at, kind = 1000 + k // 4, k % 10
        if kind < 6:
            hold = "\n  hold: 30s" if kind < 2 else ""
            rules.append(f'- id: scale.{k}\n  when: "{a} >= {at}"{hold}\n  clear: "{a} < {at - 50}"')
        elif kind < 9:
            hold = "\n  hold: 30s" if kind == 6 else ""
            rules.append(f'- id: scale.{k}\n  when: "{a} >= {at} and {b} < 5000"{hold}')
        else:
            levels = f'{{minor: {{when: "{a} >= {at}"}}, critical: {{when: "{a} >= {at + 500}"}}}}'
            rules.append(f"- id: scale.{k}\n  levels: {levels}")
    return rules


@cache
def written(first: int, last: int) -> tuple[tuple[Rule, ...], float]:
    """The compiled rules, and the seconds taken to read them from YAML."""
    before = perf_counter()
    return rules_of(scale_rules(first, last)), perf_counter() - before


class Run:
    """Engine under load."""

    def __init__(self, devices: int) -> None:
        self.bench = Bench(devices)
        self.fleet, self.number = BenchFleet(devices, hits=0.01, spread=2 * MATCHES), 0
        self.rules: tuple[Rule, ...] = ()

    def load(self, count: int) -> float:
        """Add rules, up to `count`. Returns the seconds from YAML until the rules are in force."""
        more, reading = written(len(self.rules), count)
        before = perf_counter()
        self.bench.install(more)
        self.rules += more
        self.batches(1)  # work deferred to the first reading counts as loading
        return reading + perf_counter() - before

    def batches(self, count: int) -> float:
        """CPU seconds for one batch and a tick."""
        spent = 0.0
        for _ in range(count):
            batch = self.fleet.batch(self.number)
            self.number += 1
            now = int(batch.received.max())
            before = process_time()
            self.bench.engine.step(Record(self.bench.seq + 1, now, batch))
            self.bench.engine.step(Record(self.bench.seq + 2, now, Tick(now)))
            spent += process_time() - before
            self.bench.seq += 2
        return spent / count

    def round(self) -> float:
        """CPU seconds for one batch, after every device has sent at least one frame under these rules."""
        self.batches(self.fleet.devices // 2500 + 1)
        return self.batches(BATCHES)

    def reload(self, number: int, text: str) -> float:
        """Change the threshold of one rule. Returns the seconds until the next batch is judged with it."""
        changed = rules_of([text])[0]
        batch = self.fleet.batch(self.number)
        self.number += 1
        now = int(batch.received.max())
        before = perf_counter()
        self.bench.engine.step(Record(self.bench.seq + 1, now, RuleSet(changed.id, f"{number}", changed.source, "UTC")))
        self.bench.engine.step(Record(self.bench.seq + 2, now, batch))
        self.bench.seq += 2
        return perf_counter() - before


def rss() -> int:
    """Resident memory of this process, bytes."""
    with open("/proc/self/statm") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * resource.getpagesize()


def reloads(run: Run, count: int) -> dict[str, Any]:
    """Edit one rule `count` times during traffic."""
    text = '- id: scale.0\n  when: "gun_temp >= {}"\n  hold: 30s\n  clear: "gun_temp < 950"'
    took = [run.reload(2 + k, text.format(1000.5 + k / 1000)) for k in range(5)]
    gc.collect()
    before = rss()
    for k in range(count):
        run.reload(100 + k, text.format(1001 + k / 1000))
    gc.collect()
    return {"reload_s": sorted(took)[2], "reloads": count, "reloads_grew_bytes": rss() - before}


def main(devices: int, counts: list[int]) -> list[dict[str, Any]]:
    """Print one entry per number of rules."""
    run, points, loaded = Run(devices), [], 0.0
    for count in counts:
        loaded += run.load(count)
        point: dict[str, Any] = {"rules": count, "devices": devices, "load_s": round(loaded, 2)}
        points.append(point | {"batch_ms": round(1000 * run.round(), 2)})
    state = run.bench.engine.memory()
    points[-1] |= {
        "rss_bytes": rss(),
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "state_bytes_per_pair": round(state / (devices * counts[-1]), 1),
        **reloads(run, 100),
    }
    run.fleet = BenchFleet(devices, hits=10 * run.fleet.hits, spread=run.fleet.spread)
    points[-1]["batch_ms_10x_matches"] = round(1000 * run.round(), 2)
    return points


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


if __name__ == "__main__":
    fleets, rules = _numbers(sys.argv[1]), _numbers(sys.argv[2])
    print(json.dumps([point for devices in fleets for point in main(devices, rules)]))
