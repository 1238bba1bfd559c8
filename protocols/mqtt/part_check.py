"""Presence, Sparkplug and what is published against profiles and devices, for `fieldgate check`."""

from collections.abc import Iterator, Mapping, Sequence

from gateway.adapter_ports import CheckedProject, ConfigFindings
from gateway.domain.device import Point, PointKind, PointSpec, Profile
from gateway.domain.errors import Problem
from protocols.mapping.column import Misfit, misfit
from protocols.mapping.point_config import PointMap
from protocols.mapping.topic import parse_template, point_name
from protocols.mqtt.config import MqttConfig
from protocols.mqtt.presence_config import PresenceConfig
from protocols.mqtt.publish_config import PublishConfig
from protocols.mqtt.sparkplug.sparkplug_config import SparkplugConfig


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
        found.problems += _filled(
            [project.profiles[name] for name in sorted(names & every)], points, project.file, f"{place}.{path}"
        )


def _filled(profiles: Sequence[Profile], points: Mapping[str, PointMap], file: str, place: str) -> Iterator[Problem]:
    """Entries that fill no point of these profiles, or only points that they do not suit."""
    known = sorted({spec.name for profile in profiles for spec in profile.points})
    for metric, entry in points.items():
        name = point_name(metric) if entry.point is None else entry.point
        if {"{", "}"} & set(entry.point or metric):
            continue
        having = [(profile, spec) for profile in profiles if (spec := profile.point(name)) is not None]
        wrong = [why for profile, spec in having if (why := _unfit(profile, spec, entry)) is not None]
        if not having:
            fields: dict[str, object] = {"got": metric, "point": name, "known": ", ".join(known) or "-"}
            yield Problem(file, f"{place}.{metric}", "mqtt.sparkplug_unfilled", fields)
        elif len(wrong) == len(having):
            yield Problem(file, f"{place}.{metric}", wrong[0].key, wrong[0].fields)


def _unfit(profile: Profile, spec: PointSpec, entry: PointMap) -> Misfit | None:
    """Why no metric can fill this point by this entry."""
    fields: dict[str, object] = {"point": spec.name, "profile": profile.id}
    component = entry.component
    if spec.each and component == 0:
        return Misfit("route.bind_each", fields)
    if not spec.each and component != 0:
        return Misfit("route.bind_alone", fields)
    return misfit(entry, Point(0, profile.id, spec.name, kind=spec.kind, unit=spec.unit, values=spec.values))


def _unknown(names: object, project: CheckedProject, place: str, key: str) -> Iterator[Problem]:
    known = ", ".join(sorted(project.profiles)) or "-"
    given = [str(name) for name in names] if isinstance(names, tuple | dict) else []
    for name in given:
        if name not in project.profiles:
            yield Problem(project.file, place, key, {"got": name, "known": known})
