"""Stored history in great pieces, for those who read all of it: backtest and explain, in a process of their own.

Sealed files are read as they are. The open ones belong to the running gateway, whose API hands out their rows
(`HeldReadings`); when none runs they are read like the others. Rows leave as columns, never as objects.
"""

from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from gateway.adapter_ports import OpenHeldReadings
from gateway.domain.errors import StoreError
from gateway.domain.reading import Batch, concat, empty_batch
from gateway.domain.regroup import in_order
from gateway.ports import HeldReadings
from sinks.series.duckdb import query
from sinks.series.duckdb.segment import Segment, attach
from sinks.series.pieces import pieces


class StoredHistory:
    """A HistoryReader of the segments of a folder. Files that another process writes are read through `connect`."""

    def __init__(self, folder: Path, connect: OpenHeldReadings | None = None, threads: int = 1) -> None:
        """Raises StoreError for a damaged file, and for one that is in use when `connect` is None."""
        self._connection = duckdb.connect(":memory:", config={"threads": threads})
        self._held: HeldReadings | None = None
        self._segments: list[Segment] = []
        for path in sorted(folder.glob("*.duckdb")):
            try:
                kind = "late" if path.stem.startswith("late") else "live"
                self._segments.append(attach(self._connection, path, kind, sealed=True))  # type: ignore[arg-type]
            except StoreError as error:
                if connect is None or error.key != "store.segment.locked":
                    raise
                self._held = self._held or connect()

    def close(self) -> None:
        """Close the files."""
        self._connection.close()

    def before(self, moment: int, devices: Sequence[int], points: Sequence[int]) -> Batch:
        """For each of these points of these devices: the newest reading with at < moment, and the newest one with a
        value."""
        if self._held is not None:
            found = self._held.before(moment, devices)
        else:
            found = query.before(self._connection, self._segments, -(2**62), moment, devices)
        return in_order(found.select(np.isin(found.point, np.array(points, np.int32))), twice=False)

    def spans(self, start: int, end: int) -> list[tuple[int, int, int]]:
        """Pieces (start, end, rows) of similar size, in order of time; together they hold all readings of [start,
        end)."""
        return pieces(self.counts, start, end)

    def counts(self, start: int, end: int, width: int) -> NDArray[np.int64]:
        """Rows in each bucket of `width` µs of [start, end)."""
        found = bucket_counts(self._connection, self._touching(start, end), start, end, width)
        return found if self._held is None else found + self._held.counts(start, end, width)

    def rows(self, start: int, end: int, devices: Sequence[int] | None, points: Sequence[int] | None) -> Batch:
        """One piece, in order of time, one frame per device and moment, each identity once."""
        stored = unordered(self._connection, self._touching(start, end), start, end, devices, points)
        if self._held is None:
            return in_order(stored, twice=False)
        live = self._held.rows(start, end, devices, points)
        return in_order(concat([stored, live]) if len(live) else stored, twice=len(live) > 0)

    def _touching(self, start: int, end: int) -> list[Segment]:
        return [one for one in self._segments if one.touches(start, end)]


def bucket_counts(
    connection: duckdb.DuckDBPyConnection, segments: Sequence[Segment], start: int, end: int, width: int
) -> NDArray[np.int64]:
    """Rows in each bucket of `width` µs of [start, end)."""
    counts = np.zeros(max(0, -((start - end) // width)), np.int64)
    for one in segments:
        found = connection.execute(
            f"SELECT (ts - {int(start)}) // {int(width)} AS b, count(*) AS n FROM {one.name}.reading "
            f"WHERE ts >= {int(start)} AND ts < {int(end)} GROUP BY b"
        ).fetchnumpy()
        counts[np.ma.getdata(found["b"])] += np.ma.getdata(found["n"])
    return counts


def unordered(
    connection: duckdb.DuckDBPyConnection,
    segments: Sequence[Segment],
    start: int,
    end: int,
    devices: Sequence[int] | None,
    points: Sequence[int] | None,
) -> Batch:
    """Rows of [start, end), each identity once, one frame per row."""
    if not segments:
        return empty_batch()
    where = f"ts >= {int(start)} AND ts < {int(end)}" + _among("device", devices) + _among("point", points)
    found = connection.execute(query.rows_of(segments, where)).fetchnumpy()
    value = np.ma.filled(np.ma.asarray(found["value"], dtype=np.float64), np.nan)
    columns = {name: np.ma.getdata(column) for name, column in found.items()}
    count = len(value)
    return Batch(
        columns["device"],
        columns["point"],
        columns["ts"],
        value,
        columns["quality"],
        columns["flags"],
        np.arange(count, dtype=np.int32),
        columns["received"],
    )


def _among(column: str, chosen: Sequence[int] | None) -> str:
    return "" if chosen is None else f" AND {column} IN ({', '.join(str(int(one)) for one in chosen) or 'NULL'})"
