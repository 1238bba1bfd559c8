"""Stored readings of a span as one Parquet file, from any store, also beside the gateway that writes it."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from gateway.backtest.installation import Installation
from gateway.domain.error_reasons import reason
from gateway.domain.errors import StoreError
from gateway.domain.reading import empty_batch
from gateway.export.parquet_file import ParquetFile

Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """Readings with start <= at < end (µs) of these devices and points, by id (None = all)."""

    start: int
    end: int
    devices: tuple[int, ...] | None
    points: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """The written file."""

    readings: int
    bytes: int


def export(
    installation: Installation, wanted: ExportRequest, target: Path, total: Advance, progress: Advance
) -> ExportedFile:
    """Write `target`, which must not be there yet. Raises StoreError."""
    if target.exists():
        raise StoreError.of("export.exists", path=target)
    known, written = installation.known, 0
    try:
        with (
            TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as scratch,
            closing(ParquetFile(Path(scratch), known.devices, known.points, installation.corrections())) as file,
            installation.history() as (history, _),
        ):
            spans = history.spans(wanted.start, wanted.end)
            total(sum(rows for _, _, rows in spans))
            for start, end, rows in spans:
                batch = history.rows(start, end, wanted.devices, wanted.points)
                if len(batch):
                    file.add(batch)
                written += len(batch)
                progress(rows)
            if not written:
                file.add(empty_batch())
            file.finish(target)
    except (OSError, duckdb.Error) as error:
        raise StoreError.of("export.failed", path=target, error=reason(error)) from error
    return ExportedFile(written, target.stat().st_size)
