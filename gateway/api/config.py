"""The section `api:` of the settings."""

from ipaddress import ip_address
from pathlib import Path

from pydantic import Field, field_validator

from gateway.domain.duration import MINUTE
from gateway.section import Bytes, Duration, Section, wrong


def key_file(data_dir: Path, tenant: str) -> Path:
    """File to which the first start writes the admin's key; each tenant has its own."""
    return data_dir / ("admin.key" if tenant == "default" else f"admin-{tenant}.key")


def address(value: str) -> str:
    """`value` if it is an IP address. Raises a validation error otherwise."""
    try:
        ip_address(value)
    except ValueError:
        raise wrong("api.host", got=value) from None
    return value


class TlsFiles(Section):
    """PEM files. `cert` holds the whole chain, the gateway's own certificate first. Renewed files are taken over
    without a restart."""

    cert: Path
    key: Path


class ApiConfig(Section):
    """Address of the API, loopback by default; other addresses need `tls`, or a proxy with TLS."""

    host: str = "127.0.0.1"
    """An IP address of this machine."""
    port: int = Field(default=8420, ge=0, le=65_535)
    """0 = any free port (printed at start)."""
    url: str = ""
    """Address under which OA systems reach this API (links in events); "" = its own address."""
    hosts: tuple[str, ...] = ()
    """Further names under which callers may use this gateway, besides the one in `url`, the machine's own, localhost
    and IP addresses."""
    tls: TlsFiles | None = None
    behind_tls_proxy: bool = False
    """A proxy in front of the API terminates TLS and passes the caller in X-Forwarded-For; callers cannot bypass it."""
    connections: int = Field(default=512, ge=16, le=4096)
    """Limit of open connections. Beyond it, the one that has waited longest for a request is closed, else the new
    one is refused."""
    connections_per_address: int = Field(default=64, ge=4, le=4096)
    """The same limit for one address."""
    max_body: Bytes = Field(default=256 * 1024, ge=1024)
    callback_skew: Duration = Field(default=5 * MINUTE, ge=MINUTE)
    """Largest age of a callback's signature."""

    @field_validator("host")
    @classmethod
    def _host(cls, value: str) -> str:
        return address(value)

    @property
    def exposed(self) -> bool:
        """True if other machines can reach the API."""
        return not ip_address(self.host).is_loopback

    @property
    def plain(self) -> bool:
        """True if keys would cross a network in clear text."""
        return self.exposed and self.tls is None and not self.behind_tls_proxy

    @property
    def address(self) -> str:
        """`https://host:port`, as configured."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"


class HealthConfig(Section):
    """Address that answers `/healthz` and `/readyz` independently of the API's load, on loopback also `/metrics`."""

    host: str = "127.0.0.1"
    """An IP address of this machine."""
    port: int | None = Field(default=None, ge=0, le=65_535)
    """Default: the port after the API's; 0 = any free port."""

    @field_validator("host")
    @classmethod
    def _host(cls, value: str) -> str:
        return address(value)

    @property
    def exposed(self) -> bool:
        """True if other machines can reach it."""
        return not ip_address(self.host).is_loopback
