"""The polled devices and their addresses: configuration and registry, joined again when the registry changes."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import structlog

from gateway.domain.device import Device, Life, Point
from gateway.domain.duration import SECOND, parse_duration
from gateway.domain.errors import ConfigError
from protocols.modbus.config import LinkConfig, ModbusConfig
from protocols.modbus.cycle import DeviceMemory, Layout, PolledDevice
from protocols.modbus.day_times import DayTimes
from protocols.modbus.learned_limits import LearnedLimits, fingerprint
from protocols.modbus.plan import RequestLimits
from protocols.modbus.profile import ModbusMap
from protocols.modbus.registers import BoundRegister, bind
from protocols.modbus.schedule import PollSchedule
from protocols.modbus.slave import Backoff
from protocols.modbus.timing import LinkTiming

log: structlog.stdlib.BoundLogger = structlog.get_logger("modbus")

Fleet = Callable[[], Iterable[Device]]
"""All devices of the registry, for `devices_from: registry`."""
Zone = Callable[[Device], str]
"""The time zone of the site of a device (IANA name)."""
PollKey = tuple[str, str]
"""(device code, poll group); "" is the group of points without one."""
_LARGEST_UNIT = 255
_LARGEST_REQUEST = 125  # registers
_SETTLE = 5 * SECOND


def utc(_: Device) -> str:
    """A Zone for devices whose site is not known."""
    return "UTC"


class DeviceNames(Protocol):
    """The part of Directory that is needed here."""

    @property
    def version(self) -> int:
        """Rises with every change."""

    def device(self, code: str) -> Device | None:
        """As Directory."""

    def points(self, profile: str) -> Mapping[tuple[str, int], Point]:
        """As Directory."""


@dataclass(frozen=True, slots=True)
class DeviceCaps:
    """Limits of one device, narrower than those of its profile; None = those of the profile."""

    max_registers: int | None = None
    max_bits: int | None = None
    style: Literal["block", "single"] | None = None

    def of(self, register_map: ModbusMap) -> ModbusMap:
        """The map with these limits."""
        changed: dict[str, Any] = {}
        if self.max_registers is not None:
            changed["max_registers"] = min(self.max_registers, register_map.max_registers)
        if self.max_bits is not None:
            changed["max_bits"] = min(self.max_bits, register_map.max_bits)
        if self.style is not None:
            changed["style"] = self.style
        return register_map.model_copy(update=changed) if changed else register_map


@dataclass(frozen=True, slots=True)
class PollAddress:
    """Link and unit of a device, and when it is polled: a period in µs, or times of day."""

    link: str
    unit: int
    rhythm: int | DayTimes


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Where a device is, by configuration or registry; `every` is of points without a group."""

    link: str
    unit: int
    every: int
    caps: DeviceCaps = DeviceCaps()


class PolledDevices:
    """The targets, and a schedule per link. A device that cannot be polled is reported once, with the reason, and
    counted in `unplaced`; it is tried again with every change of the registry."""

    def __init__(
        self,
        source: str,
        config: ModbusConfig,
        directory: DeviceNames,
        maps: Mapping[str, ModbusMap],
        patience: Backoff,
        fleet: Fleet | None,
        *,
        zone: Zone = utc,
        limits: LearnedLimits | None = None,
        report: Callable[[str, str], None] | None = None,
    ) -> None:
        self._source, self._config, self._directory = source, config, directory
        self._maps, self._patience, self._fleet, self._zone = maps, patience, fleet, zone
        self.limits = limits or LearnedLimits(None)
        self._report = report or self._log
        self._version: int | None = None
        self._reported: set[tuple[str, str]] = set()
        self._memories: dict[str, tuple[int, str, DeviceMemory]] = {}
        self.targets: dict[PollKey, PolledDevice] = {}
        self.places: dict[PollKey, PollAddress] = {}
        self.schedules: dict[str, PollSchedule[PollKey]] = {link: PollSchedule() for link in config.links}
        self.unplaced = 0
        self._changed, self._settled_at = False, -_SETTLE

    @property
    def links(self) -> Mapping[str, LinkConfig]:
        """The links of the configuration."""
        return self._config.links

    def use(self, config: ModbusConfig, maps: Mapping[str, ModbusMap], zone: Zone, now: int) -> None:
        """From now on this configuration: devices whose place and registers are as before go on as before."""
        self._config, self._maps, self._zone = config, maps, zone
        self._patience, self._version = config.backoff.build(), None
        for link in config.links:
            self.schedules.setdefault(link, PollSchedule())
        self.refresh(now)
        self.schedules = {link: self.schedules[link] for link in config.links}
        wanted = self._wanted()
        self._reported = {(code, why) for code, why in self._reported if code in wanted}

    def refresh(self, now: int) -> None:
        """Follow the registry; cheap when nothing changed. `now` is the µs clock of the schedules."""
        version = self._directory.version
        if version == self._version:
            return
        self._version = version
        wanted = self._wanted()
        self.unplaced = 0
        targets: dict[PollKey, PolledDevice] = {}
        places: dict[PollKey, PollAddress] = {}
        layouts: dict[tuple[object, ...], dict[str, Layout] | str] = {}
        for code, place in wanted.items():
            found = self._targets(code, place, layouts)
            if isinstance(found, str):
                self.unplaced += 1
                self._report_once(code, found)
                continue
            for group, target in found.items():
                targets[code, group] = target
                places[code, group] = PollAddress(place.link, place.unit, self._rhythm(target.device, group, place))
        for key in [key for key in self.places if key not in targets]:
            self.schedules[self.places.pop(key).link].remove(key)
        for key, address in places.items():
            before = self.places.get(key)
            if before != address:
                if before is not None:
                    self.schedules[before.link].remove(key)
                self.schedules[address.link].add(key, address.rhythm, now)
                self.places[key] = address
        self._memories = {code: one for code, one in self._memories.items() if code in wanted}
        self.targets = targets
        self._changed = True

    def settles(self, now: int) -> bool:
        """True once after changes of targets or of what they taught, but not more often than every five seconds: what
        follows from all of them together is then brought up to date."""
        if not self._changed or now < self._settled_at + _SETTLE:
            return False
        self._changed, self._settled_at = False, now
        return True

    def whole(self, code: str) -> tuple[PollAddress, PolledDevice] | None:
        """A device with all its points together, whatever their groups; None when it is not polled."""
        place, device = self._wanted().get(code), self._directory.device(code)
        if place is None or device is None:
            return None
        registers = self._registers(device.profile, device.components, place.caps)
        if isinstance(registers, str) or not registers:
            return None
        limits = self._limits(device.profile, place)
        address = PollAddress(place.link, place.unit, place.every)
        return address, PolledDevice(device, Layout(registers, limits), self._patience)

    def remember(self, target: PolledDevice) -> None:
        """Keep what was learned of a device, for `LearnedLimits.save`."""
        self._changed = True
        _, mark, memory = self._memories.get(target.device.code, (0, "", None))
        if memory is target.memory:  # else it was removed or changed during the poll
            self.limits.keep(target.device.code, mark, target.learned)

    def _wanted(self) -> dict[str, _Wanted]:
        """Device code -> place: from the registry, overridden by the configuration."""
        wanted: dict[str, _Wanted] = {}
        if self._config.devices_from and self._fleet is not None:
            for device in self._fleet():
                place = self._placed(device) if device.life is Life.IN_SERVICE else None
                if place is not None:
                    wanted[device.code] = place
        for entry in self._config.devices:
            caps = DeviceCaps(entry.max_registers, entry.max_bits, entry.style)
            wanted[entry.device] = _Wanted(entry.link, entry.unit, entry.every or self._config.every, caps)
        return wanted

    def _placed(self, device: Device) -> _Wanted | None:
        link, unit = device.attrs.get("modbus_link"), device.attrs.get("modbus_unit")
        if link is None and unit is None:
            return None
        if link not in self._config.links:
            return None  # another Modbus source may have this link
        try:
            number = int(str(unit).removesuffix(".0"))
            every = parse_duration(str(device.attrs["modbus_every"])) if "modbus_every" in device.attrs else 0
        except ValueError as error:
            self._report_once(device.code, f"modbus_unit or modbus_every: {error}")
            return None
        if not 0 <= number <= _LARGEST_UNIT or every < 0:
            self._report_once(
                device.code, f"modbus_unit {number} is not 0 to {_LARGEST_UNIT}, or modbus_every is negative"
            )
            return None
        caps = self._caps(device)
        return None if caps is None else _Wanted(str(link), number, every or self._config.every, caps)

    def _caps(self, device: Device) -> DeviceCaps | None:
        most, style = device.attrs.get("modbus_max_registers"), device.attrs.get("modbus_style")
        number = str(most).removesuffix(".0") if most is not None else None
        if number is not None and not (number.isdecimal() and 1 <= int(number) <= _LARGEST_REQUEST):
            self._report_once(device.code, f"modbus_max_registers {most} is not 1 to {_LARGEST_REQUEST}")
            return None
        match style:
            case None | "block" | "single":
                return DeviceCaps(None if number is None else int(number), style=style)
        self._report_once(device.code, f"modbus_style {style} is not block or single")
        return None

    def _targets(
        self, code: str, place: _Wanted, layouts: dict[tuple[object, ...], dict[str, Layout] | str]
    ) -> dict[str, PolledDevice] | str:
        """Group -> the device ready to be polled (what was learned of it stays as long as its registers do), or why
        not. `layouts` are those made in this round: thousands of devices share a few."""
        device = self._directory.device(code)
        if device is None:
            return "not in the registry, or retired"
        timing = self._config.links[place.link].timing
        key = (device.profile, device.components, place.caps, timing)
        if key not in layouts:
            layouts[key] = self._layouts(device.profile, device.components, place)
        found = layouts[key]
        if isinstance(found, str):
            return found
        beyond = sorted(
            place.unit + u for one in found.values() for u in one.units if not self._is_unit(place.unit + u)
        )
        if beyond:
            return f"its registers lie in unit {beyond[0]}, which is not 0 to {_LARGEST_UNIT}"
        memory = self._memory(device, place, found)
        return {group: self._target(device, group, layout, memory) for group, layout in found.items()}

    @staticmethod
    def _is_unit(number: int) -> bool:
        return 0 <= number <= _LARGEST_UNIT

    def _memory(self, device: Device, place: _Wanted, layouts: Mapping[str, Layout]) -> DeviceMemory:
        """That of before while registers, limits and address are the same."""
        parts = [(group, layout.spans, layout.limits) for group, layout in layouts.items()]
        mark = fingerprint(place.link, place.unit, parts)
        known = self._memories.get(device.code)
        if known is None or known[:2] != (device.id, mark):
            known = self._memories[device.code] = device.id, mark, DeviceMemory(self.limits.of(device.code, mark))
        return known[2]

    def _target(self, device: Device, group: str, layout: Layout, memory: DeviceMemory) -> PolledDevice:
        known = self.targets.get((device.code, group))
        same = known is not None and known.memory is memory and known.layout.registers == layout.registers
        return known if known is not None and same else PolledDevice(device, layout, self._patience, memory)

    def _layouts(self, profile: str, components: int, place: _Wanted) -> dict[str, Layout] | str:
        registers = self._registers(profile, components, place.caps)
        if isinstance(registers, str):
            return registers
        groups: dict[str, list[BoundRegister]] = {}
        for register in registers:
            groups.setdefault(register.group, []).append(register)
        limits = self._limits(profile, place)
        return {group: Layout(members, limits) for group, members in groups.items()}

    def _registers(self, profile: str, components: int, caps: DeviceCaps) -> tuple[BoundRegister, ...] | str:
        register_map = self._maps.get(profile)
        if register_map is None:
            return f"profile {profile} has no modbus section"
        try:
            registers = bind(caps.of(register_map), self._directory.points(profile), components)
        except ConfigError as error:
            return str(error)
        return registers or f"profile {profile} gives it no registers"

    def _limits(self, profile: str, place: _Wanted) -> RequestLimits:
        timing: LinkTiming = self._config.links[place.link].timing
        return RequestLimits.of(place.caps.of(self._maps[profile]), timing)

    def _rhythm(self, device: Device, group: str, place: _Wanted) -> int | DayTimes:
        if not group:
            return place.every
        own = self._config.groups.get(group) or self._maps[device.profile].groups[group]
        return own.rhythm(self._zone(device))

    def _report_once(self, code: str, why: str) -> None:
        if (code, why) not in self._reported:
            self._reported.add((code, why))
            self._report(code, why)

    def _log(self, code: str, why: str) -> None:
        log.warning("device is not polled", source=self._source, device=code, reason=why)
