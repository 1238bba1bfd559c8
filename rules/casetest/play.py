"""A scene through the engine: a virtual journal with ticks, once live with its restarts, once replayed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
from msgspec.structs import asdict, replace

from gateway.domain.alarm import Transition, canonical
from gateway.domain.device import Device, Life
from gateway.domain.duration import DAY, HOUR, SECOND
from gateway.domain.errors import ConfigError
from gateway.domain.reading import Batch, Quality
from gateway.domain.record import (
    Body,
    DeviceDefined,
    DeviceSet,
    Down,
    MeterExchanged,
    PointDefined,
    Record,
    RuleSet,
    SiteSet,
    Tick,
    Unlatch,
)  # fmt: skip
from rules.casetest.scene import Happening, Scene, Told
from rules.compiled import Calendar, Expression, Increase, Period, Rule, Share, Silence, Stat
from rules.engine import Engine
from rules.engine.calendar import window, zone_of
from rules.format import compile_source, edit

ZONE = "UTC"
TENANT = "test"
_LONGEST = {Period.HOUR: HOUR, Period.DAY: 25 * HOUR, Period.WEEK: 7 * DAY + HOUR, Period.MONTH: 31 * DAY + HOUR}


@dataclass(slots=True)
class Play:
    """What came of a scene. `agree` False: the replay from a snapshot gave `replayed` instead."""

    got: list[Transition] = field(default_factory=list)
    replayed: list[Transition] = field(default_factory=list)
    agree: bool = True


class Stage:
    """The virtual journal of one scene and the engine that reads it."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.rule = scene.rule
        self.records: list[Record] = []
        self.got: list[Transition] = []
        self.engine = Engine(0, compile_source, TENANT)
        self.clock = scene.start
        self.devices = {device.id: device for device in scene.devices.values()}
        self.sites = dict(scene.sites)

    def write(self, at: int, body: Body) -> None:
        """Append a record and let the engine read it."""
        record = Record(len(self.records) + 1, at, body)
        self.records.append(record)
        self.got += self.engine.step(record)

    def ticks(self, until: int, *, inclusive: bool) -> None:
        """One tick per second up to `until`, leaving out those at which nothing can be due."""
        start = self.scene.start
        last = (until - start) // SECOND if inclusive else (until - start - 1) // SECOND
        while True:
            due = self.engine.next_due()
            next_tick = (self.clock - start) // SECOND + 1
            if due is not None:
                next_tick = max(next_tick, -((start - due) // SECOND))
            if due is None or next_tick > last:
                self.clock = max(self.clock, start + last * SECOND)
                return
            self.clock = start + next_tick * SECOND
            self.write(self.clock, Tick(self.clock))

    def run(self) -> None:
        """The whole case."""
        scene = self.scene
        self._prepare()
        deliveries = [(at, list(group)) for at, group in groupby(scene.told, key=lambda told: told.received)]
        happenings = sorted(scene.happenings, key=lambda one: one.at)
        until = scene.until if scene.until is not None else self._until()
        away = 0
        while deliveries or happenings:
            at = max(away, min([when for when, _ in deliveries[:1]] + [one.at for one in happenings[:1]]))
            if at > until and scene.until is not None:
                break
            self.ticks(at, inclusive=False)
            while deliveries and max(deliveries[0][0], away) <= at:
                when, group = deliveries.pop(0)
                self.write(at, batch_of_told(group, max(when, at)))
            while happenings and max(happenings[0].at, away) <= at:
                away = max(away, self._happen(happenings.pop(0), at))
            if away <= at:
                self.ticks(at, inclusive=True)
        self.ticks(until, inclusive=True)

    def _prepare(self) -> None:
        start = self.scene.start
        for site in self.sites.values():
            self.write(start, SiteSet(site))
        for point in self.scene.points.values():
            self.write(start, PointDefined(TENANT, point))
        for device in self.devices.values():
            self.write(start, DeviceDefined(device.id, TENANT, device.code, device.profile))
            self.write(start, DeviceSet(device))
        self.write(start, RuleSet(self.rule.id, self.rule.revision, self.rule.source, ZONE))

    def _happen(self, event: Happening, at: int) -> int:
        """Carry an event out; the time until which the gateway is away, 0 = it is there."""
        value = event.value if isinstance(event.value, Mapping) else {}
        match event.what:
            case "restart":
                back = at + (event.value if isinstance(event.value, int) else 0)
                self.engine = Engine.restore(self.engine.snapshot(), compile_source)
                last = self.scene.start + max(0, (at - self.scene.start - 1) // SECOND) * SECOND
                self.clock = back
                self.write(back, Down(last, back))
                return back
            case "set":
                self._set(event, value, at)
            case "edit":
                scene = self.scene
                line = scene.case.lines.get(event.where, scene.case.line)
                path = f"{scene.case.path}.{event.where}"
                self.rule = edit(self.rule, value, scene.tests.vocabulary, scene.case.file, path, line)
                self.write(at, RuleSet(self.rule.id, self.rule.revision, self.rule.source, ZONE))
            case "unlatch":
                self.write(at, Unlatch(self.rule.id, event.device, event.component))
            case "exchange":
                for name, first in value.items():
                    point = next((p for (_, n, _), p in self.scene.points.items() if n == name), None)
                    if point is None or not isinstance(first, int | float):
                        raise ConfigError([self.scene.case.problem(
                            event.where, "casetest.shape", value=dict(value), write="exchange: {volume_total: 0}"
                        )])  # fmt: skip
                    self.write(at, MeterExchanged(event.device, point.id, at, float(first)))
        return 0

    def _set(self, event: Happening, value: Mapping[str, object], at: int) -> None:
        """Merge into the device, or into its site: `set: {attrs: {..}, life: retired}`, `set: {site: s2}`."""
        device = self.devices[event.device]
        changed = asdict(device)
        for key, new in value.items():
            if key == "attrs" and isinstance(new, Mapping):
                changed["attrs"] = {**device.attrs, **{str(k): v for k, v in new.items()}}
            elif key == "life" and new in {life.value for life in Life}:
                changed["life"] = Life(str(new))
            elif key in {"site", "name", "customer"} and isinstance(new, str):
                changed[key] = new
            elif key == "tags" and isinstance(new, list):
                changed["tags"] = tuple(str(tag) for tag in new)
            else:
                raise ConfigError([self.scene.case.problem(
                    event.where, "casetest.shape", value={key: new},
                    write="attrs: {..}, life: retired, site: s1, name, customer or tags: [..]",
                )])  # fmt: skip
        self.devices[event.device] = replace(device, **{k: v for k, v in changed.items() if k != "id"})
        self.write(at, DeviceSet(self.devices[event.device]))

    def _until(self) -> int:
        """The last reading or event plus the longest timer; for calendar rules also the end of its window."""
        scene = self.scene
        last = max([scene.start, *(t.received for t in scene.told), *(h.at for h in scene.happenings)])
        longest = max([0, *timers(self.rule)])
        every = max((p.every for p in scene.points.values() if p.name in self.rule.points), default=0)
        ends = [
            window(zone, signal.window, last)[1] + 3 * every + SECOND
            for device in self.devices.values()
            for signal in self.rule.signals
            if isinstance(signal, Increase | Stat | Share) and isinstance(signal.window, Calendar)
            if (zone := zone_of(self._zone(device))) is not None
        ]
        return max([last + longest, *ends])

    def _zone(self, device: Device) -> str:
        site = self.sites.get(device.site)
        return site.timezone if site is not None and site.timezone else ZONE


def timers(rule: Rule) -> Iterator[int]:
    """How long each timer of a rule may run, µs."""
    yield rule.clear_after
    condition = rule.condition
    if isinstance(condition, Silence):
        longer = condition.longer_than
        if isinstance(longer, Expression):
            hours = [limit.value for limit in longer.limits if limit.value == limit.value]
            yield round(max([48.0, *hours]) * HOUR)
        else:
            yield longer
    elif isinstance(condition, tuple):
        for level in condition:
            yield level.hold.for_
            yield level.clear_hold


def batch_of_told(told: list[Told], received: int) -> Batch:
    """What is delivered at one instant; frames in order."""
    frames = {frame: k for k, frame in enumerate(dict.fromkeys(one.frame for one in told))}
    value = np.array([one.value for one in told], np.float64)
    return Batch(
        np.array([one.device for one in told], np.int32),
        np.array([one.point for one in told], np.int32),
        np.array([one.at for one in told], np.int64),
        value,
        np.where(np.isnan(value), int(Quality.BAD), int(Quality.GOOD)).astype(np.uint8),
        np.zeros(len(told), np.uint8),
        np.array([frames[one.frame] for one in told], np.int32),
        np.full(len(frames), received, np.int64),
    )


def play(scene: Scene) -> Play:
    """Run the case live, then replay its journal from a snapshot in the middle. Raises ConfigError for a bad edit."""
    stage = Stage(scene)
    stage.run()
    replayed = replay(stage.records, len(stage.records) // 2, compile_source)
    agree = [canonical(one) for one in stage.got] == [canonical(one) for one in replayed]
    return Play(stage.got, replayed, agree)


def replay(records: list[Record], middle: int, compile_rule: Callable[[bytes], Rule]) -> list[Transition]:
    """The same records through an engine that is lost after `middle` of them and restored from its snapshot."""
    engine = Engine(0, compile_rule, TENANT)
    got = [one for record in records[:middle] for one in engine.step(record)]
    engine = Engine.restore(engine.snapshot(), compile_rule)
    return got + [one for record in records[middle:] for one in engine.step(record)]
