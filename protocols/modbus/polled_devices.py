"""The polled devices and their addresses: configuration and registry, joined again when the registry changes."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import structlog

from gateway.domain.device import Device, Life
from gateway.domain.duration import parse_duration
from gateway.domain.errors import ConfigError
from gateway.ports import Directory
from protocols.modbus.config import ModbusConfig
from protocols.modbus.cycle import Layout, PolledDevice
from protocols.modbus.plan import RequestLimits
from protocols.modbus.profile import ModbusMap
from protocols.modbus.registers import bind
from protocols.modbus.schedule import PollSchedule
from protocols.modbus.slave import Backoff

log: structlog.stdlib.BoundLogger = structlog.get_logger("modbus")

Fleet = Callable[[], Iterable[Device]]
"""All devices of the registry, for `devices_from: registry`."""
_LARGEST_UNIT = 255


@dataclass(frozen=True, slots=True)
class PollAddress:
    """Link and unit of a device, and its poll interval in µs."""

    link: str
    unit: int
    every: int


class PolledDevices:
    """The targets, and a schedule per link. A device that cannot be polled is logged once, with the reason, and
    counted in `unplaced`; it is tried again with every change of the registry."""

    def __init__(
        self,
        source: str,
        config: ModbusConfig,
        directory: Directory,
        maps: Mapping[str, ModbusMap],
        patience: Backoff,
        fleet: Fleet | None,
    ) -> None:
        self._source, self._config, self._directory = source, config, directory
        self._maps, self._patience, self._fleet = maps, patience, fleet
        self._version: int | None = None
        self._logged: set[tuple[str, str]] = set()
        self.targets: dict[str, PolledDevice] = {}
        self.places: dict[str, PollAddress] = {}
        self.schedules: dict[str, PollSchedule[str]] = {link: PollSchedule() for link in config.links}
        self.unplaced = 0

    def use(self, config: ModbusConfig, maps: Mapping[str, ModbusMap], now: int) -> None:
        """From now on this configuration: devices whose place and registers are as before go on as before."""
        self._config, self._maps, self._patience, self._version = config, maps, config.backoff.build(), None
        for link in config.links:
            self.schedules.setdefault(link, PollSchedule())
        self.refresh(now)
        self.schedules = {link: self.schedules[link] for link in config.links}
        wanted = self._wanted()
        self._logged = {(code, why) for code, why in self._logged if code in wanted}

    def refresh(self, now: int) -> None:
        """Follow the registry; cheap when nothing changed. `now` is the µs clock of the schedules."""
        version = self._directory.version
        if version == self._version:
            return
        self._version = version
        wanted = self._wanted()
        self.unplaced = 0
        targets: dict[str, PolledDevice] = {}
        layouts: dict[tuple[str, int], Layout | str] = {}
        for code in wanted:
            target = self._target(code, wanted[code].unit, layouts)
            if isinstance(target, PolledDevice):
                targets[code] = target
            else:
                self.unplaced += 1
                self._log_once(code, target)
        for code in [code for code in self.places if code not in targets]:
            self.schedules[self.places.pop(code).link].remove(code)
        for code in targets:
            place, before = wanted[code], self.places.get(code)
            if before != place:
                if before is not None:
                    self.schedules[before.link].remove(code)
                self.schedules[place.link].add(code, place.every, now)
                self.places[code] = place
        self.targets = targets

    def _wanted(self) -> dict[str, PollAddress]:
        """Device code -> place: from the registry, overridden by the configuration."""
        wanted: dict[str, PollAddress] = {}
        if self._config.devices_from and self._fleet is not None:
            for device in self._fleet():
                place = self._placed(device) if device.life is Life.IN_SERVICE else None
                if place is not None:
                    wanted[device.code] = place
        for entry in self._config.devices:
            wanted[entry.device] = PollAddress(entry.link, entry.unit, entry.every or self._config.every)
        return wanted

    def _placed(self, device: Device) -> PollAddress | None:
        link, unit = device.attrs.get("modbus_link"), device.attrs.get("modbus_unit")
        if link is None and unit is None:
            return None
        if link not in self._config.links:
            return None  # another Modbus source may have this link
        try:
            number = int(str(unit).removesuffix(".0"))
            every = parse_duration(str(device.attrs["modbus_every"])) if "modbus_every" in device.attrs else 0
        except ValueError as error:
            self._log_once(device.code, f"modbus_unit or modbus_every: {error}")
            return None
        if not 0 <= number <= _LARGEST_UNIT or every < 0:
            self._log_once(
                device.code, f"modbus_unit {number} is not 0 to {_LARGEST_UNIT}, or modbus_every is negative"
            )
            return None
        return PollAddress(str(link), number, every or self._config.every)

    def _target(self, code: str, unit: int, layouts: dict[tuple[str, int], Layout | str]) -> PolledDevice | str:
        """The device ready to be polled (what was learned of it stays as long as its registers do), or why not.

        `layouts` are those made in this round: thousands of devices share a few.
        """
        device = self._directory.device(code)
        if device is None:
            return "not in the registry, or retired"
        key = (device.profile, device.components)
        if key not in layouts:
            layouts[key] = self._layout(*key)
        layout = layouts[key]
        if isinstance(layout, str):
            return layout
        beyond = sorted(unit + one for one in layout.units if not 0 <= unit + one <= _LARGEST_UNIT)
        if beyond:
            return f"its registers lie in unit {beyond[0]}, which is not 0 to {_LARGEST_UNIT}"
        known = self.targets.get(code)
        if known is not None and known.device.id == device.id and known.layout.registers == layout.registers:
            return known
        return PolledDevice(device, layout, self._patience)

    def _layout(self, profile: str, components: int) -> Layout | str:
        register_map = self._maps.get(profile)
        if register_map is None:
            return f"profile {profile} has no modbus section"
        try:
            registers = bind(register_map, self._directory.points(profile), components)
        except ConfigError as error:
            return str(error)
        return (
            Layout(registers, RequestLimits.of(register_map))
            if registers
            else f"profile {profile} gives it no registers"
        )

    def _log_once(self, code: str, why: str) -> None:
        if (code, why) not in self._logged:
            self._logged.add((code, why))
            log.warning("device is not polled", source=self._source, device=code, reason=why)
