"""A small registry of Sparkplug devices, a receiver over it, and messages of the simulator."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mqtt_kit import NOW, Registry, Said

from gateway.domain.device import Point, PointKind
from gateway.domain.duration import SECOND
from protocols.mapping.binding import sent_canonically
from protocols.mapping.mapper import Mapped
from protocols.mqtt.sparkplug.node import NodeName, NodeSessions
from protocols.mqtt.sparkplug.receiver import SparkplugReceiver
from protocols.mqtt.sparkplug.sparkplug_config import SparkplugConfig
from simulators.sparkplug_node import NodeModel, SentMetric

POINTS = [
    Point(1, "meter", "Meter_Energy", unit="kWh", kind=PointKind.COUNTER),
    Point(2, "meter", "power", unit="kW"),
    Point(3, "meter", "status", kind=PointKind.STATE, values=("idle", "charging")),
    Point(4, "meter", "temp", 1, unit="degC"),
    Point(5, "meter", "temp", 2, unit="degC"),
    Point(6, "meter", "presence", kind=PointKind.STATE, values=("online", "offline")),
    Point(7, "gateway", "cpu", unit="pct"),
    Point(8, "gateway", "presence", kind=PointKind.STATE, values=("online", "offline")),
    Point(9, "meter", "cell", 1, unit="V"),
    Point(10, "meter", "cell", 2, unit="V"),
]
CONFIG: dict[str, Any] = {
    "node": "{node}",
    "points": {
        "Power": {"point": "power", "unit": "W"},
        "State": {"point": "status", "map": {0: "idle", 1: "charging"}},
        "Gun{gun}/Temp": {"point": "temp", "component": "{gun}"},
        "Cells[{cell}]": {"point": "cell", "component": {"capture": "cell", "add": 1}},
    },
    "ignore": ["Properties/*"],
}
METER = [
    SentMetric("Meter/Energy", "Double", 12.5),
    SentMetric("Power", "Float", 1500.0),
    SentMetric("State", "Int32", 1),
    SentMetric("Gun1/Temp", "Int16", -7),
    SentMetric("Properties/Maker", "String", "ACME"),
]


def registry() -> Registry:
    return Registry({"m1": "meter", "m2": "meter", "n1": "gateway", "n2": "gateway"}, POINTS)


def model(node: str = "n1", devices: Sequence[str] = ("m1", "m2"), **more: Any) -> NodeModel:
    return NodeModel("g", node, dict.fromkeys(devices, METER), [SentMetric("cpu", "UInt8", 40)], **more)


class Bench:
    """A receiver, a clock that is set by hand, and what came of it."""

    def __init__(self, config: Mapping[str, Any] = CONFIG, directory: Registry | None = None, **more: Any) -> None:
        self.directory = directory or registry()
        made = SparkplugConfig.model_validate(config)
        self.nodes = NodeSessions(made.reorder, made.rebirth)
        self.receiver = SparkplugReceiver(
            "s", made, self.directory, sent_canonically, nodes=self.nodes, longest=100_000, **more
        )
        self.now = NOW

    def take(self, *messages: tuple[str, bytes], retain: bool = False) -> Mapped:
        """All in one call, at `now`."""
        sent = [Said(topic, payload, retain) for topic, payload in messages]
        return self.receiver.map(sent, np.full(len(sent), self.now, np.int64))

    def values(self, found: Mapped) -> list[tuple[str, str, float]]:
        """(device, point, value), in order; bad ones are left out."""
        codes = {device.id: code for code, device in self.directory._devices.items()}
        rows = zip(found.batch.device.tolist(), found.batch.point.tolist(), found.batch.value.tolist(), strict=True)
        return [
            (codes[device], self.directory.name_of(point), value) for device, point, value in rows if value == value
        ]

    def later(self, seconds: float) -> list[tuple[NodeName, str]]:
        """The requests that are made by then."""
        self.now += round(seconds * SECOND)
        return self.nodes.requests(self.now, 99)
