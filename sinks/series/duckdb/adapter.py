"""What the gateway needs of this folder (`gateway.adapter_ports.SeriesAdapter`). DuckDB is loaded when needed."""

from pathlib import Path
from typing import TYPE_CHECKING

from gateway.adapter_ports import SeriesAdapter
from gateway.ports import Clock
from sinks.series.duckdb.config import DuckDbConfig

if TYPE_CHECKING:
    from sinks.series.duckdb.store import DuckDbStore


def _build(data_dir: Path, config: DuckDbConfig, clock: Clock) -> "DuckDbStore":
    from sinks.series.duckdb.store import DuckDbStore

    return DuckDbStore(data_dir / "series", config, clock)


ADAPTER = SeriesAdapter(name="duckdb", config=DuckDbConfig, build=_build)
