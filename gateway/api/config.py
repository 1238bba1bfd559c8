"""`api:` of the settings."""

from ipaddress import ip_address

from pydantic import Field, field_validator

from gateway.domain.duration import MINUTE
from gateway.section import Bytes, Duration, Section, wrong


def address(value: str) -> str:
    """`value`, when it is an IP address."""
    try:
        ip_address(value)
    except ValueError:
        raise wrong("api.host", got=value) from None
    return value


class ApiConfig(Section):
    """Where the API listens. Loopback unless told otherwise; every other address needs a proxy with TLS before it."""

    host: str = "127.0.0.1"
    """An IP address of this machine."""
    port: int = Field(default=8420, ge=0, le=65_535)
    """0 = any free port (printed at start)."""
    url: str = ""
    """How OA systems reach this API (links in events); "" = http://host:port."""
    connections: int = Field(default=512, ge=16, le=4096)
    """At once; then the one that has waited longest for a request makes room, else a new one is refused."""
    connections_per_address: int = Field(default=64, ge=4, le=4096)
    """The same for one address."""
    max_body: Bytes = Field(default=256 * 1024, ge=1024)
    callback_skew: Duration = Field(default=5 * MINUTE, ge=MINUTE)
    """How old a callback's signature may be."""

    @field_validator("host")
    @classmethod
    def _host(cls, value: str) -> str:
        return address(value)

    @property
    def exposed(self) -> bool:
        """True when others than this machine can reach it."""
        return not ip_address(self.host).is_loopback


class HealthConfig(Section):
    """Where `/healthz` and `/readyz` are answered whatever the API is busy with; on loopback `/metrics` too."""

    host: str = "127.0.0.1"
    """An IP address of this machine."""
    port: int | None = Field(default=None, ge=0, le=65_535)
    """Left out: the port after the API's; 0 = any free port."""

    @field_validator("host")
    @classmethod
    def _host(cls, value: str) -> str:
        return address(value)

    @property
    def exposed(self) -> bool:
        """True when others than this machine can reach it."""
        return not ip_address(self.host).is_loopback
