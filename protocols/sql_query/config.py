"""`sources.NAME` with `type: sql_query`: the database, the one SELECT, when it runs, and how rows become readings."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator

from gateway.domain.duration import DAY, MINUTE, MS, SECOND, parse_duration
from gateway.section import Duration, read_secret, wrong
from protocols.mapping.config import RoutesSection
from protocols.sql_query.statement import NotOneSelect, one_select

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

_CLOCK = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d")


def _overlap(value: object) -> object:
    if isinstance(value, str):
        try:
            return parse_duration(value)
        except ValueError:
            raise wrong("sql.overlap", got=value) from None
    if type(value) is int and value >= 0:
        return -value
    raise wrong("sql.overlap", got=value)


class SqlQueryConfig(RoutesSection):
    """A SELECT that is run every so often (`every`) or at times of the day (`at`).

    `cursor`: the column that rises with every new or changed row; only rows from there on are read. Without it all
    rows are read each time. `overlap`: how far behind the newest row reading begins again, a duration for a cursor of
    moments or a whole number; held as µs, or below 0 as that number. `zone`: of moments without one, and of `at`.
    """

    type: Literal["sql_query"]
    url: str
    password: SecretStr | None = None
    password_file: Path | None = None
    query: str
    zone: str
    cursor: str | None = Field(default=None, min_length=1)
    overlap: Annotated[int, BeforeValidator(_overlap)] = 0
    every: Duration | None = None
    at: tuple[str, ...] = ()
    batch: int = Field(default=2000, ge=1, le=50_000)
    timeout: Duration = 30 * SECOND

    @field_validator("url")
    @classmethod
    def _url(cls, value: str) -> str:
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import ArgumentError

        try:
            parsed = make_url(value)
        except (ArgumentError, ValueError):
            raise wrong("sql.url") from None
        if parsed.password:
            raise wrong("sql.password_in_url")
        if parsed.get_backend_name() == "sqlite" and (
            not (parsed.database or "").startswith("/") or parsed.query or parsed.get_driver_name() != "pysqlite"
        ):
            raise wrong("sql.sqlite_url", got=value)
        return value

    @field_validator("query")
    @classmethod
    def _query(cls, value: str) -> str:
        try:
            return one_select(value)
        except NotOneSelect as error:
            raise wrong(error.key, **error.fields) from None

    @field_validator("zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ValueError, OSError, ZoneInfoNotFoundError):
            raise wrong("route.zone", got=value) from None
        return value

    @field_validator("at")
    @classmethod
    def _at(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            if not _CLOCK.fullmatch(one):
                raise wrong("sql.at", got=one)
        return tuple(sorted(set(value)))

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.every is not None and self.at:
            raise wrong("sql.every_or_at")
        if self.every is not None and not 10 * MS <= self.every <= DAY:
            raise wrong("mqtt.range", got=f"every {self.every // MS}ms", low="10ms", high="1d")
        if not SECOND <= self.timeout <= 30 * MINUTE:
            raise wrong("mqtt.range", got=f"timeout {self.timeout // MS}ms", low="1s", high="30m")
        if self.overlap and self.cursor is None:
            raise wrong("sql.overlap_alone")
        if self.password is not None and self.password_file is not None:
            raise wrong("sql.password_once")
        return self

    @model_validator(mode="after")
    def _read_again(self) -> Self:
        """A row may be read twice: with a cursor its readings must be the same ones then."""
        for number, route in enumerate(self.routes, 1):
            if route.payload.format != "json":
                raise wrong("sql.payload", got=route.payload.format, route=number)
            if self.cursor is not None and (route.time is None or route.time.absent != "reject"):
                raise wrong("sql.time", route=number)
        return self

    @property
    def interval(self) -> int:
        """µs between two runs; 0 = at times of the day."""
        return 0 if self.at else self.every or 5 * MINUTE

    def connection_url(self) -> "URL":
        """With the password. Raises OSError when its file cannot be read."""
        from sqlalchemy.engine import make_url

        url = make_url(self.url)
        if self.password is None and self.password_file is None:
            return url
        return url.set(password=read_secret(self.password, self.password_file))
