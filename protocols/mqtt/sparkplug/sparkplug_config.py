"""`sparkplug` of an MQTT source: which nodes, whose metrics, as which points."""

import re
from collections.abc import Mapping
from typing import Final, Self

from pydantic import Field, model_validator

from gateway.domain.duration import HOUR, MINUTE, MS, SECOND, format_duration
from gateway.section import Duration, Section, wrong
from protocols.mapping.point_config import ComponentOf, NameTemplate, PointMap, UnitAt
from protocols.mapping.topic import parse_template

NAMESPACE: Final = "spBv1.0"
_KINDS: Final = ("NBIRTH/{}", "NDEATH/{}", "NDATA/{}", "DBIRTH/{}/{}", "DDEATH/{}/{}", "DDATA/{}/{}")
_HOLE: Final = re.compile(r"\{([a-z_][a-z0-9_]*)(\*?)\}")


class SparkplugConfig(Section):
    """`groups` empty = all. `device`, `node`: the code in the device list, of `{group}`, `{node}`, `{device}`; without
    `node` the metrics of nodes themselves are not read. `points`: name of a metric -> what differs from its profile, in
    the words of a route's point; `profiles`: the same for the devices of one profile, and before the others.

    `reorder`: how long a message that is missing may still come; `rebirth`: least time between two requests to a node.
    """

    host_id: str | None = None
    groups: tuple[str, ...] = ()
    device: NameTemplate = "{device}"
    node: NameTemplate | None = None
    points: dict[str, PointMap] = Field(default_factory=dict)
    profiles: dict[str, dict[str, PointMap]] = Field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    reorder: Duration = 2 * SECOND
    rebirth: Duration = 10 * SECOND

    @model_validator(mode="after")
    def _names(self) -> Self:
        for text in (*self.groups, *([] if self.host_id is None else [self.host_id])):
            if not text or {"/", "+", "#", "\0"} & set(text) or text == "STATE":
                raise wrong("mqtt.sparkplug_id", got=text)
        for key, template, known in (
            ("device", self.device, ("group", "node", "device")),
            ("node", self.node or "{node}", ("group", "node")),
        ):
            names = parse_template(template).names
            if other := next((name for name in names if name not in known), None):
                raise wrong("route.capture", got=f"{key}: {template}", level=other, known=", ".join(known))
            if known[-1] not in names:
                raise wrong("mqtt.sparkplug_code", got=f"{key}: {template}", name=known[-1])
        return self

    @model_validator(mode="after")
    def _points(self) -> Self:
        for points in (self.points, *self.profiles.values()):
            for metric, entry in points.items():
                _fits(metric, entry)
        for key, low, high in (("reorder", 100 * MS, MINUTE), ("rebirth", SECOND, HOUR)):
            value = getattr(self, key)
            if not low <= value <= high:
                text = f"{key} {format_duration(value)}"
                raise wrong("mqtt.range", got=text, low=format_duration(low), high=format_duration(high))
        return self

    @property
    def filters(self) -> list[str]:
        """What is subscribed: births, deaths and data of the groups, and the state of this host."""
        groups = self.groups or ("+",)
        found = [f"{NAMESPACE}/{group}/{kind.replace('{}', '+')}" for group in groups for kind in _KINDS]
        return found if self.host_id is None else [*found, self.state_topic]

    @property
    def captured_filters(self) -> list[str]:
        """The filters in the words of a route, for comparing them with others."""
        found = []
        for text in self.filters:
            levels = text.split("/")
            found.append("/".join(f"{{level{n}}}" if level == "+" else level for n, level in enumerate(levels)))
        return found

    @property
    def state_topic(self) -> str:
        """Of this host (section 4.8)."""
        return f"{NAMESPACE}/STATE/{self.host_id}"


def _fits(metric: str, entry: PointMap) -> None:
    bad = {"path", "value", "time"} & entry.model_fields_set
    bad |= {"unit"} if isinstance(entry.unit, UnitAt) else set()
    bad |= {"component"} if isinstance(entry.component, ComponentOf) and entry.component.path else set()
    if bad:
        raise wrong("mqtt.sparkplug_point", got=metric, keys=", ".join(sorted(bad)))
    names = MetricPattern(metric).names
    used = parse_template(entry.point).names if entry.point else ()
    capture = entry.component.capture if isinstance(entry.component, ComponentOf) else None
    for name in (*used, *([] if capture is None else [capture])):
        if name not in names:
            raise wrong("route.capture", got=metric, level=name, known=", ".join(names) or "-")


class MetricPattern:
    """The name of a metric with captures: `Connector{gun}/Power`, `{field*}`. A capture ends at a `/`, one with a star
    does not."""

    def __init__(self, text: str) -> None:
        pieces, at, names = list[str](), 0, list[str]()
        for hole in _HOLE.finditer(text):
            pieces += [re.escape(text[at : hole.start()]), "(.+)" if hole[2] else "([^/]+?)"]
            names.append(hole[1])
            at = hole.end()
        if len(set(names)) != len(names):
            raise wrong("route.filter_twice", got=text, level=names[-1])
        self.text, self.names = text, tuple(names)
        self._regex = re.compile("".join(pieces) + re.escape(text[at:]), re.DOTALL)

    def match(self, metric: str) -> Mapping[str, str] | None:
        """Captured name -> text; None when it is another metric."""
        found = self._regex.fullmatch(metric)
        return None if found is None else dict(zip(self.names, found.groups(), strict=True))
