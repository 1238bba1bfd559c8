"""Configuration of the PostgreSQL and TimescaleDB store."""

from typing import Annotated, Literal

from pydantic import Field

from gateway.domain.duration import DAY, HOUR
from gateway.postgres_connection import PostgresConnection
from gateway.section import Duration, StoreSection


class PostgresConfig(PostgresConnection, StoreSection):
    """`series:` with `type: postgres`."""

    type: Literal["postgres"]
    retention: Annotated[Duration, Field(ge=DAY)] = 3650 * DAY
    """Readings older than this are given up, a period at a time."""
    period: Literal["day", "month"] = "month"
    """How much time one partition (one chunk of a hypertable) holds."""
    compress_after: Annotated[Duration, Field(ge=HOUR)] | None = None
    """TimescaleDB alone: chunks older than this are compressed. Left out: never."""
