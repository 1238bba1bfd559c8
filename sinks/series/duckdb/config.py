"""Configuration of the embedded series store."""

from typing import Literal

from pydantic import Field

from gateway.domain.duration import DAY
from gateway.section import Bytes, Duration, StoreSection


class DuckDbConfig(StoreSection):
    """`series:` of the settings. Files lie in `<data_dir>/series/`."""

    type: Literal["duckdb"] = "duckdb"
    retention: Duration = Field(default=3650 * DAY, ge=DAY)
    """Age at which readings are deleted, whole segments at a time."""
    segment: Literal["day", "month"] = "day"
    """Time for which one live segment takes rows; by the day of arrival, UTC."""
    memory: Bytes = Field(default=256 * 2**20, ge=64 * 2**20)
    """Memory limit of DuckDB's buffers."""
    threads: int = Field(default=1, ge=1, le=64)
