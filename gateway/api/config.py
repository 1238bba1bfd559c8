"""`api:` of the settings."""

from ipaddress import ip_address

from pydantic import Field, field_validator

from gateway.domain.duration import MINUTE
from gateway.section import Bytes, Duration, Section, wrong


class ApiConfig(Section):
    """Where the API listens. Loopback unless told otherwise; every other address needs a proxy with TLS before it."""

    host: str = "127.0.0.1"
    """An IP address of this machine."""
    port: int = Field(default=8420, ge=0, le=65_535)
    """0 = any free port (printed at start)."""
    url: str = ""
    """How OA systems reach this API (links in events); "" = http://host:port."""
    max_body: Bytes = Field(default=256 * 1024, ge=1024)
    callback_skew: Duration = Field(default=5 * MINUTE, ge=MINUTE)
    """How old a callback's signature may be."""

    @field_validator("host")
    @classmethod
    def _host(cls, value: str) -> str:
        try:
            ip_address(value)
        except ValueError:
            raise wrong("api.host", got=value) from None
        return value

    @property
    def exposed(self) -> bool:
        """True when others than this machine can reach it."""
        return not ip_address(self.host).is_loopback
