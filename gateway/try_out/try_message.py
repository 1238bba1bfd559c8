"""One message through the routes, or one poll of a device, as data."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from gateway.domain.clocks import clamp
from gateway.domain.device import Device, Point, PointKind
from gateway.domain.reading import Batch, Flag, Quality
from gateway.domain.record import Raw
from gateway.domain.text import Sayable
from gateway.ports import Clock
from gateway.registry import Registry
from gateway.settings.project import Project
from gateway.try_out.project_registry import paper_registry
from protocols.modbus.config import ModbusConfig
from protocols.modbus.single_poll import Request, poll_once
from protocols.mqtt.config import MqttConfig
from protocols.mqtt.mapper import Mapper
from protocols.mqtt.unused_log import Unused
from rules.compiled.reads import points as points_of


@dataclass(frozen=True, slots=True)
class ReadingRow:
    """One reading. `value` is a number in `unit` or the text of a state, None when bad; `words` are registers."""

    device: Device
    point: Point
    at: int
    value: float | str | None
    quality: Quality
    flags: Flag = Flag.NONE
    words: tuple[int, ...] | None = None


@dataclass(slots=True)
class Tried:
    """What became of it. `route` counts from 0, -1 = none. `size` bytes. `ignored`: read, and left out on purpose.

    `rules` are (id, mode) of those that read one of these points. `requests` are those of a poll, `failure` says why
    nothing was answered.
    """

    source: str
    what: str
    route: int = -1
    size: int = 0
    filter: str = ""
    rows: list[ReadingRow] = field(default_factory=list)
    rejected: tuple[Raw, ...] = ()
    partial: tuple[Raw, ...] = ()
    unused: tuple[Unused, ...] = ()
    ignored: bool = False
    rules: list[tuple[str, str]] = field(default_factory=list)
    requests: tuple[Request, ...] = ()
    failure: Sayable | str = ""


@dataclass(slots=True)
class _Message:
    topic: str
    payload: bytes
    retain: bool


def try_message(
    project: Project, clock: Clock, topic: str, payload: bytes, *, retain: bool = False, source: str = ""
) -> list[Tried]:
    """What each MQTT source (or `source` alone) would make of a message; those that have no route for it only when none
    has one."""
    found = []
    for name, config in project.settings.sources.items():
        if isinstance(config, MqttConfig) and source in {"", name}:
            found.append(_mapped(project, clock, name, config, _Message(topic, payload, retain)))
    return [one for one in found if one.route >= 0] or found


def _mapped(project: Project, clock: Clock, name: str, config: MqttConfig, message: _Message) -> Tried:
    settings, registry = project.settings, paper_registry(project, clock)
    mapper = Mapper(name, config, registry, project.as_sent, settings.series.retention)
    tried = Tried(name, message.topic, mapper.route_of(message), size=len(message.payload))
    if tried.route >= 0:
        tried.filter = config.routes[tried.route].filter
    mapped = mapper.map([message], np.array([clock.now()], np.int64))
    batch, _ = clamp(mapped.batch, settings.clock.ahead_limit)
    tried.rows = _rows(batch, registry)
    tried.rejected, tried.partial, tried.unused = mapped.rejected, mapped.partial, mapped.unused
    tried.ignored = mapped.ignored > 0
    tried.rules = _rules(project, tried.rows)
    return tried


def _rows(batch: Batch, registry: Registry) -> list[ReadingRow]:
    found = []
    for reading in batch.readings():
        device, point = registry.device_by_id(reading.device), registry.point_by_id(reading.point)
        assert device is not None
        assert point is not None
        value = _value(point, reading.value, reading.quality)
        found.append(ReadingRow(device, point, reading.at, value, reading.quality, reading.flags))
    return found


def _value(point: Point, value: float, quality: Quality) -> float | str | None:
    if quality == Quality.BAD:
        return None
    return point.values[int(value)] if point.kind is PointKind.STATE else value


def _rules(project: Project, rows: Iterable[ReadingRow]) -> list[tuple[str, str]]:
    """Rules that read one of these points."""
    read = {(row.device.kind, row.point.name) for row in rows}
    return [
        (name, rule.mode) for name, rule in sorted(project.rulebook.rules.items())
        if rule.mode != "off" and any((kind, point) in read for kind in rule.watch.kinds for point in points_of(rule))
    ]  # fmt: skip


async def try_poll(project: Project, clock: Clock, device: str) -> list[Tried]:
    """One real poll cycle of a device by each Modbus source that polls it; empty when none does. Reads only."""
    found = []
    for name, config in project.settings.sources.items():
        if not isinstance(config, ModbusConfig):
            continue
        registry = paper_registry(project, clock)
        poll = await poll_once(name, config, registry, project.maps, clock, registry.known().devices, device)
        if poll is None:
            continue
        known = registry.device(device)
        assert known is not None
        tried = Tried(name, f"{device} {poll.link} {poll.unit}", requests=poll.requests, failure=poll.failure)
        for register, words, value, quality in poll.rows:
            point = registry.point_by_id(register.point)
            assert point is not None
            tried.rows.append(
                ReadingRow(known, point, poll.at, _value(point, value, quality), quality, words=_tuple(words))
            )  # fmt: skip
        tried.rules = _rules(project, tried.rows)
        found.append(tried)
    return found


def _tuple(words: Sequence[int] | None) -> tuple[int, ...] | None:
    return None if words is None else tuple(words)
