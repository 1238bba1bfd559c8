"""`sources.NAME` with `type: http`: what is pushed to `/v1/ingest/NAME`, and how its senders prove who they are."""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator

from gateway.domain.duration import DAY, HOUR, MINUTE, MS, SECOND
from gateway.section import Bytes, Duration, Section, read_secret, wrong
from protocols.mapping.config import RoutesSection
from protocols.mapping.config_problem import submodel


class EmptySecret(ValueError):
    """A secret without a character proves nobody."""


def _read(secret: SecretStr | None, file: Path | None) -> str:
    """Raises OSError when the file cannot be read, EmptySecret."""
    if not (found := read_secret(secret, file)):
        raise EmptySecret
    return found


class _Secret(Section):
    """A secret, here or in a file."""

    secret: SecretStr | None = None
    secret_file: Path | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.secret is None) == (self.secret_file is None):
            raise wrong("http.secret")
        return self

    def value(self) -> str:
        """The secret. Raises OSError when its file cannot be read, EmptySecret."""
        return _read(self.secret, self.secret_file)


class TokenAuth(_Secret):
    """The request brings a secret: `Authorization: Bearer …`, in a header of that name, or by a name of the URL's query
    (for platforms that can send nothing but a URL)."""

    kind: Literal["token"]
    header: str = "authorization"
    query: str | None = Field(default=None, min_length=1)


class HmacAuth(_Secret):
    """The request brings a keyed hash of its body. `timestamp`: a header with epoch seconds that is hashed before the
    body, with a point between; older or newer than `tolerance` is refused."""

    kind: Literal["hmac"]
    header: str = "x-signature"
    algorithm: Literal["sha256", "sha1", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""
    timestamp: str | None = None
    tolerance: Duration = 5 * MINUTE


class OneNetAuth(_Secret):
    """China Mobile OneNET: `msg_signature`, of OneNET Studio `signature`, = base64(MD5(token + nonce + msg)); its URL
    check is answered. `aes_secret`, when messages are encrypted: EncodingAESKey (43 characters), or the key of OneNET
    Studio (16)."""

    kind: Literal["onenet"]
    aes_secret: SecretStr | None = None
    aes_secret_file: Path | None = None

    def aes_key(self) -> str:
        """The key, "" = messages are in the clear. Raises OSError when its file cannot be read, EmptySecret."""
        if self.aes_secret is None and self.aes_secret_file is None:
            return ""
        return _read(self.aes_secret, self.aes_secret_file)


class TcecAuth(Section):
    """An operator of charging stations by T/CEC 102.4: requests and answers are encrypted and signed, a token is
    issued. `zone`: of TimeStamp, which may be older or newer by `tolerance`."""

    kind: Literal["tcec102"]
    operator_id: str = Field(min_length=1)
    operator_secret: SecretStr | None = None
    operator_secret_file: Path | None = None
    data_secret: SecretStr | None = None
    data_secret_file: Path | None = None
    iv_secret: SecretStr | None = None
    iv_secret_file: Path | None = None
    sig_secret: SecretStr | None = None
    sig_secret_file: Path | None = None
    token_lifetime: Duration = 2 * HOUR
    tolerance: Duration = 5 * MINUTE
    zone: str = "Asia/Shanghai"

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for name in TCEC_SECRETS:
            if (getattr(self, name) is None) == (getattr(self, f"{name}_file") is None):
                raise wrong("http.tcec_secret", got=name)
        if not MINUTE <= self.token_lifetime <= 30 * DAY:
            raise wrong("mqtt.range", got=f"token_lifetime {self.token_lifetime // SECOND}s", low="1m", high="30d")
        return self

    @field_validator("zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ValueError, OSError, ZoneInfoNotFoundError):
            raise wrong("route.zone", got=value) from None
        return value

    def value(self, name: str) -> str:
        """The secret of that name. Raises OSError when its file cannot be read, EmptySecret."""
        return _read(getattr(self, name), getattr(self, f"{name}_file"))


class ClientCertificate(Section):
    """The connection brings a certificate that `tls.client_ca` signed; needs nothing else."""

    kind: Literal["mtls"]


class NoAuth(Section):
    """Whoever reaches the port may push; on loopback only."""

    kind: Literal["none"]


LARGEST = 64 * 1024 * 1024
"""Bytes of a body."""
TCEC_SECRETS = ("operator_secret", "data_secret", "iv_secret", "sig_secret")
Auth = TokenAuth | HmacAuth | OneNetAuth | TcecAuth | ClientCertificate | NoAuth
_KINDS: dict[str, type[Section]] = {
    "token": TokenAuth,
    "hmac": HmacAuth,
    "onenet": OneNetAuth,
    "tcec102": TcecAuth,
    "mtls": ClientCertificate,
    "none": NoAuth,
}


def _auth(value: object) -> object:
    if isinstance(value, Section):
        return value
    given: dict[object, object] = dict(value) if isinstance(value, dict) else {"kind": value}
    model = _KINDS.get(str(given.get("kind")))
    if model is None:
        raise wrong("http.auth", got=given.get("kind"), known=", ".join(_KINDS))
    return submodel(model, given)


class ServerTls(Section):
    """PEM files. `client_ca`: senders must have a certificate of this authority."""

    cert: Path
    key: Path
    client_ca: Path | None = None


class HttpConfig(RoutesSection):
    """A listener for pushed messages. Several sources may share an address, each with its own path. `query`: a request
    without a body brings its message in the query of its URL, also by GET."""

    type: Literal["http"]
    listen: str = "127.0.0.1:8422"
    auth: Annotated[Auth, BeforeValidator(_auth)]
    tls: ServerTls | None = None
    query: bool = False
    linger: Duration = 5 * MS
    linger_messages: int = Field(default=500, ge=1, le=20_000)
    max_unjournaled: Bytes = 32 * 1024 * 1024
    max_connections: int = Field(default=1000, ge=1, le=20_000)
    silent_after: Duration = 0

    @field_validator("listen")
    @classmethod
    def _listen(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        try:
            ip_address(host.strip("[]"))
            fits = 0 <= int(port) <= 65535
        except ValueError:
            fits = False
        if not fits:
            raise wrong("http.listen", got=value)
        return value

    @model_validator(mode="after")
    def _safe(self) -> Self:
        if isinstance(self.auth, NoAuth) and not self.local:
            raise wrong("http.open", got=self.listen)
        if isinstance(self.auth, ClientCertificate) and (self.tls is None or self.tls.client_ca is None):
            raise wrong("http.client_ca")
        if self.query and isinstance(self.auth, HmacAuth | OneNetAuth | TcecAuth):
            raise wrong("http.query", got=self.auth.kind)
        if not 0 <= self.linger <= SECOND:
            raise wrong("mqtt.range", got=f"linger {self.linger // MS}ms", low="0ms", high="1s")
        return self

    @property
    def encrypted(self) -> bool:
        """Messages are encrypted, so AES is needed."""
        auth = self.auth
        return isinstance(auth, TcecAuth) or (
            isinstance(auth, OneNetAuth) and (auth.aes_secret is not None or auth.aes_secret_file is not None)
        )

    @property
    def address(self) -> tuple[str, int]:
        """(host, port)."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def local(self) -> bool:
        """Only this machine reaches it."""
        return ip_address(self.address[0]).is_loopback
