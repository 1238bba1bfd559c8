"""Queries of the tables. Each identity is one row of the table, so nothing is merged on read."""

from collections.abc import Sequence

import numpy as np

from gateway.domain.reading import I32, I64, Batch, Flag, Quality, Reading
from gateway.domain.regroup import in_order
from gateway.domain.series import Buckets, Series, SeriesStats
from sinks.series.pieces import pieces
from sinks.series.postgres.columns import AS_ARRAYS, EPOCH, array, batch_of_columns, columns_of
from sinks.series.postgres.session import PostgresSession
from sinks.series.postgres.tables import moment

_ROW = "r.device, r.point, r.at, r.value, r.quality, r.flags, r.received"


def _ids(chosen: Sequence[int] | I32) -> str:
    return "'{" + ",".join(str(int(one)) for one in chosen) + "}'::integer[]"


def _among(column: str, chosen: Sequence[int] | None) -> str:
    return "" if chosen is None else f" AND {column} = ANY({_ids(chosen)})"


class ReadingQueries:
    """Questions to the tables of a schema. Blocking; raises StoreError."""

    def __init__(self, session: PostgresSession, schema: str) -> None:
        self._session, self._schema = session, schema

    def _batch(self, text: str) -> Batch:
        with self._session.errors():
            return batch_of_columns(columns_of(self._session.raw(f"SELECT {AS_ARRAYS} FROM ({text}) r")))

    def series(self, device: int, point: int, start: int, end: int, limit: int) -> Series:
        """Rows of one point in order of time."""
        found = self._batch(
            f"SELECT {_ROW} FROM {self._schema}.reading r WHERE device = {int(device)} AND point = {int(point)} "
            f"AND at >= {moment(start)} AND at < {moment(end)} ORDER BY at LIMIT {int(limit)}"
        )
        return Series(found.at, found.value, found.quality, found.flags, found.received)

    def buckets(self, device: int, point: int, start: int, end: int, every: int, floor: int) -> Buckets:
        """Aggregates per bucket; readings of bad quality do not count."""
        first, last = (f"(array_agg(value ORDER BY at {way}))[1]" for way in ("ASC", "DESC"))
        rows = (
            f"SELECT date_bin('{int(every)} microseconds', at, {moment(start)}) AS b, count(*) AS n, "
            f"avg(value) AS mean, min(value) AS low, max(value) AS high, {first} AS first, {last} AS last "
            f"FROM {self._schema}.reading "
            f"WHERE device = {int(device)} AND point = {int(point)} AND quality > {int(Quality.BAD)} "
            f"AND at >= {moment(max(start, floor))} AND at < {moment(end)} GROUP BY b ORDER BY b"
        )
        names = ("mean", "low", "high", "first", "last")
        question = ", ".join(f"array_agg({name})" for name in ("b", "n", *names))
        with self._session.errors():
            found = self._session.raw(f"SELECT {question} FROM ({rows}) x")
        return Buckets(
            array(found[0], ">i8") + EPOCH, array(found[1], ">i8"), *(array(one, ">f8") for one in found[2:])
        )

    def latest(self, device: int, floor: int) -> list[Reading]:
        """The newest reading of each point of a device since `floor`, by point."""
        found = self._batch(
            f"SELECT {_ROW} FROM {self._schema}.device_point k CROSS JOIN LATERAL "
            f"({self._newest(f'at >= {moment(floor)}')}) r WHERE k.device = {int(device)} ORDER BY r.point"
        )
        return [
            Reading(r.device, r.point, r.at, r.value, Quality(r.quality), Flag(r.flags), r.received)
            for r in found.readings()
        ]

    def before(self, at: int, devices: Sequence[int], floor: int, points: Sequence[int] | None = None) -> Batch:
        """The newest row, and the newest with a value, of each point of these devices with floor <= at < `at`."""
        inside = f"at >= {moment(floor)} AND at < {moment(at)}"
        found = self._batch(
            f"SELECT {_ROW} FROM {self._schema}.device_point k CROSS JOIN LATERAL (({self._newest(inside)}) "
            f"UNION ({self._newest(inside + ' AND value IS NOT NULL')})) r "
            f"WHERE true{_among('k.device', devices)}{_among('k.point', points)} ORDER BY r.at"
        )
        return in_order(found, twice=False)

    def newest_of(self, device: I32, point: I32) -> Batch:
        """The newest row of each of these pairs, as far as there is one."""
        return self._batch(
            f"SELECT {_ROW} FROM unnest({_ids(device)}, {_ids(point)}) k(device, point) "
            f"CROSS JOIN LATERAL ({self._newest('true')}) r"
        )

    def _newest(self, inside: str) -> str:
        return (
            f"SELECT * FROM {self._schema}.reading WHERE device = k.device AND point = k.point AND {inside} "
            "ORDER BY at DESC LIMIT 1"
        )

    def stats(self, size: int, periods: int) -> SeriesStats:
        """Counted, row by row."""
        with self._session.errors():
            one = f"SELECT count(*) AS n, min(at) AS low, max(at) AS high FROM {self._schema}.reading"
            question = f"SELECT array_agg(n), array_agg(low), array_agg(high) FROM ({one}) x WHERE n > 0"
            found = [array(one, ">i8") for one in self._session.raw(question)]
        if not len(found[0]):
            return SeriesStats(0, size, periods, 0, 0)
        return SeriesStats(int(found[0][0]), size, periods, int(found[1][0]) + EPOCH, int(found[2][0]) + EPOCH)

    def counts(self, start: int, end: int, width: int) -> I64:
        """Rows in each bucket of `width` µs of [start, end)."""
        found = np.zeros(max(0, -((start - end) // width)), np.int64)
        rows = (
            f"SELECT date_bin('{int(width)} microseconds', at, {moment(start)}) AS b, count(*) AS n "
            f"FROM {self._schema}.reading WHERE at >= {moment(start)} AND at < {moment(end)} GROUP BY b"
        )
        with self._session.errors():
            begin, count = self._session.raw(f"SELECT array_agg(b), array_agg(n) FROM ({rows}) x")
        found[(array(begin, ">i8") + EPOCH - start) // width] = array(count, ">i8")
        return found

    def spans(self, start: int, end: int) -> list[tuple[int, int, int]]:
        """See `HistoryReader.spans`."""
        return pieces(self.counts, start, end)

    def rows(self, start: int, end: int, devices: Sequence[int] | None, points: Sequence[int] | None) -> Batch:
        """See `HistoryReader.rows`."""
        found = self._batch(
            f"SELECT {_ROW} FROM {self._schema}.reading r WHERE at >= {moment(start)} AND at < {moment(end)}"
            + _among("device", devices)
            + _among("point", points)
        )
        return in_order(found, twice=False)
