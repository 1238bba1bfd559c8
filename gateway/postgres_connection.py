"""Connection to a PostgreSQL server, as configured: for the store of readings and for the relational database."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from gateway.domain.duration import MINUTE, SECOND
from gateway.section import Duration, Section, read_secret, wrong

TlsMode = Literal["disable", "require", "verify-ca", "verify-full"]
LOCAL = ("localhost", "127.0.0.1", "::1")
Identifier = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,40}$")]
"""A name that needs no quotes in SQL."""


class PostgresConnection(Section):
    """The parts of a connection string, so that the password stands alone."""

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """A name, an address, or the folder of a socket (`/run/postgresql`). Several with commas between: of these the one
    that takes writes."""
    port: Annotated[int, Field(ge=1, le=65535)] = 5432
    database: Annotated[str, Field(min_length=1)] = "fieldgate"
    user: Annotated[str, Field(min_length=1)] = "fieldgate"
    password: SecretStr | None = None
    password_file: Path | None = None
    """Neither: the server lets this user in without one (a certificate, or `peer` on a socket)."""
    schema_name: Identifier = "fieldgate"
    """The schema the tables are in; it is made when the user may make it."""
    tls: TlsMode | None = None
    """As `sslmode` of PostgreSQL. Left out: `disable` on this machine, `verify-full` to another one."""
    ca_file: Path | None = None
    """Who may have signed the server's certificate. Left out: those this machine trusts."""
    cert_file: Path | None = None
    key_file: Path | None = None
    """The certificate of this gateway and its key, where the server asks for one."""
    timeout: Annotated[Duration, Field(ge=SECOND, le=30 * MINUTE)] = MINUTE
    """Longest time of one statement, and of a connection that does not answer."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.password is not None and self.password_file is not None:
            raise wrong("postgres.password_once")
        if (self.cert_file is None) != (self.key_file is None):
            raise wrong("postgres.cert_and_key")
        return self

    @property
    def local(self) -> bool:
        """True if the server is on this machine."""
        return all(one.startswith("/") or one in LOCAL for one in self.host.split(","))

    @property
    def tls_mode(self) -> TlsMode:
        """`tls`, or its default for this server."""
        return self.tls or ("disable" if self.local else "verify-full")

    @property
    def address(self) -> str:
        """For messages: `fieldgate@db.example:5432/fieldgate`."""
        return f"{self.user}@{self.host}:{self.port}/{self.database}"

    def secret(self) -> str:
        """The password; "" = none. Raises OSError when the file cannot be read."""
        if self.password is None and self.password_file is None:
            return ""
        return read_secret(self.password, self.password_file)

    def connection(self) -> dict[str, str | int]:
        """Parameters of libpq. Raises OSError when the password cannot be read."""
        seconds = max(2, self.timeout // SECOND)
        found: dict[str, str | int] = {
            "host": self.host,
            "port": self.port,
            "dbname": self.database,
            "user": self.user,
            "sslmode": self.tls_mode,
            "connect_timeout": min(10, seconds),
            "application_name": "fieldgate",
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": seconds * 1000,
        }
        if "," in self.host:
            found["target_session_attrs"] = "read-write"
        if self.tls_mode.startswith("verify"):
            found["sslrootcert"] = str(self.ca_file or "system")
        if self.cert_file is not None:
            found |= {"sslcert": str(self.cert_file), "sslkey": str(self.key_file)}
        if password := self.secret():
            found["password"] = password
        return found
