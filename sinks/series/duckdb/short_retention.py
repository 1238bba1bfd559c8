"""Points with a shorter retention than the rest: their readings are deleted from the files.

A sealed file is rewritten without them and replaces the old one: readers of the old file are not disturbed, and no page
keeps deleted data. Finished work is recorded, so that a start checks only what is left.
"""

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import Batch
from gateway.durable import replace_synced, sync_names
from sinks.series.duckdb.segment import COLUMNS, Segment, attach, create

DONE = "shorter.json"
SCRATCH = ".part"
_ALWAYS = -(2**62)


class ShortRetention:
    """Point -> the moment (µs) before which its readings are gone.

    What holds between two calls: no file has a row of a point in `_done` from before its moment, and the table `newest`
    of a sealed file has none of these points at all (it would have to be cleaned anew every day).
    """

    def __init__(self, folder: Path) -> None:
        """Reads which deletions are complete; if that cannot be read, all files are checked again."""
        self._file = folder / DONE
        self._done: dict[int, int] = {}
        with suppress(FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            self._done = {int(p): int(at) for p, at in json.loads(self._file.read_text("utf-8"))["points"].items()}
        self._wanted = dict(self._done)
        self._clean: set[str] = set()

    def moments(self) -> Mapping[int, int]:
        """Point -> moment, as last set."""
        return self._wanted

    def is_kept(self, batch: Batch) -> NDArray[np.bool_]:
        """bool per row: False if it is too old for its point."""
        if not self._wanted:
            return np.ones(len(batch), np.bool_)
        points = np.array(sorted(self._wanted), np.int64)
        moments = np.array([self._wanted[p] for p in points.tolist()], np.int64)
        place = np.minimum(np.searchsorted(points, batch.point), len(points) - 1)
        is_kept: NDArray[np.bool_] = (points[place] != batch.point) | (batch.at >= moments[place])
        return is_kept

    def aim(self, moments: Mapping[int, int]) -> None:
        """Set the moments. Points that are not named are kept like the rest; a moment may go back with the clock."""
        if moments == self._wanted:
            return
        self._wanted, self._clean = dict(moments), set()
        low = {point: min(at, moments[point]) for point, at in self._done.items() if point in moments}
        self._write(low)

    def next(self, segments: Iterable[Segment]) -> Iterable[Segment]:
        """Files that may hold rows to delete. If there are none, everything is deleted."""
        if self._done == self._wanted:
            return
        fresh = self._wanted.keys() - self._done.keys()
        moved = [p for p, at in self._wanted.items() if at != self._done.get(p)]
        low = min(self._done.get(p, _ALWAYS) for p in moved)
        high = max(self._wanted[p] for p in moved)
        for one in segments:
            if one.path.stem in self._clean:
                continue
            if fresh or not one.sealed or one.touches(low, high):
                yield one
            self._clean.add(one.path.stem)
        self._write(dict(self._wanted))

    def clean(self, connection: duckdb.DuckDBPyConnection, segment: Segment) -> Segment | None:
        """The file without rows that are too old; None when it had none of them."""
        old = " OR ".join(f"(point = {p} AND ts < {at})" for p, at in self._wanted.items())
        all_ = self._points() if segment.sealed else old
        rows = _count(connection, f"{segment.name}.reading WHERE {old}")
        if not rows and not _count(connection, f"{segment.name}.newest WHERE {all_}"):
            return None
        if segment.sealed:
            return _written_anew(connection, segment, rows, old, all_)
        connection.execute("BEGIN")
        try:
            connection.execute(f"DELETE FROM {segment.name}.reading WHERE {old}")
            connection.execute(f"DELETE FROM {segment.name}.newest WHERE {old}")
            connection.execute(f"UPDATE {segment.name}.meta SET rows = rows - ?", [rows])
            connection.execute("COMMIT")
        except duckdb.Error:
            with suppress(duckdb.Error):  # what went wrong first is what counts
                connection.execute("ROLLBACK")
            raise
        with suppress(duckdb.TransactionException):  # a scan is under way: the next checkpoint does it
            connection.execute(f"CHECKPOINT {segment.name}")
        return replace(segment, rows=segment.rows - rows)

    def seal(self, connection: duckdb.DuckDBPyConnection, segment: Segment) -> None:
        """Remove these points from the table `newest` before a file is sealed."""
        if self._wanted:
            connection.execute(f"DELETE FROM {segment.name}.newest WHERE {self._points()}")

    def _points(self) -> str:
        return f"point IN ({', '.join(str(point) for point in self._wanted)})"

    def _write(self, done: dict[int, int]) -> None:
        if done != self._done:
            replace_synced(self._file, {"points": {str(point): at for point, at in sorted(done.items())}})
            self._done = done


def left_over(folder: Path) -> Iterable[Path]:
    """Remains of a file whose rewriting was cut off by a crash."""
    return folder.glob(f"*.duckdb{SCRATCH}*")


def _count(connection: duckdb.DuckDBPyConnection, what: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {what}").fetchone()
    return int(row[0]) if row else 0


def _written_anew(connection: duckdb.DuckDBPyConnection, old: Segment, rows: int, gone: str, known: str) -> Segment:
    """The rows but those of `gone`, and `newest` but those of `known`, in a new file under the old name."""
    path = old.path.with_name(old.path.name + SCRATCH)
    for left in (path, path.with_name(path.name + ".wal")):
        left.unlink(missing_ok=True)
    name, quoted = f"{old.name}_anew", str(path).replace("'", "''")
    connection.execute(f"ATTACH '{quoted}' AS {name}")
    create(connection, name, old.kind)
    connection.execute(f"INSERT INTO {name}.reading SELECT {COLUMNS} FROM {old.name}.reading WHERE NOT ({gone})")
    connection.execute(f"INSERT INTO {name}.newest SELECT * FROM {old.name}.newest WHERE NOT ({known})")
    connection.execute(f"INSERT INTO {name}.progress SELECT * FROM {old.name}.progress")
    bounds = [old.first, old.last, old.rows - rows, old.conflicts]
    connection.execute(f"UPDATE {name}.meta SET first = ?, last = ?, rows = ?, conflicts = ?", bounds)
    connection.execute(f"CHECKPOINT {name}")
    connection.execute(f"DETACH {name}")
    with path.open("rb") as file:
        os.fsync(file.fileno())
    connection.execute(f"DETACH {old.name}")
    path.replace(old.path)
    sync_names(old.path.parent)
    return attach(connection, old.path, old.kind, sealed=True)
