"""The embedded series store. After an error of DuckDB the folder is opened anew: a connection that met a failed sync is
invalid for ever, while the files are as good as their last commit."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import structlog
from numpy import int64
from numpy.typing import NDArray

from gateway.domain.errors import StoreError, StoreFull, StoreUnavailable
from gateway.domain.reading import Batch, Reading
from gateway.domain.record import Record
from gateway.domain.series import Buckets, Series, SeriesStats, Written
from gateway.ports import Clock
from sinks.series.duckdb.config import DuckDbConfig
from sinks.series.duckdb.folder import SegmentFolder

T = TypeVar("T")
NOTHING = Written(0, 0, 0)
log = structlog.get_logger()


class DuckDbStore:
    """SeriesStore on a folder of segments. All calls come from one thread; each raises StoreUnavailable or StoreFull
    when the disk does, and the next one tries again."""

    def __init__(self, folder: Path, config: DuckDbConfig, clock: Clock) -> None:
        """Opens the folder, creating it. Raises StoreError when a file is damaged or another process writes it."""
        self._path, self._config, self._clock = folder, config, clock
        self._floor = clock.now() - config.retention
        self._uncertain_write = (0, NOTHING)
        self._folder: SegmentFolder | None = SegmentFolder(folder, config, clock)

    def cursor(self, partition: int) -> int:
        """The last sequence number of which every row is stored."""
        return self._call(lambda folder: folder.cursor(partition))

    def secured(self, partition: int) -> int:
        """A commit is on disk."""
        return self.cursor(partition)

    def learn(self, kept: Callable[[], Iterable[Record]]) -> None:
        """Rows have numbers alone."""

    def write(self, partition: int, records: Sequence[Record]) -> Written:
        """See `SeriesStore.write`. A commit that failed may be on disk nevertheless (the sync failed, not the
        write): then its rows are not written again, and its counts are in this answer."""
        with self._open() as folder:
            done = folder.cursor(partition)
            made = folder.write(partition, records)
            folder.attempted = (0, NOTHING)
        last, kept = self._uncertain_write
        self._uncertain_write = (0, NOTHING)
        return made.plus(kept) if last and last == done else made

    def range(self, device: int, point: int, start: int, end: int, limit: int = 100_000) -> Series:
        """See `SeriesStore.range`."""
        return self._call(lambda folder: folder.range(device, point, start, end, limit))

    def aggregate(self, device: int, point: int, start: int, end: int, every: int) -> Buckets:
        """See `SeriesStore.aggregate`. Raises ValueError for `every` <= 0."""
        return self._call(lambda folder: folder.aggregate(device, point, start, end, every))

    def latest(self, device: int) -> Sequence[Reading]:
        """See `SeriesStore.latest`."""
        return self._call(lambda folder: folder.latest(device))

    def scan(self, start: int, end: int, devices: Sequence[int] | None = None) -> Iterator[Batch]:
        """See `SeriesStore.scan`."""
        with self._open() as folder:
            yield from folder.scan(start, end, devices)

    def before(self, moment: int, devices: Sequence[int]) -> Batch:
        """See `SeriesStore.before`."""
        return self._call(lambda folder: folder.before(moment, devices))

    def held(self) -> "OpenSegments":
        """The files that are being written."""
        return OpenSegments(self._call)

    def retain(self, before: int) -> int:
        """Older rows disappear from reads at once; a file is deleted when all of its rows are too old."""
        self._floor = before
        return self._call(lambda folder: folder.retain(before))

    def expire(self, moments: Mapping[int, int]) -> bool:
        """See `SeriesStore.expire`. A sealed file is rewritten; the live ones reuse the pages."""
        return self._call(lambda folder: folder.expire(moments))

    def stats(self) -> SeriesStats:
        """See `SeriesStore.stats`."""
        return self._call(lambda folder: folder.stats())

    def close(self) -> None:
        """Fold the write-ahead logs into the files and close. A disk that does not take it loses nothing."""
        folder, self._folder = self._folder, None
        if folder is None:
            return
        try:
            folder.settle()
        except duckdb.Error as error:
            log.warning("series store: closed with its log unfolded", error=str(error))
        folder.abandon()

    def _call(self, work: Callable[[SegmentFolder], T]) -> T:
        with self._open() as folder:
            return work(folder)

    @contextmanager
    def _open(self) -> Iterator[SegmentFolder]:
        """The folder, opened anew after an error; errors of DuckDB become StoreErrors."""
        try:
            folder = self._folder or self._again()
            yield folder
        except duckdb.OutOfMemoryException as error:
            raise StoreUnavailable(str(error)) from error
        except (duckdb.Error, OSError) as error:
            self._leave(error)
            full = "space" in str(error).lower()
            raise (StoreFull if full else StoreUnavailable)(f"{self._path}: {error}") from error

    def _leave(self, error: Exception) -> None:
        if self._folder is not None:
            log.warning("series store: opened anew before it is used again", error=str(error))
            self._uncertain_write = self._folder.attempted
            self._folder.abandon()
            self._folder = None

    def _again(self) -> SegmentFolder:
        """Replays the logs, and syncs their contents: a log whose sync failed may not be on disk."""
        try:
            folder = SegmentFolder(self._path, self._config, self._clock)
        except StoreError as error:  # it was open before: whatever is wrong now, the disk may get over it
            raise StoreUnavailable(str(error)) from error
        try:
            folder.retain(self._floor)
            folder.settle()
        except BaseException:
            folder.abandon()
            raise
        self._folder = folder
        log.info("series store: open again")
        return folder


class OpenSegments:
    """The files that a store is writing (HeldReadings); `call` runs work on its folder."""

    def __init__(self, call: Callable[[Callable[[SegmentFolder], Any]], Any]) -> None:
        self._call = call

    def rows(self, start: int, end: int, devices: Sequence[int] | None, points: Sequence[int] | None) -> Batch:
        """See `HeldReadings.rows`."""
        found: Batch = self._call(lambda folder: folder.open_rows(start, end, devices, points))
        return found

    def counts(self, start: int, end: int, width: int) -> NDArray[int64]:
        """See `HeldReadings.counts`."""
        found: NDArray[int64] = self._call(lambda folder: folder.open_counts(start, end, width))
        return found

    def before(self, moment: int, devices: Sequence[int]) -> Batch:
        """See `SeriesStore.before`."""
        found: Batch = self._call(lambda folder: folder.before(moment, devices))
        return found
