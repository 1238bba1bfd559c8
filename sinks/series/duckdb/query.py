"""Queries of segments; each identity is returned once."""

from collections.abc import Iterable, Iterator, Sequence

import duckdb
import numpy as np
from numpy.typing import NDArray

from gateway.domain.duration import DAY
from gateway.domain.reading import Batch, Quality, empty_batch
from gateway.domain.series import Buckets, Series
from sinks.series.deduplicate import Value
from sinks.series.duckdb.segment import COLUMNS, Segment
from sinks.series.newest_index import keys_of

Connection = duckdb.DuckDBPyConnection
SCAN_ROWS = 100_000
REACH = 32 * DAY


def _union(segments: Iterable[Segment], where: str) -> str:
    parts = [f"SELECT {COLUMNS} FROM {s.name}.reading WHERE {where}" for s in segments]
    return " UNION ALL ".join(parts)


def rows_of(segments: Sequence[Segment], where: str) -> str:
    """SQL of all rows; where a value was ever replaced, of the last row of each identity."""
    union = _union(segments, where)
    if not any(s.conflicts for s in segments):
        return union
    last = "row_number() OVER (PARTITION BY device, point, ts ORDER BY seq DESC, received DESC) = 1"
    return f"SELECT * FROM ({union}) QUALIFY {last}"


def stored_values(
    connection: Connection, segments: Iterable[Segment], batch: Batch, rows: NDArray[np.intp]
) -> dict[tuple[int, int], Value]:
    """(key, at) -> newest stored (value, quality) of the identities of these rows of `batch`."""
    at = batch.at[rows]
    touching = [s for s in segments if s.touches(int(at.min()), int(at.max()) + 1)]
    if not touching:
        return {}
    wanted = {"d": batch.device[rows], "p": batch.point[rows], "t": at}  # noqa: F841 - read by DuckDB by its name
    found = connection.execute(
        "SELECT device, point, ts, arg_max(value, seq) AS value, arg_max(quality, seq) AS quality FROM ("
        + _union(touching, f"ts BETWEEN {int(at.min())} AND {int(at.max())}")
        + ") JOIN wanted ON device = d AND point = p AND ts = t GROUP BY device, point, ts"
    ).fetchnumpy()
    keys = keys_of(found["device"], found["point"])
    # NaN comes back masked: a bad reading
    values = np.ma.filled(np.ma.asarray(found["value"], dtype=np.float64), np.nan)
    return {
        (k, t): (v, q)
        for k, t, v, q in zip(
            keys.tolist(), found["ts"].tolist(), values.tolist(), found["quality"].tolist(), strict=True
        )
    }


def newest(connection: Connection, segment: Segment) -> Batch:
    """The newest row of each (device, point): those copied when the segment was begun, and its own rows."""
    known = "device, point, ts, value, quality, flags, received"
    last = "row_number() OVER (PARTITION BY device, point ORDER BY ts DESC, seq DESC) = 1"
    found = connection.execute(
        f"SELECT {known} FROM (SELECT {known}, 0 AS seq FROM {segment.name}.newest "
        f"UNION ALL SELECT {known}, seq FROM {segment.name}.reading) QUALIFY {last}"
    ).fetchnumpy()
    return _batch(found)


def _batch(found: dict[str, NDArray[np.generic]]) -> Batch:
    column = {
        name: np.ma.filled(values, np.nan) if name == "value" else np.ma.getdata(values)
        for name, values in found.items()
    }
    received, frame = np.unique(column["received"], return_inverse=True)
    return Batch(
        column["device"].astype(np.int32),
        column["point"].astype(np.int32),
        column["ts"].astype(np.int64),
        column["value"].astype(np.float64),
        column["quality"].astype(np.uint8),
        column["flags"].astype(np.uint8),
        frame.astype(np.int32),
        received.astype(np.int64),
    )


def series(
    connection: Connection, segments: Sequence[Segment], device: int, point: int, start: int, end: int, limit: int
) -> Series:
    """Rows of one point in order of time."""
    if not segments:
        empty = np.empty(0, np.int64)
        return Series(empty, np.empty(0, np.float64), np.empty(0, np.uint8), np.empty(0, np.uint8), empty)
    where = f"device = {int(device)} AND point = {int(point)} AND ts >= {int(start)} AND ts < {int(end)}"
    rows = rows_of(segments, where)
    found = connection.execute(f"SELECT * FROM ({rows}) ORDER BY ts LIMIT {int(limit)}").fetchnumpy()
    value = np.ma.filled(np.ma.asarray(found["value"], dtype=np.float64), np.nan)
    return Series(found["ts"], value, found["quality"], found["flags"], found["received"])


def buckets(
    connection: Connection,
    segments: Sequence[Segment],
    device: int,
    point: int,
    start: int,
    end: int,
    every: int,
    floor: int,
) -> Buckets:
    """Aggregates per bucket; readings of bad quality do not count."""
    if not segments:
        whole, real = np.empty(0, np.int64), np.empty(0, np.float64)
        return Buckets(whole, whole, real, real, real, real, real)
    where = (
        f"device = {int(device)} AND point = {int(point)} AND ts >= {max(int(start), int(floor))} AND ts < {int(end)}"
    )
    found = connection.execute(
        f"SELECT {int(start)} + ((ts - {int(start)}) // {int(every)}) * {int(every)} AS b, count(*) AS n, "
        f"avg(value) AS mean, min(value) AS low, max(value) AS high, arg_min(value, ts) AS first, "
        f"arg_max(value, ts) AS last FROM ({rows_of(segments, where)}) WHERE quality > {int(Quality.BAD)} "
        "GROUP BY b ORDER BY b"
    ).fetchnumpy()
    begin, count = found["b"].astype(np.int64), found["n"].astype(np.int64)
    return Buckets(begin, count, found["mean"], found["low"], found["high"], found["first"], found["last"])


def scan(
    connection: Connection, segments: Sequence[Segment], start: int, end: int, devices: Sequence[int] | None
) -> Iterator[Batch]:
    """All rows in order of event time. Uses a cursor of its own, so that writes continue meanwhile."""
    if not segments:
        return
    where = f"ts >= {int(start)} AND ts < {int(end)}"
    if devices is not None:
        where += f" AND device IN ({', '.join(str(int(d)) for d in devices) or 'NULL'})"
    reader = connection.cursor()
    try:
        reader.execute(f"SELECT * FROM ({rows_of(segments, where)}) ORDER BY ts, seq, device, point")
        while rows := reader.fetchmany(SCAN_ROWS):
            yield _from_tuples(rows)
    finally:
        reader.close()


def before(
    connection: Connection, segments: Sequence[Segment], floor: int, moment: int, devices: Sequence[int]
) -> Batch:
    """The newest row, and the newest with a value, of each point of these devices with floor <= ts < moment.

    Rows of the last month before it are read; older ones are in every file's table `newest`.
    """
    known = "device, point, ts, value, quality, flags, received"
    mine = f"device IN ({', '.join(str(int(d)) for d in devices) or 'NULL'}) AND ts < {int(moment)}"
    recent = [s for s in segments if s.touches(moment - REACH, moment)]
    parts = [f"SELECT {known}, 0 AS seq FROM {s.name}.newest WHERE {mine} AND ts >= {int(floor)}" for s in segments]
    since = max(floor, moment - REACH)
    parts += [f"SELECT {known}, seq FROM {s.name}.reading WHERE {mine} AND ts >= {int(since)}" for s in recent]
    if not parts:
        return empty_batch()
    last = "row_number() OVER (PARTITION BY device, point, value IS NULL ORDER BY ts DESC, seq DESC) = 1"
    found = connection.execute(f"SELECT {known} FROM ({' UNION ALL '.join(parts)}) QUALIFY {last} ORDER BY ts")
    return _batch(found.fetchnumpy())


def _from_tuples(rows: Sequence[tuple[int, int, int, float | None, int, int, int, int]]) -> Batch:
    device, point, at, value, quality, flags, received, _ = zip(*rows, strict=True)
    columns = {"device": device, "point": point, "ts": at, "quality": quality, "flags": flags, "received": received}
    return _batch({name: np.array(rows) for name, rows in columns.items()} | {"value": np.array(value, np.float64)})
