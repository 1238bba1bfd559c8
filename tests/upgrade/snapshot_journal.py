"""A journal for all that an engine keeps in a snapshot, and the snapshot that the build on the path makes in it.

    PYTHONPATH=<checkout of a build> python tests/upgrade/snapshot_journal.py tests/upgrade/snapshots/version-<n>.xz

Run it once before the form of the snapshot changes: what it made is kept for every later build to load. The journal
hangs on nothing but this file and `snapshots/rules.yaml`, so neither may change.
"""

import lzma
import sys
from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from gateway.domain.device import CounterModel, Device, Point, PointKind, PointSpec, Site
from gateway.domain.reading import Quality, Reading, batch_of
from gateway.domain.record import (
    Body,
    Closed,
    CycleDone,
    DeviceSet,
    Down,
    ImportMark,
    MeterExchanged,
    PointDefined,
    PolicySet,
    Record,
    RuleRemoved,
    RuleSet,
    SiteSet,
    Tick,
    Unlatch,
)
from rules.compiled import Names, Rule
from rules.engine import Engine
from rules.format import compile_policy, compile_source, load_text, policy_source

S = 1_000_000
T0 = 1_767_225_600 * S  # 2026-01-01T00:00:00Z
HERE = Path(__file__).parent / "snapshots"
GAUGE, STATE, COUNTER = PointKind.GAUGE, PointKind.STATE, PointKind.COUNTER
RESTART = CounterModel(reset="restart")
SPECS = {
    "charger": {
        "gun_temp": PointSpec("gun_temp", GAUGE, "degC", 10 * S, each=True),
        "current": PointSpec("current", GAUGE, "A", 10 * S, each=True),
        "status": PointSpec("status", STATE, "", 0, each=True, values=("idle", "charging", "fault")),
        "heartbeat": PointSpec("heartbeat", GAUGE, "", 10 * S),
        "ambient": PointSpec("ambient", GAUGE, "degC", 30 * S),
    },
    "gas_meter": {
        "volume": PointSpec("volume", COUNTER, "m3", 600 * S, counter=CounterModel(rollover=1000.0)),
        "battery": PointSpec("battery", GAUGE, "V", 600 * S),
        "session": PointSpec("session", COUNTER, "m3", 600 * S, counter=RESTART),
        "coarse": PointSpec("coarse", COUNTER, "m3", 600 * S, counter=replace(RESTART, resolution=2.0)),
    },
}
POINTS: dict[tuple[str, int], Point] = {}
for _kind, _specs in SPECS.items():
    for _spec in _specs.values():
        for _component in (1, 2) if _spec.each else (0,):
            POINTS[_spec.name, _component] = Point(
                len(POINTS) + 1,
                _kind,
                _spec.name,
                _component,
                _spec.kind,
                _spec.unit,
                _spec.every,
                values=_spec.values,
                counter=_spec.counter,
            )
CHARGERS = tuple(
    Device(
        number,
        f"C{number}",
        "charger",
        "charger",
        components=2,
        registered=T0,
        site="s1" if number < 3 else "s2",
        attrs={"plot": "p1" if number < 3 else "p2", "insured": "2026-01-01", "trip": 91.0},
    )
    for number in (1, 2, 3)
)
METERS = tuple(Device(n, f"M{n}", "gas_meter", "gas_meter", registered=T0, site="s1") for n in (4, 5))
POLICY = """\
format: 1
quiet:
- {where: "site == 's2'", from: 2026-01-01T01:00, until: 2026-01-01T06:00, why: works}
limits: {alarms_per_rule: 4 per 10m, orders_per_site: 6 per 1h}
"""
LATER = ("zz.waits", "zz.broken-later")
"""Rules that are installed when readings have come: they wait for their history."""
BEFORE, AFTER = 260, 70
"""Steps before the snapshot, and after it."""


class Dice:
    """The same numbers on every machine and in every version of Python."""

    def __init__(self, seed: int) -> None:
        self._state = seed

    def __call__(self, sides: int) -> int:
        """From 0 below `sides`."""
        self._state = (self._state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        return (self._state >> 33) % sides


def rules() -> dict[str, Rule]:
    """The rules by id."""
    loaded = load_text((HERE / "rules.yaml").read_text("utf-8"), "rules.yaml", Names(SPECS))
    assert not loaded.problems, [problem.render() for problem in loaded.problems]
    return {rule.id: rule for rule in loaded.rules}


def journal() -> tuple[list[Record], list[Record]]:
    """The records before the snapshot, and those after it."""
    bodies = [*_definitions(), *_life(BEFORE, Dice(7), 0, after=False)]
    before = [Record(number, T0 + round(at * S), body) for number, (at, body) in enumerate(bodies, 1)]
    start = (before[-1].at - T0) // S
    later = enumerate(_life(AFTER, Dice(11), start, after=True), len(before) + 1)
    return before, [Record(number, T0 + round(at * S), body) for number, (at, body) in later]


def _definitions() -> Iterator[tuple[float, Body]]:
    for code in ("s1", "s2"):
        yield 0, SiteSet(Site(code, timezone="Asia/Shanghai"))
    for point in POINTS.values():
        yield 0, PointDefined("kept", point)
    for device in (*CHARGERS, *METERS):
        yield 0, DeviceSet(device)
    yield 0, PolicySet(policy_source([load_text(POLICY, "policy.yaml", Names(SPECS))]), "UTC")
    for rule in rules().values():
        if rule.id not in LATER:
            yield 0, _installed(rule)


def _installed(rule: Rule) -> RuleSet:
    return RuleSet(rule.id, rule.revision, rule.source, "Asia/Shanghai")


def _life(steps: int, dice: Dice, now: float, *, after: bool) -> Iterator[tuple[float, Body]]:
    """Readings, ticks and facts, `now` seconds after T0 and later."""
    volume = 990.0 + 130.0 * after
    for step in range(steps):
        now += (2, 5, 10, 10, 10, 20, 45, 240)[dice(8)]
        volume += dice(5) / 4
        frames = [
            [*_charger(device.id, component, now, dice)] for device in CHARGERS for component in (1, 2) if dice(4)
        ]
        frames += [[*_meter(device.id, now, volume, dice)] for device in METERS if not dice(3)]
        if step % 23 == 22:  # a late one
            frames.append([_reading(1 + dice(3), "gun_temp", now - 30 - dice(300), 60.0 + dice(40), 1, now)])
        if step % 31 == 30:  # another value at a moment that was reported
            frames.append([_reading(1, "gun_temp", now, 60.0 + dice(40), 1, now)])
        if any(frames):
            yield now, batch_of([frame for frame in frames if frame])
        if dice(3):
            yield now, Tick(T0 + round(now * S))
        yield from ((now, body) for body in _facts(step, now, after=after))


def _facts(step: int, now: float, *, after: bool) -> Iterator[Body]:
    match step:
        case 40:
            yield Unlatch("c.levels", 1, 1)
            yield Closed("t.identity-latch", 2, 1, "WO-1", identity=("fault",))
        case 60:
            yield CycleDone("p.every", 4, 0, None, at=T0 + round(now * S), order="WO-2")
            yield CycleDone("v.work", 1, 0, at=T0 + round(now * S))
            yield Closed("q.due", 2, 0, "WO-3")
        case 90:
            yield Down(T0 + round((now - 30) * S), T0 + round(now * S))
        case 110:
            yield DeviceSet(replace(CHARGERS[1], attrs=CHARGERS[1].attrs | {"trip": 80.0, "plot": "p2"}))
        case 130:
            yield MeterExchanged(4, POINTS["volume", 0].id, T0 + round(now * S), 3.0)
        case 150:
            yield ImportMark("one" if after else "two", "x.csv", done=False)
        case 200 if not after:
            yield RuleRemoved("w.peak")
            for name in LATER:
                yield _installed(rules()[name])
        case 45 if after:
            yield RuleRemoved("w.mean")
            yield ImportMark("two", "x.csv", done=True)


def _reading(device: int, name: str, at: float, value: float, component: int, received: float) -> Reading:
    quality = Quality.BAD if value != value else Quality.GOOD
    return Reading(
        device, POINTS[name, component].id, T0 + round(at * S), value, quality, received=T0 + round(received * S)
    )


def _charger(device: int, component: int, now: float, dice: Dice) -> Iterator[Reading]:
    values = {
        "gun_temp": float("nan") if not dice(20) else 55.0 + dice(45),
        "current": dice(50) / 10,
        "status": float(dice(3)),
        "heartbeat": 1.0,
        "ambient": 20.0 + dice(25),
    }
    for name, value in values.items():
        if dice(3):
            yield _reading(device, name, now, value, component if (name, 1) in POINTS else 0, now)


def _meter(device: int, now: float, volume: float, dice: Dice) -> Iterator[Reading]:
    fall = 5.0 * (not dice(15))
    values = {
        "volume": (volume - fall) % 1000.0,
        "battery": 3.0 + dice(10) / 10,
        "session": volume % 7.0 - fall / 5,
        "coarse": volume % 40.0,
    }
    for name, value in values.items():
        if dice(4):
            yield _reading(device, name, now, value, 0, now)


def engine() -> Engine:
    """A new one."""
    return Engine(0, compile_source, "kept", compile_policy=compile_policy)


def main(path: str) -> None:
    """Write the snapshot that follows the first part of the journal."""
    made = engine()
    for record in journal()[0]:
        made.step(record)
    Path(path).write_bytes(lzma.compress(made.snapshot(), preset=9 | lzma.PRESET_EXTREME))


if __name__ == "__main__":
    main(sys.argv[1])
