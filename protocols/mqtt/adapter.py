"""What the gateway needs of this folder (`gateway.adapter_ports.SourceAdapter`). Parts are loaded when needed."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING, Any

from gateway.adapter_ports import (
    CheckedProject,
    CommandForm,
    ConfigFindings,
    MessageTrial,
    SourceAdapter,
    SourceServices,
)
from gateway.domain.device import Device, Profile
from gateway.domain.device_command.definition import CommandDefinition
from gateway.domain.duration import format_duration
from gateway.domain.error_reasons import reason
from gateway.domain.errors import ConfigError, Problem
from gateway.domain.finding import DoctorFinding
from gateway.domain.language_values import Phrase
from gateway.probe_ports import SourcePlan
from protocols.mqtt.config import MqttConfig
from protocols.mqtt.metrics import METRICS
from protocols.mqtt.presence_config import FLAPPING, OFFLINE, ONLINE

if TYPE_CHECKING:
    from protocols.mqtt.command_form import MqttForm
    from protocols.mqtt.source import MqttSource


def _build(name: str, config: MqttConfig, services: SourceServices) -> "MqttSource":
    from protocols.mqtt.source import MqttSource

    return MqttSource(
        name,
        config,
        services.directory,
        services.ledger,
        services.clock,
        _password(name, config, services),
        sent=services.as_sent,
        memory=services.sessions / f"{name}.json",
        devices=services.devices,
        retention=services.retention,
        commands=services.command_forms,
    )


def _adjust(
    source: "MqttSource", config: MqttConfig, before: SourceServices, services: SourceServices
) -> Callable[[], bool]:
    sent = None if before.sent == services.sent else services.as_sent
    return partial(source.use, config, _password(source.name, config, services), sent, services.command_forms)


def _password(name: str, config: MqttConfig, services: SourceServices) -> str | None:
    try:
        return config.secret()
    except OSError as error:
        fields = {"error": reason(error)}
        raise ConfigError([Problem(services.file, f"sources.{name}.password_file", "app.secret", fields)]) from None


def _check(sources: Mapping[str, MqttConfig], file: str) -> ConfigFindings:
    """Each broker, and conflicts between two sources of one broker."""
    from protocols.mqtt.subscriptions import overlapping

    found = ConfigFindings()
    sessions: dict[tuple[tuple[str, int], str], str] = {}
    for name, source in sources.items():
        place = f"sources.{name}"
        found.warnings.append(Problem(file, f"{place}.url", "config.warn.mosquitto", {"url": source.url}))
        if not source.encrypted and not source.local:
            found.warnings.append(Problem(file, f"{place}.url", "config.warn.plain", {"url": source.url}))
        found.warnings += _subscribed(source, file, f"{place}.routes")
        first = sessions.setdefault((source.address, source.client_id), name)
        if first != name:  # the broker would throw out one of the two, for ever in turn
            fields = {"value": source.client_id, "first": first}
            found.problems.append(Problem(file, f"{place}.client_id", "config.source.client_twice", fields))
    for (first, one), (name, other) in combinations(sources.items(), 2):
        if one.address == other.address and (twice := overlapping(one, other)):
            fields = {"first": first, "one": twice[0], "other": twice[1]}
            found.warnings.append(Problem(file, f"sources.{name}.routes", "config.warn.overlap", fields))
    return found


def _subscribed(source: MqttConfig, file: str, place: str) -> Iterator[Problem]:
    """What sharing and overlapping filters mean for the readings."""
    from protocols.mqtt.subscriptions import subscriptions

    wanted = subscriptions(source, identifiers=False)
    if shared := [pattern for pattern in wanted.patterns if pattern.startswith("$share/")]:
        yield Problem(file, place, "config.warn.shared", {"got": ", ".join(shared)})
    if wanted.replaced and source.protocol != "5":
        wide = ", ".join(pattern for pattern in wanted.patterns if pattern not in wanted.replaced)
        overlapping = ", ".join(pattern for pattern in wanted.replaced if pattern not in wanted.patterns)
        yield Problem(file, place, "config.warn.wider", {"got": overlapping, "wide": wide})


def _check_with(sources: Mapping[str, MqttConfig], project: CheckedProject) -> ConfigFindings:
    from protocols.mapping.route_check import check_routes
    from protocols.mqtt.part_check import check_parts

    found = check_routes(sources, project)
    for name, source in sources.items():
        check_parts(source, project, f"sources.{name}", found)
    return found


def _state_texts(config: MqttConfig) -> Iterable[tuple[str, str]]:
    from protocols.mapping.state_texts import point_texts, state_texts

    presence, sparkplug = config.presence_in_force, config.sparkplug
    texts = [] if presence is None else [ONLINE, OFFLINE, *([] if presence.flap is None else [FLAPPING])]
    found = [] if presence is None else [(presence.point, text) for text in texts]
    metrics = [] if sparkplug is None else [sparkplug.points, *sparkplug.profiles.values()]
    return [*state_texts(config), *found, *(pair for points in metrics for pair in point_texts(points))]


async def _examine(name: str, config: MqttConfig, *, running: bool) -> list[DoctorFinding]:  # noqa: ARG001 - the port
    from protocols.mqtt.doctor import broker

    return await broker(name, config)


def _try_message(
    name: str, config: MqttConfig, services: SourceServices, topic: str, payload: bytes, retain: bool
) -> MessageTrial:
    from protocols.mapping.trial import try_message
    from protocols.mqtt.sparkplug.receiver import is_sparkplug
    from protocols.mqtt.sparkplug.trial import try_sparkplug

    if config.sparkplug is not None and is_sparkplug(topic):
        return try_sparkplug(name, config, services, topic, payload, retain=retain)
    return try_message(name, config, services, topic, payload, retain=retain)


def _load_command(
    section: Mapping[str, Any],
    definition: CommandDefinition,
    profile: Profile,  # noqa: ARG001 - the port
    own: Mapping[str, Any] | None,  # noqa: ARG001
) -> "MqttForm":
    from protocols.mqtt.command_form import load

    return load(section, definition)


def _serves(config: MqttConfig, device: Device) -> bool:  # noqa: ARG001 - every device of the broker
    return True


def _check_command(config: MqttConfig, form: "MqttForm") -> Phrase | None:
    return Phrase("command.needs_mqtt5") if form.needs_mqtt5 and config.protocol == "3.1.1" else None


async def _listen(
    config: MqttConfig, filters: Sequence[str], seconds: float, message: Callable[[str, bytes, bool], None]
) -> None:
    from protocols.mqtt.listen import listen

    await listen(config, filters, seconds, message)


def _plan(name: str, config: MqttConfig, services: SourceServices) -> SourcePlan:  # noqa: ARG001 - the port
    """Its subscriptions, and what it publishes by itself."""
    from protocols.mqtt.subscriptions import subscriptions

    filters = subscriptions(config, identifiers=config.protocol != "3.1.1").patterns
    found = [Phrase("plan.subscription", {"filter": one}) for one in filters]
    for entry in config.publish:
        devices = [one for one in services.devices() if entry.is_for(one) and entry.filled(one) is not None]
        count = len(devices) if entry.names else 1
        fields = {"topic": entry.topic, "count": count, "every": format_duration(entry.every)}
        found.append(Phrase("plan.publish", fields))
    if config.status is not None:
        found.append(Phrase("plan.status", {"topic": config.status.topic}))
    return SourcePlan((), (Phrase("plan.broker", {"url": config.url, "client": config.client_id}), *found))


ADAPTER = SourceAdapter(
    name="mqtt",
    config=MqttConfig,
    build=_build,
    adjust=_adjust,
    check=_check,
    check_with=_check_with,
    state_texts=_state_texts,
    metrics=METRICS,
    examine=_examine,
    try_message=_try_message,
    command_form=CommandForm(load=_load_command, serves=_serves, check=_check_command),
    listen=_listen,
    plan=_plan,
)
