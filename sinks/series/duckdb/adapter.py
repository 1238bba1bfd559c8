"""Exports of this folder (`gateway.adapter_ports.SeriesAdapter`). DuckDB is imported on first use."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.adapter_ports import OpenHeldReadings, SeriesAdapter
from gateway.ports import Clock
from sinks.series.duckdb.config import DuckDbConfig

if TYPE_CHECKING:
    from sinks.series.duckdb.files import SegmentFiles
    from sinks.series.duckdb.history import StoredHistory
    from sinks.series.duckdb.store import DuckDbStore


def _build(data_dir: Path, config: DuckDbConfig, clock: Clock) -> "DuckDbStore":
    from sinks.series.duckdb.store import DuckDbStore

    return DuckDbStore(data_dir / "series", config, clock)


def _place(data_dir: Path, config: DuckDbConfig) -> dict[str, str]:  # noqa: ARG001 - the port
    return {"folder": str(data_dir / "series")}


def _open_history(place: Mapping[str, str], connect: OpenHeldReadings | None) -> "StoredHistory":
    from sinks.series.duckdb.history import StoredHistory

    return StoredHistory(Path(place["folder"]), connect)


def _files(data_dir: Path) -> "SegmentFiles":
    from sinks.series.duckdb.files import SegmentFiles

    return SegmentFiles(data_dir)


ADAPTER = SeriesAdapter(
    name="duckdb", config=DuckDbConfig, build=_build, place=_place, open_history=_open_history, files=_files
)
