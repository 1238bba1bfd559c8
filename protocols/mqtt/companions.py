"""The parts that run beside the connections of a source, as its configuration asks for them."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.domain.device import Device
from gateway.ports import Clock, Directory
from protocols.mqtt.command_exchange import CommandExchange
from protocols.mqtt.companion import Companion, Companions
from protocols.mqtt.config import MqttConfig
from protocols.mqtt.presence_reporter import PresenceReporter, PresenceServices
from protocols.mqtt.publisher_parts import OwnStatus, PeriodicPublisher


@dataclass(frozen=True, slots=True)
class CompanionServices:
    """`devices`: those of the registry, now. `memory`: the file of the source; a part that has one of its own puts it
    beside. `published`: counts of what is published."""

    directory: Directory
    devices: Callable[[], Iterable[Device]]
    clock: Clock
    memory: Path | None
    published: Counter[str]
    commands: CommandExchange


def companions_of(name: str, config: MqttConfig, services: CompanionServices) -> Companions:
    """For one `run` of the source."""
    return Companions(_parts(name, config, services))


def _parts(name: str, config: MqttConfig, services: CompanionServices) -> Iterator[Companion]:
    directory, memory = services.directory, services.memory
    if config.commands is not None:
        yield services.commands
    if config.presence is not None:
        file = None if memory is None else memory.with_suffix(".presence.json")
        yield PresenceReporter(
            name, config.presence, PresenceServices(directory, services.devices, services.clock, file)
        )
    if config.status is not None:
        yield OwnStatus(config.status)
    if config.publish:
        yield PeriodicPublisher(name, config.publish, directory, services.devices, services.published)
