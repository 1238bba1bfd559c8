"""Metrics of Sparkplug devices -> points of their profiles. Everything remembered is bounded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.domain.device import AsSent, Device, Point
from gateway.domain.units import UnitError, parse_unit
from gateway.ports import Directory
from protocols.mapping.binding import SentBy
from protocols.mapping.column import Column, Misfit, misfit
from protocols.mapping.point_config import ComponentOf, PointMap
from protocols.mapping.topic import parse_template, point_name
from protocols.mapping.unused_fields import NO_COMPONENT, NO_POINT
from protocols.mqtt.sparkplug.node import NodeName
from protocols.mqtt.sparkplug.sparkplug_config import MetricPattern, SparkplugConfig

_MOST: Final = 50_000
"""Metrics of profiles that are remembered."""
_CONTROL: Final = ("Node Control/", "Device Control/", "Node Info/")
"""What the specification itself has in births."""


@dataclass(frozen=True, slots=True)
class BoundMetric:
    """Where a metric goes."""

    point: int
    column: Column


@dataclass(frozen=True, slots=True)
class UnboundMetric:
    """Why a metric goes nowhere: no_point, no_component; "" = it is left out on purpose."""

    reason: str
    detail: str = ""


ON_PURPOSE: Final = UnboundMetric("")


class _Entry:
    """One entry of `points`, compiled."""

    def __init__(self, metric: str, config: PointMap) -> None:
        self.pattern, self.config = MetricPattern(metric), config
        self._name = None if config.point is None else parse_template(config.point)

    def named(self, metric: str, captures: Mapping[str, str]) -> tuple[str, int | None]:
        """Point and component; None = the message names no number."""
        name = point_name(metric if self._name is None else self._name.fill(captures))
        of = self.config.component
        if not isinstance(of, ComponentOf):
            return name, of
        text = captures[of.capture or ""]
        return name, int(text) + of.add if text.isascii() and text.isdigit() and len(text) < 10 else None


_PLAIN: Final = PointMap()


class MetricBindings:
    """The words of a configuration over the registry's directory."""

    def __init__(self, config: SparkplugConfig, directory: Directory, sent: SentBy) -> None:
        self.misfits: dict[int, Misfit] = {}
        """Points that a metric cannot fill (their readings are bad), by point id."""
        self._directory, self._sent = directory, sent
        self._device = parse_template(config.device)
        self._node = None if config.node is None else parse_template(config.node)
        self._exact, self._ignored = frozenset(config.ignore), tuple(t[:-1] for t in config.ignore if t.endswith("*"))
        common = [_Entry(metric, entry) for metric, entry in config.points.items()]
        own = {
            name: [_Entry(metric, entry) for metric, entry in points.items()]
            for name, points in config.profiles.items()
        }
        self._common, self._own = common, own
        self._known: dict[tuple[str, int, str, str | None], BoundMetric | UnboundMetric] = {}
        self._version = directory.version

    def refresh(self) -> None:
        """Forget everything when the registry has changed."""
        if self._directory.version != self._version:
            self._version = self._directory.version
            self._known.clear()

    def code(self, name: NodeName, device: str) -> str | None:
        """The code of a device, or of the node itself ("")); None: metrics of nodes are not read."""
        template = self._device if device else self._node
        if template is None:
            return None
        return template.fill({"group": name.group, "node": name.node, "device": device})

    def bound(self, device: Device, metric: str, unit: str | None) -> BoundMetric | UnboundMetric:
        """`unit`: as the birth names it; it counts where it suits the point and the configuration names none."""
        key = (device.profile, device.components, metric, unit)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _MOST:
                self._known.clear()
            found = self._known[key] = self._bind(device, metric, unit)
        return found

    def _bind(self, device: Device, metric: str, unit: str | None) -> BoundMetric | UnboundMetric:
        if metric in self._exact or metric.startswith(self._ignored) or metric == "bdSeq":
            return ON_PURPOSE
        config, (name, component) = self._words(device.profile, metric)
        known, by_name = self._directory.points(device.profile), self._sent(device.profile)
        if component == 0 and (name, 0) not in known and name in by_name:
            name = by_name[name].on_device or name
        point = known.get((name, component)) if component is not None and component <= device.components else None
        if point is None:
            if metric.startswith(_CONTROL):
                return ON_PURPOSE
            named = any(one == name for one, _ in known)
            detail = f"{name}#{component} (1-{device.components})" if named else f"{device.profile}: {name}"
            return UnboundMetric(NO_COMPONENT if named else NO_POINT, detail)
        wrong = misfit(config, point)
        if wrong is not None:
            self.misfits[point.id] = wrong
        if config.unit is None and unit is not None and _suits(unit, point):
            config = config.model_copy(update={"unit": unit})
        sent = by_name.get(name, AsSent(values=point.values))
        return BoundMetric(point.id, Column(config, point, self._directory.state_code, sent))

    def _words(self, profile: str, metric: str) -> tuple[PointMap, tuple[str, int | None]]:
        entries: Sequence[_Entry] = [*self._own.get(profile, ()), *self._common]
        for entry in entries:
            captures = entry.pattern.match(metric)
            if captures is not None:
                return entry.config, entry.named(metric, captures)
        return _PLAIN, (point_name(metric), 0)


def _suits(unit: str, point: Point) -> bool:
    try:
        return bool(point.unit) and parse_unit(unit).dimension == parse_unit(point.unit).dimension
    except UnitError:
        return False
