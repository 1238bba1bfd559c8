"""One message through the routes, for `fieldgate try`: nothing is written or sent."""

import numpy as np

from gateway.adapter_ports import MessageTrial, SourceServices, UnusedValue
from protocols.mapping.config import RoutesSection
from protocols.mapping.mapper import Mapper
from protocols.mapping.read_messages import ReadMessage


def try_message(
    name: str, config: RoutesSection, services: SourceServices, topic: str, payload: bytes, *, retain: bool
) -> MessageTrial:
    """What the source `name` would make of a message that comes now."""
    mapper = Mapper(name, config, services.directory, services.as_sent, services.retention)
    message = ReadMessage(topic, payload, retain)
    route = mapper.route_of(message)
    mapped = mapper.map([message], np.array([services.clock.now()], np.int64))
    return MessageTrial(
        mapped.batch,
        route,
        config.routes[route].filter if route >= 0 else "",
        tuple(mapped.rejected),
        tuple(mapped.partial),
        tuple(UnusedValue(one.place, one.reason, one.detail) for one in mapped.unused),
        mapped.ignored > 0,
    )
