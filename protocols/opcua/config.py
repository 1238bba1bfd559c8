"""`sources.NAME` with `type: opcua`: the server, how the connection is secured, and the devices behind it."""

from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from gateway.domain.duration import HOUR, MINUTE, MS, SECOND, format_duration
from gateway.section import Duration, Section, read_secret, wrong

Policy = Literal["basic256sha256", "aes128_sha256_rsaoaep", "aes256_sha256_rsapss"]
"""Security policies of OPC 10000-7, without those that are no longer allowed."""


class SecureChannel(Section):
    """PEM or DER files. `server_cert` is the server's certificate: another one is refused. `cert` and `key` are ours;
    the application URI stands in `cert`."""

    policy: Policy = "basic256sha256"
    mode: Literal["sign", "sign_and_encrypt"] = "sign_and_encrypt"
    cert: Path
    key: Path
    server_cert: Path


class WatchedDevice(Section):
    """A device of the registry and the node that stands for it; `{root}` in its profile."""

    device: Annotated[str, Field(min_length=1, max_length=120)]
    root: str = ""


class OpcUaConfig(Section):
    """One server. `devices_from: registry` adds every device with the attribute opcua_source = the name of this
    source, and its attribute opcua_root; an entry under `devices` wins.

    `publishing`: how often the server sends changes; `sampling`: how often it looks at a value; `queue`: values of a
    node it keeps between two sendings. `refresh`: values that did not change are read so often, 0 = never. `gap_after`:
    a connection that is away so long is a gap. `history`: what the server recorded, so far back, is read after a
    connection, 0 = never.
    """

    type: Literal["opcua"]
    endpoint: str
    secure: SecureChannel | None = None
    user: str | None = None
    password: SecretStr | None = None
    password_file: Path | None = None
    devices: tuple[WatchedDevice, ...] = ()
    devices_from: Literal["registry"] | None = None
    publishing: Duration = SECOND
    sampling: Duration = 500 * MS
    queue: int = Field(default=20, ge=1, le=10_000)
    refresh: Duration = MINUTE
    gap_after: Duration = 10 * SECOND
    history: Duration = 0
    timeout: Duration = 5 * SECOND

    @field_validator("endpoint")
    @classmethod
    def _endpoint(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            fits = parts.scheme == "opc.tcp" and bool(parts.hostname) and parts.port != 0
        except ValueError:
            fits = False
        if not fits:
            raise wrong("opcua.endpoint", got=value)
        if parts.username is not None or parts.password is not None:
            raise wrong("opcua.endpoint_secret")
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        self._check_ranges()
        if not self.devices and self.devices_from is None:
            raise wrong("opcua.no_devices")
        if self.user is None and (self.password is not None or self.password_file is not None):
            raise wrong("opcua.password_alone")
        if self.user is not None and (self.password is None) == (self.password_file is None):
            raise wrong("opcua.password")
        seen: set[str] = set()
        for entry in self.devices:
            if entry.device in seen:
                raise wrong("opcua.twice_device", device=entry.device)
            seen.add(entry.device)
        return self

    def _check_ranges(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high and (value or name not in _MAY_BE_0):
                fields = {"low": format_duration(low), "high": format_duration(high)}
                raise wrong("opcua.range", got=f"{name} {format_duration(value)}", **fields)

    def secret(self) -> str | None:
        """The password; None without a user. Raises OSError when its file cannot be read."""
        return None if self.user is None else read_secret(self.password, self.password_file)

    @property
    def where(self) -> str:
        """For people: `10.0.3.9:4840`."""
        return urlsplit(self.endpoint).netloc

    @property
    def local(self) -> bool:
        """The server is on this machine."""
        host = urlsplit(self.endpoint).hostname or ""
        try:
            return host == "localhost" or ip_address(host).is_loopback
        except ValueError:
            return False

    def listed(self) -> Mapping[str, str]:
        """Device code -> root, of `devices`."""
        return {entry.device: entry.root for entry in self.devices}


_RANGES = {
    "publishing": (20 * MS, HOUR),
    "sampling": (MS, HOUR),
    "refresh": (SECOND, 24 * HOUR),
    "gap_after": (100 * MS, 24 * HOUR),
    "history": (SECOND, 31 * 24 * HOUR),
    "timeout": (100 * MS, 5 * MINUTE),
}
_MAY_BE_0 = ("refresh", "history", "gap_after")
