"""Configuration of a Modbus source: links (what is wired), devices (who is behind which link). See sample.yaml."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from gateway.domain.duration import MINUTE, MS, SECOND, format_duration
from gateway.section import Duration, Section, SourceCommands, wrong
from protocols.modbus.poll_group import Every, PollGroups, between
from protocols.modbus.slave import Backoff
from protocols.modbus.timing import LinkTiming

_ENDPOINT = re.compile(r"(?:\[([0-9A-Fa-f:.%a-z]+)\]|([^\s:/\[\]]+)):([0-9]{1,5})")


def _endpoint(value: object) -> object:
    match = _ENDPOINT.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or not 1 <= int(match[3]) <= 65535:
        raise wrong("modbus.endpoint", value=value)
    return (match[1] or match[2], int(match[3]))


Endpoint = Annotated[tuple[str, int], BeforeValidator(_endpoint)]
"""Written `10.0.3.7:502` or `[fe80::1]:502`; held as (host, port)."""


class LinkConfig(Section):
    """A connection or a bus, by the one key of `KINDS` that it has. One request at a time; `timeout` for an answer,
    `connect` for the connection, `pause` between two requests (some gateways need it). For the plan: `turnaround` of
    a request, without its bytes, and the `baud` of the serial line, behind a gateway too."""

    tcp: Endpoint | None = None
    tls: Endpoint | None = None
    rtu_tcp: Endpoint | None = None
    rtu: Annotated[str, Field(pattern="^/[ -~]{1,200}$")] | None = None
    timeout: Annotated[Duration, between(10 * MS, MINUTE)] = SECOND
    connect: Annotated[Duration, between(10 * MS, MINUTE)] = 3 * SECOND
    pause: Annotated[Duration, between(0, 10 * SECOND)] = 0
    turnaround: Annotated[Duration, between(0, 10 * SECOND)] = 5 * MS
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    server_name: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    baud: Annotated[int, Field(ge=110, le=10_000_000)] | None = None
    parity: Literal["none", "even", "odd"] = "none"
    stop_bits: Literal[1, 2] = 1
    quiet: Annotated[Duration, between(0, SECOND)] | None = None
    late_answer: Annotated[Duration, between(0, MINUTE)] = SECOND
    echo: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        kinds = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(kinds) != 1:
            raise wrong("modbus.link_kind", known=", ".join(KINDS))
        for key in sorted(self.model_fields_set):
            if key not in _COMMON and key not in KINDS[kinds[0]]:
                owners = ", ".join(kind for kind in KINDS if key in KINDS[kind])
                raise wrong("modbus.link_key", name=key, kind=kinds[0], owners=owners)
        if (self.cert_file is None) != (self.key_file is None):
            raise wrong("mqtt.cert_pair")
        return self

    @property
    def endpoint(self) -> tuple[str, int] | None:
        """(host, port), None for a serial port."""
        return self.tcp or self.tls or self.rtu_tcp

    @property
    def serial(self) -> bool:
        """The frames are those of a serial bus: there is a quiet time, and unit 0 means all."""
        return self.rtu is not None or self.rtu_tcp is not None

    @property
    def speed(self) -> int | None:
        """Baud of the serial line; None where there is none, or it does not matter."""
        return self.baud or (USUAL_BAUD if self.serial else None)

    @property
    def timing(self) -> LinkTiming:
        """What a request costs here."""
        once = self.turnaround + self.pause
        return LinkTiming(once) if self.speed is None else LinkTiming.serial(self.speed, once)

    @property
    def where(self) -> str:
        """For people: `10.0.3.7:502`, `/dev/ttyUSB0`."""
        if self.endpoint is None:
            return self.rtu or ""
        host, port = self.endpoint
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


USUAL_BAUD = 9600
_COMMON = {"timeout", "pause", "turnaround", "baud"}
_OF_BUS = {"quiet", "late_answer", "echo"}
KINDS = {
    "tcp": {"tcp", "connect"},
    "tls": {"tls", "connect", "ca_file", "cert_file", "key_file", "server_name"},
    "rtu_tcp": {"rtu_tcp", "connect"} | _OF_BUS,
    "rtu": {"rtu", "parity", "stop_bits"} | _OF_BUS,
}  # fmt: skip
"""Kinds of link -> the keys of each, besides those that all have."""


class BackoffConfig(Section):
    """How long a unit that does not answer is left alone: `min` more after every silent probe, up to `max`."""

    min: Annotated[Duration, between(100 * MS, 1440 * MINUTE)] = 10 * SECOND
    max: Annotated[Duration, between(100 * MS, 1440 * MINUTE)] = 5 * MINUTE

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.min > self.max:
            raise wrong("modbus.backoff", min=format_duration(self.min), max=format_duration(self.max))
        return self

    def build(self) -> Backoff:
        """As the rest of the source uses it."""
        return Backoff(self.min, self.max)


class DeviceConfig(Section):
    """A device of the registry and where it answers. `every` overrides that of the source; `max_registers`, `max_bits`
    and `style` are narrower limits than those of its profile."""

    device: Annotated[str, Field(min_length=1, max_length=120)]
    link: str
    unit: Annotated[int, Field(ge=0, le=255)]
    every: Every | None = None
    max_registers: Annotated[int, Field(ge=1, le=125)] | None = None
    max_bits: Annotated[int, Field(ge=1, le=2000)] | None = None
    style: Literal["block", "single"] | None = None


class ModbusConfig(Section):
    """One Modbus source. `devices_from: registry` adds every device with the attributes modbus_link and modbus_unit
    (and modbus_every, a duration; modbus_max_registers, modbus_style); an entry under `devices` wins. `groups` replaces
    the poll groups of profiles that have the same names."""

    type: Literal["modbus"]
    links: Mapping[str, LinkConfig]
    devices: tuple[DeviceConfig, ...] = ()
    devices_from: Literal["registry"] | None = None
    every: Every = 10 * SECOND
    groups: PollGroups = Field(default_factory=dict)
    backoff: BackoffConfig = BackoffConfig()
    commands: SourceCommands | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.links:
            raise wrong("modbus.no_links")
        if not self.devices and self.devices_from is None:
            raise wrong("modbus.no_devices")
        self._check_links()
        seen: set[str] = set()
        for entry in self.devices:
            if entry.link not in self.links:
                known = ", ".join(sorted(self.links))
                raise wrong("modbus.unknown_link", device=entry.device, link=entry.link, known=known)
            if entry.device in seen:
                raise wrong("modbus.twice_device", device=entry.device)
            seen.add(entry.device)
        return self

    def _check_links(self) -> None:
        first: dict[object, str] = {}
        for name, link in self.links.items():
            place = link.endpoint or link.rtu
            if place in first:
                raise wrong("modbus.twice_endpoint", first=first[place], second=name, endpoint=link.where)
            first[place] = name
        for entry in self.devices:
            if entry.unit == 0 and entry.link in self.links and self.links[entry.link].serial:
                raise wrong("modbus.unit_of_all", device=entry.device)
