"""Presence, Sparkplug and what is published against profiles and devices, for `fieldgate check`."""

from collections.abc import Iterator

from gateway.adapter_ports import CheckedProject, ConfigFindings
from gateway.domain.device import PointKind
from gateway.domain.errors import Problem
from protocols.mapping.topic import parse_template, point_name
from protocols.mqtt.config import MqttConfig
from protocols.mqtt.presence_config import PresenceConfig
from protocols.mqtt.publish_config import PublishConfig
from protocols.mqtt.sparkplug.config import SparkplugConfig


def check_parts(source: MqttConfig, project: CheckedProject, place: str, found: ConfigFindings) -> None:
    """`place`: of the source in the main file."""
    if source.presence is not None:
        found.problems += _presence(source.presence, project, f"{place}.presence")
    for index, entry in enumerate(source.publish):
        _published(entry, project, f"{place}.publish[{index}]", found)
    if source.sparkplug is not None:
        _sparkplug(source.sparkplug, project, f"{place}.sparkplug", found)


def _presence(config: PresenceConfig, project: CheckedProject, place: str) -> Iterator[Problem]:
    """The state point that presence is written to, and profiles that differ."""
    points = [point for profile in project.profiles.values() if (point := profile.point(config.point)) is not None]
    if not any(point.kind is PointKind.STATE and not point.each for point in points):
        yield Problem(project.file, place, "mqtt.presence_point", {"point": config.point})
    yield from _unknown(config.profiles, project, f"{place}.profiles", "mqtt.presence_no_profile")


def _published(entry: PublishConfig, project: CheckedProject, place: str, found: ConfigFindings) -> None:
    """For whom a message is published."""
    found.problems += _unknown(entry.profiles, project, f"{place}.profiles", "mqtt.publish_no_profile")
    meant = [device for device in project.devices.values() if entry.is_for(device)]
    without = [device.code for device in meant if entry.filled(device) is None]
    fields = {"got": entry.topic, "names": ", ".join(sorted(entry.names)), "devices": ", ".join(without[:5])}
    if entry.names and len(without) == len(meant):
        found.warnings.append(Problem(project.file, place, "mqtt.publish_nobody", fields))
    elif without:
        found.warnings.append(Problem(project.file, place, "mqtt.publish_some", fields))


def _sparkplug(config: SparkplugConfig, project: CheckedProject, place: str, found: ConfigFindings) -> None:
    """Whether its codes can be devices of the list, and its names points of a profile."""
    found.problems += _unknown(config.profiles, project, f"{place}.profiles", "mqtt.presence_no_profile")
    for key, template in (("device", config.device), ("node", config.node)):
        matcher = None if template is None else parse_template(template).matcher()
        if matcher is not None and project.devices and not any(map(matcher.fullmatch, project.devices)):
            fields = {"got": template, "example": next(iter(project.devices))}
            found.warnings.append(Problem(project.file, f"{place}.{key}", "mqtt.sparkplug_nobody", fields))
    every = set(project.profiles)
    for names, path, points in (
        (every, "points", config.points),
        *(({name}, f"profiles.{name}", points) for name, points in config.profiles.items()),
    ):
        known = {spec.name for name in names & every for spec in project.profiles[name].points}
        for metric, entry in points.items():
            name = point_name(metric) if entry.point is None else entry.point
            if {"{", "}"} & set(entry.point or metric) or name in known:
                continue
            fields = {"got": metric, "point": name, "known": ", ".join(sorted(known)) or "-"}
            found.problems.append(Problem(project.file, f"{place}.{path}.{metric}", "mqtt.sparkplug_unfilled", fields))


def _unknown(names: object, project: CheckedProject, place: str, key: str) -> Iterator[Problem]:
    known = ", ".join(sorted(project.profiles)) or "-"
    given = [str(name) for name in names] if isinstance(names, tuple | dict) else []
    for name in given:
        if name not in project.profiles:
            yield Problem(project.file, place, key, {"got": name, "known": known})
