"""Readings on an InfluxDB 2 server. Rows are written by identity, so that writing them again changes nothing."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.domain.duration import DAY, HOUR, MINUTE, SECOND
from gateway.domain.errors import StoreUnavailable
from gateway.domain.reading import Batch, Flag, Quality, Reading, concat, empty_batch
from gateway.domain.record import Record
from gateway.domain.regroup import in_order
from gateway.domain.series import Buckets, RefusedReading, Series, SeriesStats, Written
from gateway.ports import Clock
from sinks.series.deduplicate import Value, judge
from sinks.series.influx.config import InfluxConfig
from sinks.series.influx.connection import InfluxConnection
from sinks.series.influx.line_protocol import SeriesTags, lines
from sinks.series.influx.reader import LATEST, Ids, InfluxReader, rfc3339
from sinks.series.influx.send_lines import LineSender
from sinks.series.influx.state import StoreState
from sinks.series.newest_index import NewestIndex, keys_of
from sinks.series.pieces import pieces

SYNCED: Final = MINUTE
"""An acknowledged write is on the disk of a server that acknowledges first after this time."""
APART: Final = HOUR
"""Old rows further apart than this are looked up by questions of their own."""
AGEING: Final = HOUR
"""Old readings are deleted when there is as much of them."""
ROW_BYTES: Final = 16
"""Approximate bytes of a stored reading; the server does not report it."""


class InfluxStore:
    """SeriesStore on a server. All calls come from one thread; each raises StoreUnavailable while it is away."""

    def __init__(
        self,
        folder: Path,
        name: str,
        place: Mapping[str, str],
        config: InfluxConfig,
        clock: Clock,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """Connects to nobody. Raises StoreError when the file in `folder` cannot be read."""
        where = " ".join(place[key] for key in ("url", "org", "bucket", "measurement"))
        self._state = StoreState(folder / f"{name}.json", where)
        self._connection = InfluxConnection(place)
        self._config, self._clock, self._steady = config, clock, steady
        self._reader = InfluxReader(self._connection, config.measurement)
        self._sender = LineSender(self._connection, config.rows)
        self._names, self._newest = SeriesTags(config.measurement), NewestIndex()
        self._readable, self._loaded = config.durable, not config.durable
        self._floor = clock.now() - config.retention
        self._deleted = self._floor - AGEING
        self._done: dict[int, int] = dict(self._state.cursors)
        self._trail: dict[int, deque[tuple[float, int]]] = {}
        self._link: object = None

    # ---- how far ----------------------------------------------------------------------------------------------
    def cursor(self, partition: int) -> int:
        """The last sequence number written; back at the secured one when the server may have lost what came after."""
        return self._done.get(partition, 0)

    def secured(self, partition: int) -> int:
        """Of a server that syncs before it acknowledges: the same. Else what was acknowledged a minute ago."""
        return self._state.cursors.get(partition, 0)

    def learn(self, kept: Callable[[], Iterable[Record]]) -> None:
        """Codes, sites, units and state texts, for tags and fields."""
        self._names.take(kept())

    # ---- writing ----------------------------------------------------------------------------------------------
    def write(self, partition: int, records: Sequence[Record]) -> Written:
        """See `SeriesStore.write`. The cursor is saved after the rows are written."""
        fresh = [record for record in records if record.seq > self.cursor(partition)]
        if not fresh:
            return Written(0, 0, 0)
        self._names.take(fresh)
        batches = [(record.seq, record.body) for record in fresh if isinstance(record.body, Batch) and len(record.body)]
        try:
            made = self._write(batches)
        except StoreUnavailable:
            self._go_back()
            raise
        self._moved(partition, fresh[-1].seq)
        return made

    def _write(self, batches: Sequence[tuple[int, Batch]]) -> Written:
        whole = concat([batch for _, batch in batches]) if batches else empty_batch()
        seq = np.repeat(np.array([s for s, _ in batches], np.int64), [len(batch) for _, batch in batches])
        alive = self._alive(whole)
        expired = int((~alive).sum())
        if expired:
            whole, seq = whole.select(alive), seq[alive]
        self._load()
        judged = judge(lambda rows: self._stored_values(whole, rows), self._newest, whole)
        keep, changed, replaced = judged.keep, judged.changed, judged.replaced
        flags = whole.flags | np.where(changed, np.uint8(Flag.CONFLICT), np.uint8(0))
        rows = np.flatnonzero(keep & ~replaced)
        chosen = replace(whole, flags=flags).select(rows)
        self._clear(chosen.select(np.flatnonzero(changed[rows] & (chosen.quality == int(Quality.BAD)))))
        texts = lines(chosen, seq[rows], self._names, numbers_only=not self._readable)
        refused = self._sender.send(texts)
        beyond = sum("retention policy" in why for why in refused.values())
        letters = tuple(
            RefusedReading(self._names.label(int(chosen.device[row]), int(chosen.point[row])), texts[row], why)
            for row, why in refused.items()
            if "retention policy" not in why
        )
        kept = keep.copy()
        kept[rows[list(refused)]] = False
        self._newest.update(whole.select(kept))
        duplicate, conflict = int((~keep).sum()), int((changed & kept).sum())
        return Written(int(kept.sum()), duplicate, expired + beyond, conflict, len(letters), letters)

    def _alive(self, batch: Batch) -> NDArray[np.bool_]:
        alive = batch.at >= self._floor
        for point, before in self._state.moments.items():
            alive &= (batch.point != point) | (batch.at >= before)
        return alive

    def _load(self) -> None:
        """What is newest of each device and point, once: later readings are new without a question."""
        if not self._loaded:
            self._newest.update(self._reader.newest(self._floor, LATEST, None)[0])
            self._loaded = True

    def _stored_values(self, batch: Batch, rows: NDArray[np.intp]) -> dict[tuple[int, int], Value]:
        """(key, at) -> stored (value, quality) of the identities of these rows."""
        if not self._readable:
            return {}
        found: dict[tuple[int, int], Value] = {}
        rows = rows[np.argsort(batch.at[rows], kind="stable")]
        for some in np.split(rows, np.flatnonzero(np.diff(batch.at[rows]) > APART) + 1):
            part = batch.select(some)
            devices, points = np.unique(part.device).tolist(), np.unique(part.point).tolist()
            stored = self._reader.rows(int(part.at[0]), int(part.at[-1]) + 1, devices, points)
            key = keys_of(stored.device, stored.point).tolist()
            values = zip(stored.value.tolist(), stored.quality.tolist(), strict=True)
            found |= dict(zip(zip(key, stored.at.tolist(), strict=True), values, strict=True))
        return found

    def _clear(self, bad: Batch) -> None:
        """A bad reading takes the place of a value: the server would merge the two, so the value is deleted before."""
        for device, point, at in zip(bad.device.tolist(), bad.point.tolist(), bad.at.tolist(), strict=True):
            if self._readable:
                self._delete(at, at, f'AND device_id="{device}" AND point_id="{point}"')

    def _delete(self, start: int, stop: int, more: str = "") -> None:
        self._connection.delete(
            rfc3339(start), rfc3339(stop), f'_measurement="{self._config.measurement}" {more}'.strip()
        )

    def _moved(self, partition: int, seq: int) -> None:
        self._done[partition] = seq
        if self._config.durable:
            self._state.move(partition, seq)
            return
        now, trail = self._steady(), self._trail.setdefault(partition, deque())
        trail.append((now, seq))
        while trail and trail[0][0] <= now - SYNCED / SECOND:
            self._state.move(partition, trail.popleft()[1])
        link = self._connection.link
        if self._link not in (None, link):
            self._go_back()
        self._link = link

    def _go_back(self) -> None:
        """The server was, or may have been, started anew."""
        if not self._config.durable:
            self._done, self._link = dict(self._state.cursors), None
            self._trail.clear()

    # ---- reading ----------------------------------------------------------------------------------------------
    def range(self, device: int, point: int, start: int, end: int, limit: int = 100_000) -> Series:
        """See `SeriesStore.range`."""
        found = in_order(self._rows(start, end, [device], [point], limit))
        some = found.select(np.arange(min(len(found), limit)))
        return Series(some.at, some.value, some.quality, some.flags, some.received[some.frame])

    def aggregate(self, device: int, point: int, start: int, end: int, every: int) -> Buckets:
        """See `SeriesStore.aggregate`. Raises ValueError for `every` <= 0."""
        if every <= 0:
            raise ValueError("every must be positive")
        self._must_be_readable()
        first = max(start, self._floor, self._state.moments.get(point, start))
        return self._reader.buckets(device, point, start, first, end, every)

    def latest(self, device: int) -> Sequence[Reading]:
        """See `SeriesStore.latest`."""
        self._must_be_readable()
        found, _ = self._reader.newest(self._floor, LATEST, [device])
        return found.select(self._alive(found)).readings()

    def scan(self, start: int, end: int, devices: Sequence[int] | None = None) -> Iterator[Batch]:
        """See `SeriesStore.scan`."""
        self._must_be_readable()
        first = max(start, self._floor)
        for begin, stop, _ in pieces(self._reader.counts, first, min(end, LATEST)):
            found = self._rows(begin, stop, devices, None)
            if len(found):
                yield found.select(np.argsort(found.at, kind="stable"))

    def before(self, moment: int, devices: Sequence[int]) -> Batch:
        """See `SeriesStore.before`."""
        self._must_be_readable()
        found = self._reader.before(self._floor, moment, devices, None)
        return found.select(self._alive(found))

    def _rows(self, start: int, end: int, devices: Ids, points: Ids, first: int = 0) -> Batch:
        self._must_be_readable()
        found = self._reader.rows(max(start, self._floor), end, devices, points, first)
        return found.select(self._alive(found))

    def _must_be_readable(self) -> None:
        if not self._readable:
            raise StoreUnavailable.of("store.why.unread")

    def held(self) -> None:
        """Others ask the server."""

    # ---- keeping ----------------------------------------------------------------------------------------------
    def retain(self, before: int) -> int:
        """Older rows are gone from reads at once; the server deletes them an hour at a time."""
        self._floor = before
        if self._readable and before - self._deleted >= AGEING:
            self._delete(0, before - 1)
            self._deleted = before
        return 0

    def expire(self, moments: Mapping[int, int]) -> bool:
        """See `SeriesStore.expire`."""
        known = self._state.moments
        self._state.aim(moments)
        for point, before in moments.items():
            self._newest.drop(point, before)
            if self._readable and known.get(point) != before:
                self._delete(0, before - 1, f'AND point_id="{point}"')
        return False

    def stats(self) -> SeriesStats:
        """Size now; the bytes are an estimate."""
        self._must_be_readable()
        first, last = self._reader.bounds(self._floor, LATEST)
        rows = int(self._reader.counts(first, last + 1, 36_500 * DAY).sum()) if last else 0
        return SeriesStats(rows, rows * ROW_BYTES, 1, first, last)

    def close(self) -> None:
        """Close the connections; everything acknowledged is there."""
        self._connection.close()
