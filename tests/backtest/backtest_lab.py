"""The same readings live, frame by frame with a tick per second, and through a backtest."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from gateway.backtest.runner import run_players
from gateway.domain.device import Device, Point, PointKind, PointSpec, Site
from gateway.domain.duration import SECOND
from gateway.domain.reading import Batch, empty_batch
from gateway.domain.record import Body, DeviceSet, PointDefined, Record, RuleSet, SiteSet, Tick
from rules.backtest import BacktestEpisode, Episodes, PlayedRegistry, Player
from rules.compiled import Names, Rule
from rules.engine import Engine
from rules.format import compile_source, load_text

START = (1_767_225_600 + 2400) * SECOND  # 08:40 in Shanghai
EVERY = 10 * SECOND
NAMES = ("temp", "power", "total")
KINDS = (PointKind.GAUGE, PointKind.GAUGE, PointKind.COUNTER)
SPECS = {name: PointSpec(name, kind, "", EVERY) for name, kind in zip(NAMES, KINDS, strict=True)}
HEAD = "\n  title: {en: t, zh: t}\n  why: w\n  watch: {kind: charger}\n  then: {order: {type: repair}}\n"


def rules_of(text: str) -> tuple[Rule, ...]:
    """Rules of a file on the points temp, power (gauges) and total (a counter) of chargers."""
    loaded = load_text(text, "lab.yaml", Names({"charger": SPECS}))
    assert not loaded.problems, [one.render() for one in loaded.problems]
    return loaded.rules


def field(devices: int) -> PlayedRegistry:
    """Two sites, devices d1.. in turn."""
    points = [
        Point(k, "p", name, 0, kind, "", EVERY) for k, (name, kind) in enumerate(zip(NAMES, KINDS, strict=True), 1)
    ]
    made = [Device(k, f"d{k}", "p", "charger", site=f"s{k % 2}", registered=START) for k in range(1, devices + 1)]
    return PlayedRegistry((Site("s0"), Site("s1")), (), made, points)


def history(seed: int, devices: int, rounds: int) -> Batch:
    """Sorted by time, a frame per device and moment: values that wander over 50, silences, bad readings."""
    random = np.random.default_rng(seed)
    rows: list[tuple[int, int, int, float]] = []
    value = random.uniform(30, 60, (devices, 2))
    total = np.zeros(devices)
    quiet = np.zeros(devices, np.int64)
    for number in range(rounds):
        value += random.normal(0, 6, value.shape) - (value - 45) * 0.05
        total += random.uniform(0, 1, devices) * (random.random(devices) > 0.3)
        quiet = np.where(
            quiet > 0, quiet - 1, np.where(random.random(devices) < 0.01, random.integers(5, 60, devices), 0)
        )
        for d in range(devices):
            at = START + number * EVERY + d * (EVERY // devices)
            if quiet[d]:
                continue
            bad = random.random() < 0.02
            cells = [float("nan") if bad else round(float(value[d, 0]), 1), round(float(value[d, 1]), 1), total[d]]
            rows += [(d + 1, p, at, float(x)) for p, x in enumerate(cells, 1)]
    columns = list(zip(*rows, strict=True))
    device, at = np.array(columns[0], np.int32), np.array(columns[2], np.int64)
    values = np.array(columns[3], np.float64)
    new = np.ones(len(rows), np.bool_)
    new[1:] = (device[1:] != device[:-1]) | (at[1:] != at[:-1])
    return Batch(
        device,
        np.array(columns[1], np.int32),
        at,
        values,
        np.where(np.isnan(values), 0, 2).astype(np.uint8),
        np.zeros(len(rows), np.uint8),
        (np.cumsum(new) - 1).astype(np.int32),
        at[new],
    )


def live(rules: Sequence[Rule], place: PlayedRegistry, batch: Batch, until: int) -> list[BacktestEpisode]:
    """Episodes of an engine that hears every frame when it comes, and a tick each second at which something is due."""
    engine, episodes, seq = Engine(0, compile_source, "lab"), Episodes(START), 0

    def step(at: int, body: Body) -> None:
        nonlocal seq
        seq += 1
        for transition in engine.step(Record(seq, at, body)):
            episodes.add(transition)

    def ticks(moment: int) -> None:
        while (due := engine.next_due()) is not None:
            tick = max(engine.now + SECOND, -(-due // SECOND) * SECOND)
            if tick > moment:
                return
            step(tick, Tick(tick))

    facts: list[Body] = [SiteSet(site) for site in place.sites] + [PointDefined("lab", p) for p in place.points]
    facts += [DeviceSet(device) for device in place.devices]
    for fact in (*facts, *(RuleSet(rule.id, rule.revision, rule.source, "Asia/Shanghai") for rule in rules)):
        step(START, fact)
    step(START, Tick(START))
    edges = [*np.flatnonzero(np.diff(batch.frame, prepend=-1)).tolist(), len(batch)]
    for begin, end in pairwise(edges):
        at = int(batch.at[begin])
        ticks(at - 1)
        step(at, batch.select(np.arange(begin, end)))
    ticks(until)
    return episodes.counted(1 << 62)


def backtested(
    rules: Sequence[Rule], place: PlayedRegistry, batch: Batch, until: int, pieces: int
) -> list[BacktestEpisode]:
    """Episodes of a backtest that reads the same in so many pieces of whole moments."""
    player = Player(rules, place, "Asia/Shanghai", START, START)
    cuts = [
        0,
        *(int(np.searchsorted(batch.at, batch.at[len(batch) * k // pieces])) for k in range(1, pieces)),
        len(batch),
    ]
    parts = [batch.select(np.arange(a, b)) for a, b in pairwise(cuts)]
    judged = run_players([player], empty_batch(), parts, until, lambda _: None)
    assert judged == len(batch)
    return player.episodes.counted(1 << 62)
