"""What the gateway needs of this folder (`gateway.adapter_ports.SourceAdapter`). Parts are loaded when needed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from gateway.adapter_ports import (
    CheckedProject,
    CommandForm,
    ConfigFindings,
    PollTrial,
    ProfileMap,
    RegisterFormats,
    SourceAdapter,
    SourceServices,
)
from gateway.domain.device import Device, Profile
from gateway.domain.device_command.definition import CommandDefinition
from gateway.domain.duration import parse_duration
from gateway.domain.errors import Problem
from gateway.domain.finding import DoctorFinding
from gateway.domain.language_values import Phrase
from gateway.domain.nearest import nearest
from gateway.probe_ports import Interpretation, RegisterProbe, SourcePlan
from protocols.modbus.config import LinkConfig, ModbusConfig
from protocols.modbus.metrics import METRICS
from protocols.modbus.words import ByteOrder, Type

if TYPE_CHECKING:
    from protocols.modbus.profile import ModbusMap
    from protocols.modbus.source import ModbusSource

_LARGEST_UNIT = 255
_LARGEST_REQUEST = 125  # registers


def _build(name: str, config: ModbusConfig, services: SourceServices) -> "ModbusSource":
    from protocols.modbus.source import ModbusSource

    return ModbusSource(
        name,
        config,
        services.directory,
        services.maps,
        services.clock,
        fleet=services.devices,
        zone=services.zone,
        memory=services.sessions / f"{name}.json",
    )


def _adjust(
    source: "ModbusSource",
    config: ModbusConfig,
    before: SourceServices,  # noqa: ARG001 - the port
    services: SourceServices,
) -> Callable[[], bool]:
    return partial(source.use, config, services.maps, services.zone)


def _check_with(sources: Mapping[str, ModbusConfig], project: CheckedProject) -> ConfigFindings:
    from protocols.modbus.plan_check import plan_findings

    found = ConfigFindings()
    units = _Units(project)
    for name, source in sources.items():
        found.problems += _listed(name, source, project, units)
    registry = [source for source in sources.values() if source.devices_from]
    links = {name: link for source in registry for name, link in source.links.items()}
    for code, device in project.devices.items():
        if registry:
            found.problems += _addressed(code, device, links, project, units)
    if not found.problems:
        return plan_findings(sources, project)
    return found


class _Units:
    """The unit ids that the maps of a project lead to."""

    def __init__(self, project: CheckedProject) -> None:
        self._project = project
        self._known: dict[tuple[str, int], frozenset[int]] = {}

    def beyond(self, device: Device, unit: int) -> int | None:
        """The first that is none, for a device at `unit`."""
        key = device.profile, device.components
        if key not in self._known:
            self._known[key] = self._offsets(*key)
        return next((unit + one for one in sorted(self._known[key]) if not 0 <= unit + one <= _LARGEST_UNIT), None)

    def _offsets(self, profile: str, components: int) -> frozenset[int]:
        from protocols.modbus.profile import ModbusMap

        try:
            found = ModbusMap.model_validate(self._project.mapped[profile])
        except (KeyError, ValidationError):  # found already, where the profile is read
            return frozenset()
        each = {point.name: point.each for point in self._project.profiles[profile].points}
        return frozenset(
            found.unit_offset(register, component)
            for name, register in found.points.items()
            for component in (range(1, components + 1) if each.get(name) else (0,))
        )


def _listed(name: str, source: ModbusConfig, project: CheckedProject, units: _Units) -> Iterator[Problem]:
    """Devices under `devices` that do not exist, whose profile has no map, or whose map leads to no unit."""
    for index, entry in enumerate(source.devices):
        here = f"sources.{name}.devices[{index}].device"
        device = project.devices.get(entry.device)
        if device is None:
            near = nearest(entry.device, list(project.devices))
            key = "config.source.device_near" if near else "config.source.device"
            yield Problem(project.file, here, key, {"value": entry.device, "near": near})
        elif _has_no_map(device, project):
            yield Problem(project.file, here, "config.source.no_map", _no_map(entry.device, device, project))
        elif (beyond := units.beyond(device, entry.unit)) is not None:
            place = here.removesuffix("device") + "unit"
            yield Problem(project.file, place, "config.source.unit_beyond", {"value": entry.device, "unit": beyond})


def _addressed(
    code: str, device: Device, links: Mapping[str, LinkConfig], project: CheckedProject, units: _Units
) -> Iterator[Problem]:
    """Devices whose address stands in the list: the columns modbus_link, modbus_unit and modbus_every."""
    link, unit, every = (device.attrs.get(f"modbus_{name}") for name in ("link", "unit", "every"))
    if link is None and unit is None:
        return
    if link not in links:
        fields: dict[str, object] = {"value": str(link or ""), "known": ", ".join(links)}
        yield project.cell(code, "modbus_link", "config.source.link", fields)
    if not (isinstance(unit, str) and unit.isascii() and unit.isdigit() and int(unit) <= _LARGEST_UNIT):
        yield project.cell(code, "modbus_unit", "config.source.modbus_unit", {"value": str(unit or "")})
    elif int(unit) == 0 and str(link) in links and links[str(link)].serial:
        yield project.cell(code, "modbus_unit", "modbus.unit_of_all", {"device": code})
    elif (beyond := units.beyond(device, int(unit))) is not None:
        yield project.cell(code, "modbus_unit", "config.source.unit_beyond", {"value": code, "unit": beyond})
    if every is not None and not _is_duration(str(every)):
        yield project.cell(code, "modbus_every", "config.type.duration", {"written": str(every)})
    yield from _caps(code, device, project)
    if _has_no_map(device, project):
        yield project.cell(code, "profile", "config.source.no_map", _no_map(code, device, project))


def _caps(code: str, device: Device, project: CheckedProject) -> Iterator[Problem]:
    most, style = device.attrs.get("modbus_max_registers"), device.attrs.get("modbus_style")
    if most is not None and not (str(most).isdecimal() and 1 <= int(str(most)) <= _LARGEST_REQUEST):
        fields: dict[str, object] = {"value": most, "low": 1, "high": _LARGEST_REQUEST}
        yield project.cell(code, "modbus_max_registers", "modbus.range", fields)
    if style not in (None, "block", "single"):
        yield project.cell(code, "modbus_style", "modbus.style", {"value": style})


def _has_no_map(device: Device, project: CheckedProject) -> bool:
    return device.profile in project.profiles and device.profile not in project.mapped


def _no_map(code: str, device: Device, project: CheckedProject) -> dict[str, object]:
    return {"value": code, "profile": device.profile, "file": project.profile_files[device.profile]}


def _is_duration(text: str) -> bool:
    try:
        return parse_duration(text) > 0
    except ValueError:
        return False


def _load_map(section: Mapping[str, Any], profile: Profile, file: str, declared: Mapping[str, str]) -> "ModbusMap":
    from protocols.modbus.registers import load

    return load(section, profile, file, declared)


def _texts(found: "ModbusMap", point: str) -> set[str]:
    register = found.points.get(point)
    if register is None:
        return set()
    flags = {register.no_flag, *register.flags.values()} if register.flags else set()
    return flags | set((register.map or {}).values())


async def _examine(name: str, config: ModbusConfig, *, running: bool) -> list[DoctorFinding]:
    """Only while no gateway runs: many devices take one connection."""
    from protocols.modbus.doctor import links

    return [] if running else await links(name, config)


def _examine_running(name: str, values: Mapping[tuple[str, ...], float]) -> list[DoctorFinding]:
    from protocols.modbus.doctor import polls

    return polls(name, values)


async def _try_poll(name: str, config: ModbusConfig, services: SourceServices, device: str) -> PollTrial | None:
    from protocols.modbus.single_poll import poll_once

    return await poll_once(name, config, services, device)


def _plan(name: str, config: ModbusConfig, services: SourceServices) -> SourcePlan:
    from protocols.modbus.plan_lines import plan_of

    return plan_of(name, config, services)


def _open_probe(keys: Mapping[str, Any]) -> RegisterProbe:
    from protocols.modbus.register_probe import LinkProbe

    return LinkProbe(keys)


def _interpret(first: int, words: Sequence[int], expect: float | None) -> list[Interpretation]:
    from protocols.modbus.interpret import interpretations

    return interpretations(first, words, expect)


def _load_command(
    section: Mapping[str, Any],
    definition: CommandDefinition,
    profile: Profile,  # noqa: ARG001 - the port
    own: Mapping[str, Any] | None,
) -> Any:
    from protocols.modbus.command_form import load

    return load(section, definition, own)


def _serves(config: ModbusConfig, device: Device) -> bool:
    """Unit 0 is all units of a bus at once: no command goes there."""
    units = [entry.unit for entry in config.devices if entry.device == device.code]
    if not units and config.devices_from and device.attrs.get("modbus_link") in config.links:
        units = [int(text) for text in [str(device.attrs.get("modbus_unit", ""))] if text.isascii() and text.isdigit()]
    return any(units)


def _check_command(config: ModbusConfig, form: Any) -> Phrase | None:  # noqa: ARG001 - what can be loaded can be sent
    return None


ADAPTER = SourceAdapter(
    name="modbus",
    config=ModbusConfig,
    build=_build,
    adjust=_adjust,
    check_with=_check_with,
    profile_map=ProfileMap("modbus", _load_map, _texts),
    registers=RegisterFormats(
        tuple(one.value for one in Type if one not in {Type.BCD, Type.ASCII}),
        tuple(one.value for one in ByteOrder if not one.of_64_bits),
    ),
    metrics=METRICS,
    examine=_examine,
    examine_running=_examine_running,
    try_poll=_try_poll,
    plan=_plan,
    open_probe=_open_probe,
    interpret=_interpret,
    command_form=CommandForm(load=_load_command, serves=_serves, check=_check_command),
)
