"""Configuration of the embedded series store."""

from typing import Literal

from pydantic import Field

from gateway.domain.duration import DAY
from gateway.section import Bytes, Duration, StoreSection


class DuckDbConfig(StoreSection):
    """`series:` of the settings. Files lie in `<data_dir>/series/`."""

    type: Literal["duckdb"] = "duckdb"
    retention: Duration = Field(default=3650 * DAY, ge=DAY)
    """Readings older than this are given up, whole segments at a time."""
    segment: Literal["day", "month"] = "day"
    """How long one live segment takes rows; by the day of arrival, UTC."""
    memory: Bytes = Field(default=256 * 2**20, ge=64 * 2**20)
    """What DuckDB may use for its buffers."""
    threads: int = Field(default=1, ge=1, le=64)
