"""Configuration shared by all signed HTTP endpoints."""

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, SecretStr, model_validator

from gateway.domain.duration import SECOND, format_duration
from gateway.section import Duration, Section, read_secret, wrong
from sinks.http.address import BadTarget, Network, parse_target
from sinks.http.signing import parse_secret


def _url(value: str) -> str:
    try:
        target = parse_target(value)
    except BadTarget as error:
        raise wrong(f"delivery.url.{error.reason}") from None
    return target.url


def _network(value: Any) -> Network:
    try:
        network = ip_network(value if isinstance(value, str) else "")
    except ValueError:
        raise wrong("delivery.allow", value=value) from None
    if network.prefixlen < (8 if network.version == 4 else 7):
        raise wrong("delivery.allow_wide", value=value)
    return network


def _timeout(value: int) -> int:
    if not SECOND <= value <= 30 * SECOND:
        raise wrong("delivery.timeout", value=format_duration(value))
    return value


Url = Annotated[str, AfterValidator(_url)]
Cidr = Annotated[Network, BeforeValidator(_network)]


class HttpEndpoint(Section):
    """`secret` signs; `old_secret`, if given, signs too, so that the receiver can change over in its own time.
    `allow` lists the networks of a receiver that is not on the internet."""

    url: Url
    secret: SecretStr | None = None
    secret_file: Path | None = None
    old_secret: SecretStr | None = None
    old_secret_file: Path | None = None
    allow: tuple[Cidr, ...] = ()
    ca_file: Path | None = None
    timeout: Annotated[Duration, AfterValidator(_timeout)] = 15 * SECOND

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if (self.secret is None) == (self.secret_file is None):
            raise wrong("delivery.secret_once")
        if self.old_secret is not None and self.old_secret_file is not None:
            raise wrong("delivery.old_secret_once")
        if not parse_target(self.url).tls and not self.allow:
            raise wrong("delivery.http_needs_allow")
        return self

    def keys(self) -> tuple[bytes, ...]:
        """The live keys, the new one first. Raises ValueError for a broken secret, OSError for an unreadable file."""
        found = [parse_secret(read_secret(self.secret, self.secret_file))]
        if self.old_secret is not None or self.old_secret_file is not None:
            found.append(parse_secret(read_secret(self.old_secret, self.old_secret_file)))
        return tuple(found)
