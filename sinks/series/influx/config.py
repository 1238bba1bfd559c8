"""Configuration of a store on an InfluxDB 2 server."""

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from gateway.domain.duration import DAY, MINUTE, SECOND
from gateway.section import Duration, StoreSection, wrong

Server = Literal["influxdb", "victoria_metrics"]


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise wrong("influx.url", value=value) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query or port == 0:
        raise wrong("influx.url", value=value)
    return value.rstrip("/")


Name = Annotated[str, Field(min_length=1, max_length=200)]


class InfluxConfig(StoreSection):
    """`series:` of the settings. A token is what the server's page "API Tokens" gives; it needs to read and write the
    bucket."""

    type: Literal["influx"]
    url: Annotated[str, AfterValidator(_url)] = Field(examples=["http://127.0.0.1:8086"])
    org: Name = Field(examples=["acme"])
    bucket: Name = Field(examples=["readings"])
    token: SecretStr | None = None
    token_file: Path | None = None
    server: Server = "influxdb"
    """`victoria_metrics`: numbers alone, written to and not read, and its last minute is written again when it was
    started anew."""
    measurement: Annotated[str, Field(pattern="^[A-Za-z][A-Za-z0-9_]{0,59}$")] = "reading"
    retention: Duration = Field(default=3650 * DAY, ge=DAY)
    """Readings older than this are deleted."""
    timeout: Duration = Field(default=10 * SECOND, ge=SECOND, le=MINUTE)
    rows: int = Field(default=10_000, ge=1, le=100_000)
    """Readings of one request, at most."""
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    @model_validator(mode="after")
    def _checked(self) -> Self:
        given = (self.token is not None) + (self.token_file is not None)
        if given > 1 or (given == 0 and self.server == "influxdb"):
            raise wrong("influx.token_once")
        if (self.cert_file is None) != (self.key_file is None):
            raise wrong("influx.cert_and_key")
        return self

    @property
    def durable(self) -> bool:
        """Whether an acknowledged write is on disk there."""
        return self.server == "influxdb"
