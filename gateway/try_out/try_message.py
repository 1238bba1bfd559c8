"""One message through the routes, or one poll of a device, as data."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.adapter_ports import MessageTrial, PollRequest
from gateway.adapters import SOURCES
from gateway.domain.clocks import clamp
from gateway.domain.device import Device, Point, PointKind
from gateway.domain.reading import Batch, Flag, Quality
from gateway.domain.text import Localized
from gateway.ports import Clock
from gateway.registry import Registry
from gateway.settings.project import Project
from gateway.try_out.project_registry import in_memory_registry, trial_services
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
class TryResult:
    """Result of a trial: `message` if it was one, else a poll. `size` bytes. `rules` are (id, mode) of those that
    read one of these points. `requests` are those of a poll, `failure` why there was no answer."""

    source: str
    what: str
    size: int = 0
    message: MessageTrial | None = None
    rows: list[ReadingRow] = field(default_factory=list)
    rules: list[tuple[str, str]] = field(default_factory=list)
    requests: tuple[PollRequest, ...] = ()
    failure: Localized | str = ""

    @property
    def route(self) -> int:
        """Number of the route, from 0; -1 = none."""
        return -1 if self.message is None else self.message.route


def try_message(
    project: Project, clock: Clock, topic: str, payload: bytes, *, retain: bool = False, source: str = ""
) -> list[TryResult]:
    """Result of each source that takes messages (or of `source` alone); sources without a route for it are included
    only when no source has one."""
    names = [name for name in message_sources(project) if source in {"", name}]
    found = [_mapped(project, clock, name, topic, payload, retain) for name in names]
    return [one for one in found if one.route >= 0] or found


def message_sources(project: Project) -> list[str]:
    """Names of the sources that take messages."""
    sources = project.settings.sources
    return [name for name, config in sources.items() if SOURCES[config.type].try_message is not None]


def _mapped(project: Project, clock: Clock, name: str, topic: str, payload: bytes, retain: bool) -> TryResult:
    config, registry = project.settings.sources[name], in_memory_registry(project, clock)
    attempt = SOURCES[config.type].try_message
    assert attempt is not None
    services = trial_services(project, name, registry, clock)
    trial = attempt(name, config, services, topic, payload, retain)
    batch, _ = clamp(trial.batch, project.settings.clock.ahead_limit)
    tried = TryResult(name, topic, len(payload), trial, _rows(batch, registry))
    tried.rules = _rules(project, tried.rows)
    return tried


def _point(registry: Registry, device: int, point: int) -> Point | None:
    """The point with the limits of this device."""
    return registry.device_limits().get((device << 32) | point) or registry.point_by_id(point)


def _rows(batch: Batch, registry: Registry) -> list[ReadingRow]:
    found = []
    for reading in batch.readings():
        device, point = registry.device_by_id(reading.device), _point(registry, reading.device, reading.point)
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
        (name, rule.mode)
        for name, rule in sorted(project.rulebook.rules.items())
        if rule.mode != "off" and any((kind, point) in read for kind in rule.watch.kinds for point in points_of(rule))
    ]


async def try_poll(project: Project, clock: Clock, device: str) -> list[TryResult]:
    """One real poll cycle of a device by each source that polls it; empty when none does. Reads only."""
    found = []
    for name, config in project.settings.sources.items():
        attempt = SOURCES[config.type].try_poll
        if attempt is None:
            continue
        registry = in_memory_registry(project, clock)
        poll = await attempt(name, config, trial_services(project, name, registry, clock), device)
        if poll is None:
            continue
        known = registry.device(device)
        assert known is not None
        tried = TryResult(name, f"{device} {poll.link} {poll.unit}", requests=poll.requests, failure=poll.failure)
        for one in poll.rows:
            point = _point(registry, known.id, one.point)
            assert point is not None
            value = _value(point, one.value, one.quality)
            tried.rows.append(ReadingRow(known, point, poll.at, value, one.quality, words=one.words))
        tried.rules = _rules(project, tried.rows)
        found.append(tried)
    return found
