"""The parts that run beside the connections of a source, as its configuration asks for them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.domain.device import Device
from gateway.ports import Clock, Directory
from protocols.mqtt.command_exchange import CommandExchange
from protocols.mqtt.companion import Companion, Companions
from protocols.mqtt.config import MqttConfig
from protocols.mqtt.presence_reporter import PresenceReporter, PresenceServices
from protocols.mqtt.presence_sign import PresenceSign
from protocols.mqtt.publisher_parts import OwnStatus, PeriodicPublisher
from protocols.mqtt.source_mapper import route_timeouts
from protocols.mqtt.sparkplug.host import SparkplugHost
from protocols.mqtt.stats import MqttStats


@dataclass(frozen=True, slots=True)
class CompanionServices:
    """`devices`: those of the registry, now. `memory`: the file of the source; a part that has one of its own puts it
    beside. `signs`: births and deaths in the last call of the mapper."""

    directory: Directory
    devices: Callable[[], Iterable[Device]]
    clock: Clock
    memory: Path | None
    stats: MqttStats
    signs: Callable[[], Sequence[PresenceSign]]
    commands: CommandExchange


def companions_of(name: str, config: MqttConfig, services: CompanionServices) -> Companions:
    """For one `run` of the source."""
    return Companions(_parts(name, config, services))


def _parts(name: str, config: MqttConfig, services: CompanionServices) -> Iterator[Companion]:
    directory, memory = services.directory, services.memory
    if config.commands is not None:
        yield services.commands
    presence = config.presence_in_force
    if config.sparkplug is not None and services.stats.nodes is not None:
        file = None if memory is None else memory.with_suffix(".sparkplug.json")
        yield SparkplugHost(name, config.sparkplug, services.stats.nodes, services.clock, file)
    if presence is not None:
        file = None if memory is None else memory.with_suffix(".presence.json")
        yield PresenceReporter(
            name,
            presence,
            PresenceServices(
                directory,
                services.devices,
                services.clock,
                file,
                services.stats.presence,
                route_timeouts(config),
                services.signs,
            ),
        )
    if config.status is not None:
        yield OwnStatus(config.status)
    if config.publish:
        yield PeriodicPublisher(name, config.publish, directory, services.devices, services.stats.published)
