"""DuckDB segments: the embedded series store."""

from sinks.series.duckdb.config import DuckDbConfig
from sinks.series.duckdb.store import DuckDbStore

__all__ = ["DuckDbConfig", "DuckDbStore"]
