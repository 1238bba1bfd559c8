"""For `fieldgate check`: whether the links can keep up with their plan. Sends nothing."""

from collections.abc import Mapping
from functools import cached_property

from gateway.adapter_ports import CheckedProject, ConfigFindings
from gateway.domain.device import Device, Life, Point
from gateway.domain.duration import format_duration
from gateway.domain.errors import ConfigError, Problem
from protocols.modbus.config import ModbusConfig
from protocols.modbus.planned import PlannedRequest, load, planned
from protocols.modbus.polled_devices import DeviceCaps, PolledDevices
from protocols.modbus.profile import ModbusMap
from protocols.modbus.registers import bind
from protocols.modbus.registers import load as load_map


class PlannedProject:
    """The devices, points and maps of a project, as `PolledDevices` needs them. Implements DeviceNames."""

    version = 1

    def __init__(self, project: CheckedProject) -> None:
        self._project = project
        self._points: dict[str, dict[tuple[str, int], Point]] = {}

    def device(self, code: str) -> Device | None:
        """As Directory."""
        device = self._project.devices.get(code)
        return device if device is not None and device.life is Life.IN_SERVICE else None

    def points(self, profile: str) -> Mapping[tuple[str, int], Point]:
        """As Directory, with ids that mean nothing."""
        if profile not in self._points:
            found = self._project.profiles[profile]
            most = max(
                [found.components, *(d.components for d in self._project.devices.values() if d.profile == profile)]
            )
            self._points[profile] = {
                (spec.name, number): Point(0, profile, spec.name, number, spec.kind, spec.unit, values=spec.values)
                for spec in found.points
                for number in (range(1, max(most, 1) + 1) if spec.each else (0,))
            }
        return self._points[profile]

    @cached_property
    def maps(self) -> Mapping[str, ModbusMap]:
        """The maps that are in order, by profile."""
        found: dict[str, ModbusMap] = {}
        for name, section in self._project.mapped.items():
            try:
                found[name] = load_map(section, self._project.profiles[name], self._project.profile_files[name])
            except ConfigError:  # found already, where the profile is read
                continue
        return found

    def requests(self, name: str, config: ModbusConfig) -> tuple[PlannedRequest, ...]:
        """The plan of a source, as far as its devices are in order."""
        polled = PolledDevices(
            name,
            config,
            self,
            self.maps,
            config.backoff.build(),
            self._project.devices.values,
            report=lambda *_: None,
        )
        polled.refresh(0)
        return planned(polled)


def plan_findings(sources: Mapping[str, ModbusConfig], project: CheckedProject) -> ConfigFindings:
    """Links that cannot keep up and groups that no profile has, as warnings; limits of devices that a value does not
    fit into, as problems."""
    found, plans = ConfigFindings(), PlannedProject(project)
    for name, config in sources.items():
        found.problems += _too_narrow(name, config, project, plans)
        requests = plans.requests(name, config)
        known = {group for one in plans.maps.values() for group in one.groups}
        for group in config.groups.keys() - known:
            fields: dict[str, object] = {"group": group, "known": ", ".join(sorted(known))}
            found.warnings.append(
                Problem(project.file, f"sources.{name}.groups.{group}", "modbus.unused_group", fields)
            )
        for link, one in load(requests).items():
            if one.share > 1:
                fields = {
                    "link": link,
                    "requests": one.requests,
                    "share": round(100 * one.share),
                    "turnaround": format_duration(config.links[link].timing.turnaround),
                }
                found.warnings.append(Problem(project.file, f"sources.{name}.links.{link}", "modbus.overload", fields))
    return found


def _too_narrow(name: str, config: ModbusConfig, project: CheckedProject, plans: PlannedProject) -> list[Problem]:
    found: list[Problem] = []
    for index, entry in enumerate(config.devices):
        caps, device = DeviceCaps(entry.max_registers, entry.max_bits), plans.device(entry.device)
        if caps == DeviceCaps() or device is None or device.profile not in plans.maps:
            continue
        points, register_map = plans.points(device.profile), plans.maps[device.profile]
        try:
            bind(register_map, points, device.components)
        except ConfigError:  # of the profile itself
            continue
        try:
            bind(caps.of(register_map), points, device.components)
        except ConfigError as error:
            place = f"sources.{name}.devices[{index}]"
            found += [Problem(project.file, place, problem.key, problem.fields) for problem in error.problems]
    return found
