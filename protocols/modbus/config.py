"""Configuration of a Modbus source: links (what is wired), devices (who is behind which link). See sample.yaml."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from gateway.domain.duration import MINUTE, MS, SECOND, format_duration
from gateway.section import Duration, Section, wrong
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


class TcpLinkConfig(Section):
    """Modbus TCP. One request at a time; `timeout` for an answer, `connect` for the connection, `pause` between two
    requests (some gateways need it). For the plan alone: the `turnaround` of a request, without its bytes, and the
    `baud` of the serial line behind a gateway."""

    tcp: Endpoint
    timeout: Annotated[Duration, between(10 * MS, MINUTE)] = SECOND
    connect: Annotated[Duration, between(10 * MS, MINUTE)] = 3 * SECOND
    pause: Annotated[Duration, between(0, 10 * SECOND)] = 0
    turnaround: Annotated[Duration, between(0, 10 * SECOND)] = 5 * MS
    baud: Annotated[int, Field(ge=110, le=10_000_000)] | None = None

    @property
    def timing(self) -> LinkTiming:
        """What a request costs here."""
        once = self.turnaround + self.pause
        return LinkTiming(once) if self.baud is None else LinkTiming.serial(self.baud, once)

    @property
    def where(self) -> str:
        """For people: `10.0.3.7:502`."""
        host, port = self.tcp
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


LinkConfig = TcpLinkConfig
"""The kinds of link, distinguished by their first key. A serial line (`rtu: /dev/ttyUSB0`) joins this union."""


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

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.links:
            raise wrong("modbus.no_links")
        if not self.devices and self.devices_from is None:
            raise wrong("modbus.no_devices")
        self._check_endpoints()
        seen: set[str] = set()
        for entry in self.devices:
            if entry.link not in self.links:
                known = ", ".join(sorted(self.links))
                raise wrong("modbus.unknown_link", device=entry.device, link=entry.link, known=known)
            if entry.device in seen:
                raise wrong("modbus.twice_device", device=entry.device)
            seen.add(entry.device)
        return self

    def _check_endpoints(self) -> None:
        first: dict[tuple[str, int], str] = {}
        for name, link in self.links.items():
            if link.tcp in first:
                raise wrong("modbus.twice_endpoint", first=first[link.tcp], second=name, endpoint=link.where)
            first[link.tcp] = name
