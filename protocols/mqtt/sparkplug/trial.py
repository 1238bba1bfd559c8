"""One Sparkplug message alone, for `fieldgate try`: aliases mean nothing without their birth."""

from dataclasses import dataclass

import numpy as np

from gateway.adapter_ports import MessageTrial, SourceServices, UnusedValue
from protocols.mqtt.config import MqttConfig
from protocols.mqtt.source_mapper import SPARKPLUG_FILTER, MapperParts, mapper_of, nodes_of


@dataclass(slots=True)
class _SparkplugMessage:
    topic: str
    payload: bytes
    retain: bool


def try_sparkplug(
    name: str, config: MqttConfig, services: SourceServices, topic: str, payload: bytes, *, retain: bool
) -> MessageTrial:
    """What the source `name` would make of a message that comes now, from a node never met before."""
    parts = MapperParts(name, services.directory, services.retention)
    mapper = mapper_of(parts, config, services.as_sent, nodes_of(config))
    message = _SparkplugMessage(topic, payload, retain)
    mapped = mapper.map([message], np.array([services.clock.now()], np.int64))
    return MessageTrial(
        mapped.batch,
        len(config.routes),
        SPARKPLUG_FILTER,
        tuple(mapped.rejected),
        tuple(mapped.partial),
        tuple(UnusedValue(one.place, one.reason, one.detail) for one in mapped.unused),
        mapped.ignored > 0,
        "sparkplug",
    )
