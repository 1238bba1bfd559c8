"""The mapper of a source: its routes, and its Sparkplug namespace when it has one."""

from dataclasses import dataclass

from gateway.ports import Directory
from protocols.mapping.binding import SentBy
from protocols.mapping.mapper import Mapper
from protocols.mqtt.config import MqttConfig
from protocols.mqtt.sparkplug.mapper import SourceMapper
from protocols.mqtt.sparkplug.node import NodeSessions
from protocols.mqtt.sparkplug.receiver import SparkplugReceiver

SPARKPLUG_FILTER = "spBv1.0/…"
"""Under this what nobody used of Sparkplug is counted, behind the filters of the routes."""


@dataclass(frozen=True, slots=True)
class MapperParts:
    """What does not change with the configuration."""

    name: str
    directory: Directory
    retention: int


def nodes_of(config: MqttConfig) -> NodeSessions | None:
    """Sessions of Sparkplug nodes, none of them known."""
    own = config.sparkplug
    return None if own is None else NodeSessions(own.reorder, own.rebirth)


def mapper_of(parts: MapperParts, config: MqttConfig, sent: SentBy, nodes: NodeSessions | None) -> SourceMapper:
    """`nodes` outlive the mapper: other routes are no reason to ask them for their births."""
    watched = route_timeouts(config)
    routes = Mapper(parts.name, config, parts.directory, sent, parts.retention, watched)
    if config.sparkplug is None or nodes is None:
        return SourceMapper(routes)
    receiver = SparkplugReceiver(
        parts.name,
        config.sparkplug,
        parts.directory,
        sent,
        nodes=nodes,
        longest=config.max_packet,
        retention=parts.retention,
        route=len(config.routes),
    )
    return SourceMapper(routes, receiver)


def route_timeouts(config: MqttConfig) -> dict[int, int]:
    """Route -> how long its messages are a sign of life, µs, where it has a `presence_timeout`."""
    return {
        index: route.presence_timeout for index, route in enumerate(config.routes) if route.presence_timeout is not None
    }


def filters_of(config: MqttConfig) -> list[str]:
    """What is counted of which route has these names."""
    return [*(route.filter for route in config.routes), *([] if config.sparkplug is None else [SPARKPLUG_FILTER])]
