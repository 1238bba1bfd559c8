"""Series store in PostgreSQL. After an error a new connection is made; the server's rows show what was committed."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import structlog

from gateway.domain.errors import StoreError
from gateway.domain.reading import Batch, Reading
from gateway.domain.record import Record
from gateway.domain.series import Buckets, Series, SeriesStats, Written
from gateway.ports import Clock
from sinks.series.postgres.config import PostgresConfig
from sinks.series.postgres.query import ReadingQueries
from sinks.series.postgres.session import PostgresSession
from sinks.series.postgres.tables import Tables
from sinks.series.postgres.writer import Attempt, ReadingWriter

NOTHING = Written(0, 0, 0)
log = structlog.get_logger()


class _Open:
    """State that lives as long as one connection."""

    def __init__(self, config: PostgresConfig) -> None:
        self.session = PostgresSession(config)
        try:
            self.tables = Tables(self.session, config)
            self.queries = ReadingQueries(self.session, config.schema_name)
            self.writer = ReadingWriter(self.session, self.tables, self.queries)
        except BaseException:
            self.session.close()
            raise


class PostgresStore:
    """SeriesStore on a server. It connects when it is first asked. All calls come from one thread; each raises
    StoreUnavailable, StoreFull or StoreRejected, and the next one tries again."""

    def __init__(self, config: PostgresConfig, clock: Clock) -> None:
        self._config, self._clock = config, clock
        self._floor = clock.now() - config.retention
        self._uncertain: Attempt | None = None
        self._uncounted = NOTHING
        self._open: _Open | None = None

    @contextmanager
    def _connected(self) -> Iterator[_Open]:
        try:
            opened = self._open = self._open or _Open(self._config)
            yield opened
        except StoreError as error:
            if self._open is not None:
                log.warning("series store: connected anew before it is used again", error=str(error))
                self._uncertain = self._open.writer.attempted or self._uncertain
                self._open.session.close()
                self._open = None
            raise

    def cursor(self, partition: int) -> int:
        """The last sequence number of which every row is stored."""
        with self._connected() as opened:
            return opened.writer.cursor(partition)

    def secured(self, partition: int) -> int:
        """A commit is on the server's disk."""
        return self.cursor(partition)

    def learn(self, kept: Callable[[], Iterable[Record]]) -> None:
        """Writes the names of devices and points that were defined before this store followed the journal."""
        with self._connected() as opened:
            opened.writer.write_names(kept())

    def write(self, partition: int, records: Sequence[Record]) -> Written:
        """See `SeriesStore.write`. When the connection broke at a commit, the server may have it all the same: then its
        rows are not written again, and its counts are in this answer."""
        with self._connected() as opened:
            kept, self._uncertain = self._uncertain, None
            if kept is not None and kept.last == opened.writer.cursor(kept.partition):
                self._uncounted = self._uncounted.plus(kept.made)
            made = opened.writer.write(partition, records, self._floor).plus(self._uncounted)
        self._uncounted = NOTHING
        return made

    def range(self, device: int, point: int, start: int, end: int, limit: int = 100_000) -> Series:
        """See `SeriesStore.range`."""
        with self._connected() as opened:
            return opened.queries.series(device, point, max(start, self._floor), end, limit)

    def aggregate(self, device: int, point: int, start: int, end: int, every: int) -> Buckets:
        """See `SeriesStore.aggregate`. Raises ValueError for `every` <= 0."""
        if every <= 0:
            raise ValueError("every must be positive")
        with self._connected() as opened:
            return opened.queries.buckets(device, point, start, end, every, self._floor)

    def latest(self, device: int) -> Sequence[Reading]:
        """See `SeriesStore.latest`."""
        with self._connected() as opened:
            return opened.queries.latest(device, self._floor)

    def scan(self, start: int, end: int, devices: Sequence[int] | None = None) -> Iterator[Batch]:
        """See `SeriesStore.scan`. Reads piece by piece, so that writes continue in between."""
        start = max(start, self._floor)
        with self._connected() as opened:
            spans = opened.queries.spans(start, end) if devices is None or devices else []
        for first, last, _ in spans:
            with self._connected() as opened:
                found = opened.queries.rows(first, last, devices, None)
            if len(found):
                yield found

    def before(self, moment: int, devices: Sequence[int]) -> Batch:
        """See `SeriesStore.before`."""
        with self._connected() as opened:
            return opened.queries.before(moment, devices, self._floor)

    def held(self) -> None:
        """Nothing: others read the server themselves."""

    def retain(self, before: int) -> int:
        """Older rows are gone from reads at once; a partition gives its space back when all of its rows are too old."""
        self._floor = before
        with self._connected() as opened, opened.session.errors():
            return opened.tables.drop_before(before)

    def expire(self, moments: Mapping[int, int]) -> bool:
        """See `SeriesStore.expire`."""
        with self._connected() as opened:
            return opened.writer.short_retention.expire(moments)

    def stats(self) -> SeriesStats:
        """See `SeriesStore.stats`. Counts every row."""
        with self._connected() as opened:
            return opened.queries.stats(opened.tables.bytes(), opened.tables.periods)

    def close(self) -> None:
        """Close the connection."""
        if self._open is not None:
            self._open.session.close()
            self._open = None
