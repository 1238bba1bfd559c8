"""Questions to the server in Flux (docs.influxdata.com/flux/v0/stdlib/universe), answers as batches.

A reading is one point; its fields are joined by `pivot`. Where only one field is asked for, the server need not join.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import compress
from typing import Final

import numpy as np

from gateway.domain.reading import I64, Batch, concat, empty_batch
from gateway.domain.series import Buckets
from sinks.series.influx.annotated_csv import Columns, blocks, micros
from sinks.series.influx.connection import InfluxConnection

EARLIEST, LATEST = -9_223_372_036_854_775, 9_223_372_036_854_775
"""µs that the server has a time for."""
NAMED: Final = 200
"""Devices or points that one question names; more of them are several questions."""
FIELDS: Final = ("value", "quality", "flags", "received")
ROW: Final = ("_time", "device_id", "point_id", *FIELDS)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
Ids = Sequence[int] | None


class InfluxReader:
    """Of one measurement of one bucket. Every call may raise StoreError."""

    def __init__(self, connection: InfluxConnection, measurement: str) -> None:
        self._connection, self._measurement = connection, measurement

    def rows(self, start: int, end: int, devices: Ids, points: Ids, first: int = 0) -> Batch:
        """Readings of [start, end) µs, in any order, each identity once; of each series the `first`, 0 = all."""
        shorter = f' |> sort(columns: ["_time"]) |> limit(n: {first})' if first else ""
        pivot = ' |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")' + shorter
        return self._each(start, end, devices, points, lambda flux: self._rows(flux + pivot))

    def newest(self, start: int, end: int, devices: Ids, points: Ids = None) -> tuple[Batch, Batch]:
        """(the newest reading of each device and point in [start, end), the newest value of each). The first ones have
        their value only when it is the newest too; of the second ones quality, flags and `received` are not known."""
        found: dict[str, dict[tuple[int, int], tuple[int, str]]] = {name: {} for name in FIELDS}

        def take(flux: str) -> Batch:
            for block in self._blocks(flux + " |> last()", ("_time", "_field", "_value", "device_id", "point_id")):
                at = micros(block["_time"]).tolist()
                keys = zip(map(int, block["device_id"]), map(int, block["point_id"]), strict=True)
                for field, key, moment, value in zip(block["_field"], keys, at, block["_value"], strict=True):
                    newest = found.get(field)
                    if newest is not None and (key not in newest or newest[key][0] < moment):
                        newest[key] = (moment, value)
            return empty_batch()

        self._each(start, end, devices, points, take)
        value, quality = found["value"], found["quality"]
        last = [
            (
                key,
                at,
                value[key][1] if value.get(key, (None,))[0] == at else "",
                known,
                found["flags"].get(key, (0, "0"))[1],
                found["received"].get(key, (0, "0"))[1],
            )
            for key, (at, known) in sorted(quality.items())
        ]
        return _joined(last), _joined([(key, at, text, "2", "0", "0") for key, (at, text) in sorted(value.items())])

    def counts(self, start: int, end: int, width: int) -> I64:
        """Readings in each bucket of `width` µs of [start, end)."""
        start, end = max(start, EARLIEST), min(end, LATEST)
        counts = np.zeros(max(0, -((start - end) // width)), np.int64)
        flux = self._source(start, end) + ' |> filter(fn: (r) => r._field == "quality")'
        flux += f" |> aggregateWindow(every: {width}us, offset: {start % width}us, fn: count, createEmpty: false, "
        flux += 'timeSrc: "_start") |> group(columns: ["_time"]) |> sum()'
        if len(counts):
            for block in self._blocks(flux, ("_time", "_value")):
                np.add.at(counts, (micros(block["_time"]) - start) // width, np.array(block["_value"], np.int64))
        return counts

    def bounds(self, start: int, end: int) -> tuple[int, int]:
        """(first, last) µs of all readings of [start, end); (0, 0) when there are none."""
        found = []
        for function, pick in (("first", min), ("last", max)):
            flux = self._source(start, end) + f' |> filter(fn: (r) => r._field == "quality") |> {function}()'
            times = [int(pick(micros(block["_time"]).tolist())) for block in self._blocks(flux, ("_time",))]
            found.append(pick(times) if times else 0)
        return found[0], found[1]

    def before(self, start: int, moment: int, devices: Sequence[int], points: Ids) -> Batch:
        """Of each device and point the newest reading of [start, moment) µs, and the newest that has a value."""
        last, values = self.newest(start, moment, devices, points)
        known = set(zip(last.device.tolist(), last.point.tolist(), last.at.tolist(), strict=True))
        older = [
            self.rows(at, at + 1, [device], [point])
            for device, point, at in zip(values.device.tolist(), values.point.tolist(), values.at.tolist(), strict=True)
            if (device, point, at) not in known
        ]
        return concat([last, *older])

    def buckets(self, device: int, point: int, origin: int, start: int, end: int, every: int) -> Buckets:
        """Aggregates of the values of [start, end), in buckets of `every` µs aligned to `origin`."""
        start, end = max(start, EARLIEST), min(end, LATEST)
        if start >= end:
            return _empty_buckets()
        base = self._source(start, end) + _among("device_id", [device]) + _among("point_id", [point])
        base += ' |> filter(fn: (r) => r._field == "value") |> group(columns: ["device_id", "point_id"])'
        base += ' |> sort(columns: ["_time"])'
        window = f"every: {every}us, offset: {origin % every}us, createEmpty: false, " + 'timeSrc: "_start"'
        columns: dict[str, dict[int, float]] = {}
        for function in ("count", "mean", "min", "max", "first", "last"):
            flux = f"{base} |> aggregateWindow({window}, fn: {function})"
            columns[function] = {
                origin + (at - origin) // every * every: float(value)
                for block in self._blocks(flux, ("_time", "_value"))
                for at, value in zip(micros(block["_time"]).tolist(), block["_value"], strict=True)
            }
        begin = sorted(columns["count"])
        real = {name: np.array([values[at] for at in begin], np.float64) for name, values in columns.items()}
        return Buckets(
            np.array(begin, np.int64),
            real["count"].astype(np.int64),
            real["mean"],
            real["min"],
            real["max"],
            real["first"],
            real["last"],
        )

    def _source(self, start: int, end: int) -> str:
        bucket, measurement = quoted(self._connection.bucket), quoted(self._measurement)
        span = f"start: {rfc3339(start)}, stop: {rfc3339(end)}"
        return f"from(bucket: {bucket}) |> range({span}) |> filter(fn: (r) => r._measurement == {measurement})"

    def _each(self, start: int, end: int, devices: Ids, points: Ids, query: Callable[[str], Batch]) -> Batch:
        start, end = max(start, EARLIEST), min(end, LATEST)
        if start >= end:
            return empty_batch()
        source = self._source(start, end)
        parts = [
            query(source + mine + ours)
            for mine in _filters("device_id", devices)
            for ours in _filters("point_id", points)
        ]
        return concat(parts)

    def _rows(self, flux: str) -> Batch:
        return concat([_batch(block) for block in self._blocks(flux, ROW)])

    def _blocks(self, flux: str, wanted: Sequence[str]) -> Iterator[Columns]:
        for block in blocks(self._connection.query(flux), wanted):
            yield _own(block) if "device_id" in block else block


def _own(block: Columns) -> Columns:
    """Without rows that another program wrote into our measurement."""
    ours = [one.isdigit() and other.isdigit() for one, other in zip(block["device_id"], block["point_id"], strict=True)]
    return block if all(ours) else {name: list(compress(column, ours)) for name, column in block.items()}


def _empty_buckets() -> Buckets:
    whole, real = np.empty(0, np.int64), np.empty(0, np.float64)
    return Buckets(whole, whole, real, real, real, real, real)


def rfc3339(at: int) -> str:
    """µs as a time of Flux."""
    at = min(max(at, EARLIEST), LATEST)
    return f"{_EPOCH + timedelta(microseconds=at):%Y-%m-%dT%H:%M:%S.%f}Z"


def quoted(text: str) -> str:
    """A string of Flux."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("${", "\\${") + '"'


def _filters(tag: str, ids: Ids) -> list[str]:
    if ids is None:
        return [""]
    return [_among(tag, ids[at : at + NAMED]) for at in range(0, len(ids), NAMED)]


def _among(tag: str, ids: Sequence[int]) -> str:
    return " |> filter(fn: (r) => " + " or ".join(f'r.{tag} == "{int(one)}"' for one in ids) + ")"


Newest = tuple[tuple[int, int], int, str, str, str, str]


def _joined(rows: Sequence[Newest]) -> Batch:
    if not rows:
        return empty_batch()
    keys, at, value, quality, flags, received = zip(*rows, strict=True)
    device, point = zip(*keys, strict=True)
    return _made(device, point, np.array(at, np.int64), value, quality, flags, received)


def _batch(block: Columns) -> Batch:
    device, point = (list(map(int, block[name])) for name in ("device_id", "point_id"))
    return _made(device, point, micros(block["_time"]), *(block[name] for name in FIELDS))


def _made(
    device: Sequence[int],
    point: Sequence[int],
    at: I64,
    value: Sequence[str],
    quality: Sequence[str],
    flags: Sequence[str],
    received: Sequence[str],
) -> Batch:
    grade = np.array(quality, np.uint8)
    values = np.array([float(text) if text else np.nan for text in value], np.float64)
    return Batch(
        np.array(device, np.int32),
        np.array(point, np.int32),
        at,
        np.where(grade > 0, values, np.nan),
        grade,
        np.array(flags, np.uint8),
        np.arange(len(at), dtype=np.int32),
        np.array(received, np.int64),
    )
